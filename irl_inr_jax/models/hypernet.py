"""H_psi(z) = eta: from latents to the weights of the INR (paper, section 3.2 and Appendix A)."""

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from irl_inr_jax.models.inr import InrSpec, init_eta
from irl_inr_jax.models.mlp import MLP, Initializer
from irl_inr_jax.types import PyTree


class HyperNetwork(nn.Module):
    """An MLP whose output is read as an INR's weights.

    `last_bias_init` is meant to draw the weights of one working INR; the last kernel is small, so that training begins
    with that INR plus a little of every latent. With zero biases the emitted weights start near zero, the INR is dead
    behind its sigmoid and stays at the mean image.
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
            last_kernel_init=nn.initializers.variance_scaling(0.1, "fan_in", "normal"),
            last_bias_init=self.last_bias_init,
        )(latents)
        return unflatten_eta(flat, self.spec)


def unflatten_eta(flat: Float[Array, "b k"], spec: InrSpec) -> PyTree:
    """A batch of weight vectors as a batch of `eta`, in the order in which `ravel_pytree` flattens one."""
    shapes = jax.eval_shape(lambda: init_eta(jax.random.key(0), spec, jnp.zeros(spec.channels)))
    leaves, treedef = jax.tree.flatten(shapes)
    pieces, start = [], 0
    for leaf in leaves:
        pieces.append(flat[:, start : start + leaf.size].reshape(-1, *leaf.shape))
        start += leaf.size
    return jax.tree.unflatten(treedef, pieces)
