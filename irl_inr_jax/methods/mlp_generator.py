"""IRL-INR with one MLP of coords and latents instead of hypernetwork and INR (paper, section 4.5).

    E(J) = (z, theta, tau)      J_p = G(z, S_{theta,tau}^-1(x_p))

All images share the weights of G, and z enters as a shift of its first layer.
"""

from typing import cast

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from ml_collections import ConfigDict

from irl_inr_jax.methods.irl_inr import loss
from irl_inr_jax.methods.parts import bind_parts, make_parts
from irl_inr_jax.models.generator import Generator
from irl_inr_jax.models.spatial_generator import init_spatial_generator, make_spatial_generator
from irl_inr_jax.types import AxisName, Method, PyTree


def make_method(config: ConfigDict, *, num_channels: int, low: float, axis_name: AxisName) -> Method:
    """Make the method from `config.model`, `config.loss` and `config.views`."""
    generator = make_mlp_generator(config, num_channels=num_channels, low=low)
    parts = make_parts(config, generator, axis_name=axis_name, num_aux=0)
    return bind_parts("mlp_generator", parts, loss)


def make_mlp_generator(config: ConfigDict, *, num_channels: int, low: float) -> Generator:
    """Return G of `config.model.spatial`; eta is the latents themselves."""
    network = make_spatial_generator(config, num_channels=num_channels)

    def init(key: jax.Array, images: Float[Array, "b h w c"]) -> tuple[PyTree, Float[Array, "f 2"] | None]:
        network_key, frequencies_key = jax.random.split(key)
        params, frequencies = init_spatial_generator(network, config, network_key, frequencies_key, images, low)
        # As for an INR, the first image is close to the mean pixel.
        last = {**params["logits"], "kernel": 0.1 * params["logits"]["kernel"]}
        return {**params, "logits": last}, frequencies

    def emit(params: PyTree, latents: Float[Array, "b d"]) -> Float[Array, "b d"]:
        return latents

    def render(
        params: PyTree,
        eta: Float[Array, "b d"],
        frequencies: Float[Array, "f 2"] | None,
        coords: Float[Array, "#b n 2"],
    ) -> Float[Array, "b n c"]:
        coords = jnp.broadcast_to(coords, (len(eta), *coords.shape[1:]))
        logits = cast(jax.Array, network.apply({"params": params}, eta, coords, frequencies))
        return low + (1 - low) * jax.nn.sigmoid(logits)

    return Generator(init, emit, render)
