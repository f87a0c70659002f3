"""H_psi(z) = eta: from latents to the weights of the INR (paper, section 3.2 and Appendix A)."""

import math
from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from irl_inr_jax.models.inr import InrSpec, init_eta, weight_deviations
from irl_inr_jax.models.mlp import MLP, Initializer
from irl_inr_jax.types import PyTree

LATENT_SHARE = 0.3  # 1 starts with pictures as different as they can be without saturating, and learns no better


class HyperNetwork(nn.Module):
    """An MLP whose output is read as an INR's weights.

    `last_bias_init` is meant to draw the weights of one working INR, and latents move each weight by a share of the
    deviation that it has in such an INR: training begins with that INR plus something of every latent. With zero
    biases the emitted weights start near zero, the INR is dead behind its sigmoid and stays at the mean image; with one
    deviation for all weights it saturates.
    """

    widths: Sequence[int]
    spec: InrSpec
    dtype: jnp.dtype
    last_bias_init: Initializer

    @nn.compact
    def __call__(self, latents: Float[Array, "b d"]) -> PyTree:
        flat = MLP(
            (*self.widths, self.spec.num_weights),
            activation=lambda x: nn.leaky_relu(x, 0.1),
            dtype=self.dtype,
            last_kernel_init=scaled_kernel(self.spec),
            last_bias_init=self.last_bias_init,
        )(latents)
        return unflatten_eta(flat, self.spec)


def scaled_kernel(spec: InrSpec) -> Initializer:
    """Initialiser of the last kernel (fan_in, k): for inputs of mean square 1, weight i moves by LATENT_SHARE times
    the deviation of its layer."""

    def init(key, shape, dtype=jnp.float32):
        deviations = [
            jnp.full(size_in * size_out + size_out, deviation)
            for (size_in, size_out), deviation in zip(spec.layer_sizes, weight_deviations(spec), strict=True)
        ]
        scale = LATENT_SHARE / math.sqrt(shape[0])
        return (scale * jnp.concatenate(deviations) * jax.random.normal(key, shape)).astype(dtype)

    return init


def unflatten_eta(flat: Float[Array, "b k"], spec: InrSpec) -> PyTree:
    """A batch of weight vectors as a batch of `eta`, in the order in which `ravel_pytree` flattens one."""
    shapes = jax.eval_shape(lambda: init_eta(jax.random.key(0), spec, jnp.zeros(spec.channels)))
    leaves, treedef = jax.tree.flatten(shapes)
    pieces, start = [], 0
    for leaf in leaves:
        pieces.append(flat[:, start : start + leaf.size].reshape(-1, *leaf.shape))
        start += leaf.size
    return jax.tree.unflatten(treedef, pieces)
