"""Spatial generators: one MLP from coords and latents to pixels (Spatial-VAE, TARGET-VAE; section 4.5 of the paper).

Unlike an INR with a hypernetwork it has the same weights for every image; z enters as a shift of its first layer.
"""

import math
from collections.abc import Callable, Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from ml_collections import ConfigDict

from irl_inr_jax.models.fourier import fourier_features, sample_frequencies
from irl_inr_jax.models.inr import pixel_logit
from irl_inr_jax.types import PyTree

ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {"leaky_relu": nn.leaky_relu, "tanh": jnp.tanh}


class SpatialGenerator(nn.Module):
    """logits(z, x) = MLP(act(W_x phi(x) + W_z z + b)), phi the identity or Fourier features.

    widths: hidden layers, the first of which takes both. activation: a key of `ACTIVATIONS`. channels: 1 grey, 3 RGB.
    """

    widths: Sequence[int]
    activation: str
    channels: int
    dtype: jnp.dtype

    @nn.compact
    def __call__(
        self, latents: Float[Array, "b d"], coords: Float[Array, "#b n 2"], frequencies: Float[Array, "f 2"] | None
    ) -> Float[Array, "b n c"]:
        """Compute the logits. frequencies: B of the Fourier features, None to use the coords themselves."""
        activate = ACTIVATIONS[self.activation]
        first, *others = self.widths
        x = coords if frequencies is None else fourier_features(coords, frequencies)
        x = nn.Dense(first, dtype=self.dtype, name="coords")(x)
        x = activate(x + nn.Dense(first, use_bias=False, dtype=self.dtype, name="latents")(latents)[:, None])
        for width in others:
            x = activate(nn.Dense(width, dtype=self.dtype)(x))
        return nn.Dense(self.channels, dtype=self.dtype, name="logits")(x).astype(jnp.float32)


def make_spatial_generator(config: ConfigDict, *, num_channels: int) -> SpatialGenerator:
    """Return the generator of `config.model.spatial`."""
    spatial = config.model.spatial
    return SpatialGenerator(
        widths=tuple(spatial.widths),
        activation=spatial.activation,
        channels=num_channels,
        dtype=jnp.dtype(config.model.dtype),
    )


def init_spatial_generator(
    generator: SpatialGenerator,
    config: ConfigDict,
    key: jax.Array,
    frequencies_key: jax.Array,
    images: Float[Array, "b h w c"],
    low: float,
) -> tuple[PyTree, Float[Array, "f 2"] | None]:
    """Return initial parameters, whose output is the mean pixel of the images in [low, 1], and the frequencies B.

    B of `config.model.spatial` has entries N(0, frequency_std^2) in periods over half the image and is not trained;
    0 is one radian per pixel, the bandwidth of TARGET-VAE. It is None without Fourier features, because a checkpoint
    cannot hold an empty array.
    """
    spatial, frequencies = config.model.spatial, None
    if spatial.num_frequencies:
        deviation = spatial.frequency_std or pixel_bandwidth(images.shape[1])
        frequencies = sample_frequencies(frequencies_key, spatial.num_frequencies, deviation)
    latents, coords = jnp.zeros((1, config.model.latent_dim)), jnp.zeros((1, 1, 2))
    params = generator.init(key, latents, coords, frequencies)["params"]
    bias = pixel_logit(images.mean((0, 1, 2)), low)
    return {**params, "logits": {**params["logits"], "bias": bias}}, frequencies


def pixel_bandwidth(side: int) -> float:
    """Return a radian per pixel in periods over half of an image `side` pixels wide: side / (4 pi).

    The authors of TARGET-VAE divide coords that are -1 and 1 at the centres of the first and last pixel by 2 / (n - 1),
    the distance of pixels, and draw standard normal frequencies in radians.
    """
    return side / (4 * math.pi)
