"""IRL-INR with one MLP of coords and latents in the place of hypernetwork and INR (paper, section 4.5).

    E(J) = (z, theta, tau)      J_p = G(z, S_{theta,tau}^-1(x_p))

All images share the weights of G, and z enters as a shift of its first layer.
"""

import jax
from jaxtyping import Array, Float
from ml_collections import ConfigDict

from irl_inr_jax.geometry.coords import as_coords
from irl_inr_jax.methods.irl_inr import bind_parts, loss, make_parts
from irl_inr_jax.models.generator import Generator
from irl_inr_jax.models.spatial_generator import init_spatial_generator, make_spatial_generator
from irl_inr_jax.types import AxisName, Method, PosedPixels, PyTree


def make_method(config: ConfigDict, *, num_channels: int, low: float, axis_name: AxisName) -> Method:
    """The method as `config.model`, `config.loss` and `config.views` have it.

    low: the least value of a pixel, 0 or -1.
    axis_name: the mapped axis over which batch norm takes its statistics; None outside a mapped function.
    """
    generator = make_mlp_generator(config, num_channels=num_channels, low=low)
    parts = make_parts(config, generator, axis_name=axis_name, num_aux=0)
    return bind_parts("mlp_generator", parts, loss)


def make_mlp_generator(config: ConfigDict, *, num_channels: int, low: float) -> Generator:
    """G of `config.model.spatial`; eta are the latents themselves."""
    network = make_spatial_generator(config, num_channels=num_channels)

    def init(key: jax.Array, images: Float[Array, "b h w c"]) -> tuple[PyTree, Float[Array, "f 2"] | None]:
        params, frequencies = init_spatial_generator(network, config, *jax.random.split(key), images, low)
        # As for an INR: the first picture is the mean pixel with little of a random texture.
        last = {**params["logits"], "kernel": 0.1 * params["logits"]["kernel"]}
        return {**params, "logits": last}, frequencies

    def emit(params: PyTree, latents: Float[Array, "b d"]) -> Float[Array, "b d"]:
        return latents

    def draw(
        params: PyTree,
        eta: Float[Array, "b d"],
        frequencies: Float[Array, "f 2"] | None,
        places: Float[Array, "b n 2"] | Float[Array, "n 2"] | PosedPixels,
    ) -> Float[Array, "b n c"]:
        logits = network.apply({"params": params}, eta, as_coords(places, len(eta)), frequencies)
        return low + (1 - low) * jax.nn.sigmoid(logits)

    return Generator(init, emit, draw)
