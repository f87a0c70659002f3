"""Parameters that are split over devices: their placement, and the mean and norm of their gradients.

`Method.is_shared` names them. The optimizer's state of a parameter is split as the parameter is. On a mesh with such
devices `axis_name` is a pair: the axis over which only images are split, and the axis over which parameters are too.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from jax.sharding import PartitionSpec as P

from irl_inr_jax.types import AxisName, Method, PyTree, TrainState


def state_specs(method: Method, state: TrainState, axis_name: AxisName) -> PyTree:
    """Return the spec of each leaf of the state: replicated, or split along its last axis.

    state: whole arrays, or their shapes from `jax.eval_shape`.
    """

    def spec(path, leaf):
        names = path_names(path)
        if isinstance(axis_name, tuple) and names and method.is_shared(names):
            return P(*[None] * (leaf.ndim - 1), axis_name[1])
        return P()

    return jax.tree.map_with_path(spec, state)


def path_names(path: tuple) -> tuple[str, ...]:
    """Return the dict keys on a path, which are the path of a parameter in any tree that contains it."""
    return tuple(entry.key for entry in path if isinstance(entry, jax.tree_util.DictKey))


def make_norm(method: Method, axis_name: AxisName) -> Callable[[PyTree], jax.Array]:
    """Return a function that computes the norm of the whole gradient from this device's part of it."""
    if not isinstance(axis_name, tuple):
        return optax.tree.norm

    def norm(grads: PyTree) -> jax.Array:
        shared, whole = split_shared(method, grads)
        squares = [sum((jnp.sum(leaf**2) for leaf in leaves), jnp.zeros(())) for leaves in (shared, whole)]
        return jnp.sqrt(jax.lax.psum(squares[0], axis_name[1]) + squares[1])

    return norm


def split_shared(method: Method, params: PyTree) -> tuple[list[jax.Array], list[jax.Array]]:
    """Return the leaves that `method.is_shared` names, and the others."""
    shared, whole = [], []
    for path, leaf in jax.tree.leaves_with_path(params):
        (shared if method.is_shared(path_names(path)) else whole).append(leaf)
    return shared, whole


def average_gradients(method: Method, grads: PyTree, axis_name: AxisName) -> PyTree:
    """Return the mean over all devices of the gradients that each computed from its images.

    The gradient of a split parameter arrives as the sum over the devices that share it, because its outputs went to
    all of them.
    """
    if not isinstance(axis_name, tuple):
        return grads if axis_name is None else jax.lax.pmean(grads, axis_name)
    shared, whole = split_shared(method, grads)
    shared = [leaf / jax.lax.axis_size(axis_name[1]) for leaf in jax.lax.pmean(shared, axis_name[0])]
    averaged = {True: iter(shared), False: iter(jax.lax.pmean(whole, axis_name))}
    return jax.tree.map_with_path(lambda path, _: next(averaged[method.is_shared(path_names(path))]), grads)
