"""Initial weights of dense layers as in PyTorch, with which the published methods start."""

import math
from collections.abc import Callable
from typing import cast

import jax
from flax.traverse_util import flatten_dict, unflatten_dict

from irl_inr_jax.types import PyTree

Init = Callable[..., tuple[PyTree, PyTree]]
KERNELS = {"kernel": 2, "filters": 4}  # names of kernels and the dimensions of those that are drawn


def choose_initial_weights(init: Init, initial_weights: str) -> Init:
    """Return init(key, images) -> (params, model_state) with the dense layers of `config.model.initial_weights`."""
    if initial_weights == "scaled":
        return init

    def init_uniform(key: jax.Array, images: jax.Array) -> tuple[PyTree, PyTree]:
        params, model_state = init(key, images)
        return draw_uniform(jax.random.fold_in(key, 1), params), model_state

    return init_uniform


def draw_uniform(key: jax.Array, params: PyTree) -> PyTree:
    """Return the parameters with dense layers and filter banks drawn from U(-1 / sqrt(n), 1 / sqrt(n)), n inputs.

    Kernel and bias of a layer have the same bound. Convolutions without bias, those of ResNets, keep their initial
    weights, He's with fan out, and so do norms.
    """
    leaves = cast(dict[tuple[str, ...], jax.Array], flatten_dict(params))
    for number, (path, kernel) in enumerate(sorted(leaves.items())):
        if KERNELS.get(path[-1]) != kernel.ndim:
            continue
        bound = 1 / math.sqrt(math.prod(kernel.shape[:-1]))
        kernel_key, bias_key = jax.random.split(jax.random.fold_in(key, number))
        leaves[path] = jax.random.uniform(kernel_key, kernel.shape, kernel.dtype, -bound, bound)
        bias = (*path[:-1], "bias")
        if bias in leaves:
            shape, dtype = leaves[bias].shape, leaves[bias].dtype
            leaves[bias] = jax.random.uniform(bias_key, shape, dtype, -bound, bound)
    return unflatten_dict(leaves)
