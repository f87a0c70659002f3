"""E_phi on polar images: z is invariant to rotations by construction, the pose is not."""

from collections.abc import Sequence

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float
from ml_collections import ConfigDict

from irl_inr_jax.models.mlp import MLP
from irl_inr_jax.models.polar_trunk import InvariantHead, PolarTrunk, make_polar_trunk


class PolarEncoder(nn.Module):
    """A trunk of circular convolutions with two heads, applied as an `Encoder` is.

    The first `latent_dim` outputs are pooled over the angle, so that circular shifts of the polar image by multiples of
    the trunk's total stride leave them unchanged. The other outputs, pose and further ones, are those of an MLP on the
    features of all angles. head_width: hidden layer of the pooled head. other_widths: hidden layers of the other.
    num_outputs: of both heads together.
    """

    trunk: PolarTrunk
    head_width: int
    other_widths: Sequence[int]
    latent_dim: int
    num_outputs: int
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, polar: Float[Array, "b r t c"], *, train: bool) -> Float[Array, "b o"]:
        num_images, _, num_angles, _ = polar.shape
        features = self.trunk(jnp.swapaxes(polar, 1, 2).reshape(num_images, num_angles, -1))
        latents = InvariantHead(self.head_width, self.latent_dim, self.dtype)(features)
        widths = (*self.other_widths, self.num_outputs - self.latent_dim)
        others = MLP(widths, activation=nn.relu, dtype=self.dtype)(features.reshape(num_images, -1))
        return jnp.concatenate([latents, others.astype(jnp.float32)], axis=-1)


def make_polar_encoder(config: ConfigDict, *, num_outputs: int) -> PolarEncoder:
    """Return the encoder of `config.model.encoder.polar`, whose first outputs are the latents."""
    polar, dtype = config.model.encoder.polar, jnp.dtype(config.model.dtype)
    return PolarEncoder(
        trunk=make_polar_trunk(polar.widths, dtype=dtype),
        head_width=polar.head_width,
        other_widths=tuple(polar.pose_widths),
        latent_dim=config.model.latent_dim,
        num_outputs=num_outputs,
        dtype=dtype,
    )
