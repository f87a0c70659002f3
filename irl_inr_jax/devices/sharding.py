"""Parameters that devices share out instead of each having all: where they lie, their gradient and its norm.

`Method.is_shared` names them. What the optimiser keeps of a parameter is shared out as the parameter is. `axis_name` is
a pair in a mesh that has such devices: the axis over which only images are shared out, and that of those who share the
parameters as well.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from jax.sharding import PartitionSpec as P

from irl_inr_jax.types import AxisName, Method, PyTree, TrainState


def state_specs(method: Method, state: TrainState, axis_name: AxisName) -> PyTree:
    """How each leaf of the state lies on the mesh: whole everywhere, or its last axis shared out.

    state: one of whole arrays, or the `jax.eval_shape` of one.
    """

    def spec(path, leaf):
        names = path_names(path)
        shared = isinstance(axis_name, tuple) and bool(names) and method.is_shared(names)
        return P(*[None] * (leaf.ndim - 1), axis_name[1]) if shared else P()

    return jax.tree.map_with_path(spec, state)


def path_names(path: tuple) -> tuple[str, ...]:
    """The names on a path that are those of dicts: the parameter's own path wherever its tree is kept."""
    return tuple(entry.key for entry in path if isinstance(entry, jax.tree_util.DictKey))


def make_norm(method: Method, axis_name: AxisName) -> Callable[[PyTree], jax.Array]:
    """The norm of the whole gradient, on devices that have parts of it where `axis_name` is a pair."""
    if not isinstance(axis_name, tuple):
        return optax.tree.norm

    def norm(grads: PyTree) -> jax.Array:
        shared, whole = split_shared(method, grads)
        squares = [sum((jnp.sum(leaf**2) for leaf in leaves), jnp.zeros(())) for leaves in (shared, whole)]
        return jnp.sqrt(jax.lax.psum(squares[0], axis_name[1]) + squares[1])

    return norm


def split_shared(method: Method, params: PyTree) -> tuple[list[jax.Array], list[jax.Array]]:
    """The leaves that `method.is_shared` names, and the others."""
    shared, whole = [], []
    for path, leaf in jax.tree.leaves_with_path(params):
        (shared if method.is_shared(path_names(path)) else whole).append(leaf)
    return shared, whole


def average_gradients(method: Method, grads: PyTree, axis_name: AxisName) -> PyTree:
    """The mean over all devices of what each computed from its images.

    The gradient of what is shared out has come to be the sum over the devices that share it, by the way that its
    outputs went to them.
    """
    if not isinstance(axis_name, tuple):
        return grads if axis_name is None else jax.lax.pmean(grads, axis_name)
    shared, whole = split_shared(method, grads)
    shared = [leaf / jax.lax.axis_size(axis_name[1]) for leaf in jax.lax.pmean(shared, axis_name[0])]
    averaged = {True: iter(shared), False: iter(jax.lax.pmean(whole, axis_name))}
    return jax.tree.map_with_path(lambda path, _: next(averaged[method.is_shared(path_names(path))]), grads)
