"""Autoencoders of pixels instead of hypernetwork and INR (paper, section 4.5; the autoencoder baseline of the thesis).

    E(J) = (z, theta, tau)      D(z) = the canonical image, in pixels      J_p = D(z) sampled at S_{theta,tau}^-1(x_p)

The losses are those of IRL-INR on two views of every image, or of the thesis on an image and its rotated copies.
Without a pose (`config.model.pose.form` 'none') and with `recon` only it is an ordinary autoencoder.
"""

from typing import cast

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from ml_collections import ConfigDict

from irl_inr_jax.geometry.warps import sample_image
from irl_inr_jax.methods import irl_inr, thesis
from irl_inr_jax.methods.parts import bind_parts, make_parts
from irl_inr_jax.models.decoder import make_decoder
from irl_inr_jax.models.generator import Generator
from irl_inr_jax.models.inr import pixel_logit
from irl_inr_jax.types import AxisName, Method, PyTree

LOSSES = {"pair": irl_inr.loss, "copies": thesis.loss}


def make_method(config: ConfigDict, *, num_channels: int, low: float, axis_name: AxisName) -> Method:
    """Make the autoencoder from `config.model`, `config.loss` and `config.views`."""
    views = config.loss.views
    generator = make_pixel_generator(config, num_channels=num_channels, low=low)
    num_aux = config.model.latent_dim if views == "copies" else 0
    parts = make_parts(config, generator, axis_name=axis_name, num_aux=num_aux)
    return bind_parts("autoencoder", parts, LOSSES[views])


def make_pixel_generator(config: ConfigDict, *, num_channels: int, low: float) -> Generator:
    """Return a decoder whose image is eta, rendered by interpolation with `config.views.fill` outside it.

    Rendering is differentiable in the coords, and so in a trained pose. There are no frequencies: they are None.
    """
    decoder = make_decoder(config, num_channels=num_channels)
    fill = config.views.fill

    def init(key: jax.Array, images: Float[Array, "b h w c"]) -> tuple[PyTree, None]:
        start = pixel_logit(images.mean((0, 1, 2)), low)
        starting = decoder.clone(bias_init=lambda _, shape: jnp.broadcast_to(start, shape))
        params = starting.init(key, jnp.zeros((1, config.model.latent_dim)), size=images.shape[1:3])["params"]
        return params, None

    def emit(params: PyTree, latents: Float[Array, "b d"]) -> Float[Array, "b h w c"]:
        logits = cast(jax.Array, decoder.apply({"params": params}, latents, size=params["bias"].shape[:2]))
        return low + (1 - low) * jax.nn.sigmoid(logits)

    def render(
        params: PyTree, eta: Float[Array, "b h w c"], frequencies: None, coords: Float[Array, "#b n 2"]
    ) -> Float[Array, "b n c"]:
        def one(image, coords):
            return sample_image(image, coords, interpolation="bilinear", fill=fill)

        return jax.vmap(one)(eta, jnp.broadcast_to(coords, (len(eta), *coords.shape[1:])))

    return Generator(init, emit, render)
