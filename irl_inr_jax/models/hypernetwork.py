"""H_psi(z) = eta: from latents to the weights of the INR (paper, section 3.2 and Appendix A).

Nearly all parameters are in its last layer, which has one column per weight of the INR and can be sharded over devices.
Each device then holds some of the columns, computes these weights for the images of all devices that share the layer,
and sends them to the devices that hold the images. Only weights of INRs are exchanged, for as many images as each
device holds, and neither the layer nor its gradient.
"""

import itertools
import math
from collections.abc import Sequence
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from irl_inr_jax.models.inr import InrSpec, init_eta, weight_deviations
from irl_inr_jax.models.mlp import MLP, Initializer
from irl_inr_jax.types import PyTree

LATENT_SHARE = 0.3  # 1 starts with the most different images that do not saturate, and trains no better


class HyperNetwork(nn.Module):
    """MLP whose outputs are the weights of an INR.

    `last_bias_init` should sample the initial weights of one INR (`init_eta`); latents change each weight by a share of
    its initial deviation, so that training begins with that INR plus a small contribution of every latent. With zero
    biases the weights start near zero and the INR stays at the mean image; with one deviation for all weights it
    saturates.

    num_shards: devices that share the last layer, whose number of columns is rounded up to a multiple of it; columns
    past `spec.num_weights` start at 0 and get no gradient. axis_name: of these devices in a mapped function, in which
    the parameters are this device's columns; None outside one, where they are all columns.
    """

    widths: Sequence[int]
    spec: InrSpec
    dtype: jnp.dtype
    last_bias_init: Initializer
    num_shards: int
    axis_name: str | None

    @nn.compact
    def __call__(self, latents: Float[Array, "b d"]) -> PyTree:
        num_columns = round_up(self.spec.num_weights, self.num_shards)
        gather = None
        if self.axis_name is not None:
            num_columns //= self.num_shards
            gather = partial(jax.lax.all_gather, axis_name=self.axis_name, tiled=True)
        flat = MLP(
            (*self.widths, num_columns),
            activation=lambda x: nn.leaky_relu(x, 0.1),
            dtype=self.dtype,
            last_kernel_init=scaled_kernel(self.spec),
            last_bias_init=self.last_bias_init,
            before_last=gather,
        )(latents)
        if self.axis_name is not None:
            flat = jax.lax.all_to_all(flat, self.axis_name, split_axis=0, concat_axis=1, tiled=True)
        return unflatten_eta(flat, self.spec)


def round_up(number: int, multiple: int) -> int:
    """Return the least multiple that is not below the number."""
    return -(-number // multiple) * multiple


def scaled_kernel(spec: InrSpec) -> Initializer:
    """Return the initialiser of the last kernel (fan_in, k or more).

    For inputs of mean square 1 it changes weight i by LATENT_SHARE times the deviation of its layer. Columns past the
    k-th are 0.
    """

    def init(key, shape, dtype=jnp.float32):
        deviations = [
            jnp.full(size_in * size_out + size_out, deviation)
            for (size_in, size_out), deviation in zip(spec.layer_sizes, weight_deviations(spec), strict=True)
        ]
        scale = LATENT_SHARE / math.sqrt(shape[0])
        kernel = scale * jnp.concatenate(deviations) * jax.random.normal(key, (shape[0], spec.num_weights))
        # With fewer columns, a device's share, only the shape is ever used.
        padded = jnp.pad(kernel, ((0, 0), (0, max(0, shape[1] - spec.num_weights))))
        return padded[:, : shape[1]].astype(dtype)

    return init


def unflatten_eta(flat: Float[Array, "b k"], spec: InrSpec) -> PyTree:
    """Convert a batch of weight vectors to a batch of `eta`, in the order of `ravel_pytree`.

    Entries past the spec's number of weights are dropped.
    """
    shapes = jax.eval_shape(lambda: init_eta(jax.random.key(0), spec, jnp.zeros(spec.channels)))
    leaves, treedef = jax.tree.flatten(shapes)
    ends = list(itertools.accumulate(leaf.size for leaf in leaves))
    *pieces, _ = jnp.split(flat, ends, axis=1)
    pieces = [piece.reshape(-1, *leaf.shape) for piece, leaf in zip(pieces, leaves, strict=True)]
    return jax.tree.unflatten(treedef, pieces)
