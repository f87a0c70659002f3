"""Latents to images: the hypernetwork and the INR behind it (paper, Figure 1, right half)."""

from collections.abc import Callable
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float
from ml_collections import ConfigDict

from irl_inr_jax.devices.compute import choose_speed
from irl_inr_jax.geometry.coords import locate_pixels
from irl_inr_jax.models.fourier import sample_frequencies
from irl_inr_jax.models.hypernetwork import HyperNetwork
from irl_inr_jax.models.inr import InrSpec, apply_inr, init_eta
from irl_inr_jax.types import AxisName, PosedPixels, PyTree, share_nothing


class Generator(NamedTuple):
    """init(key, images) -> (params, frequencies); `frequencies` are the fixed B of Fourier features, if there are any.

    emit(params, latents (b, d)) -> eta, all that is to be known of each image: a pytree of (b, ...) leaves.
    draw(params, eta, frequencies, places) -> values (b, n, c) in [low, 1]; places are coords (b, n, 2), coords (n, 2)
    that are the same for all images, or `PosedPixels`.

    is_shared(path): whether the parameter at that path has its last axis shared out over devices, where
    `config.model.hypernet.num_shards` says so.

    Here eta is an INR's weights, and the generator's own parameters have no part in drawing.
    """

    init: Callable[..., tuple[PyTree, jax.Array | None]]
    emit: Callable[..., PyTree]
    draw: Callable[..., jax.Array]
    is_shared: Callable[[tuple[str, ...]], bool] = share_nothing


def make_generator(config: ConfigDict, *, num_channels: int, low: float, axis_name: AxisName) -> Generator:
    """H_psi and I of `config.model`, for latents of `config.model.latent_dim`.

    axis_name: where the hypernetwork is shared out, the second of the pair is the axis of those who share it.
    """
    model, dtype, speed = config.model, jnp.dtype(config.model.dtype), choose_speed(config)
    spec = InrSpec(
        widths=tuple(model.inr.widths),
        channels=num_channels,
        activation=model.inr.activation,
        num_frequencies=model.inr.num_frequencies,
        frequency_std=model.inr.frequency_std,
        low=low,
    )
    hypernet = HyperNetwork(
        widths=tuple(model.hypernet.widths),
        spec=spec,
        dtype=dtype,
        last_bias_init=nn.initializers.zeros_init(),
        num_shards=model.hypernet.num_shards,
        axis_name=axis_name[1] if isinstance(axis_name, tuple) else None,
    )

    def init(key: jax.Array, images: Float[Array, "b h w c"]) -> tuple[PyTree, Float[Array, "f 2"]]:
        weights_key, frequencies_key = jax.random.split(key)
        mean_pixel = images.mean((0, 1, 2))

        def working_inr(key, shape, dtype=jnp.float32):
            flat, _ = ravel_pytree(init_eta(key, spec, mean_pixel))
            return jnp.pad(flat, (0, shape[0] - len(flat))).astype(dtype)

        starting = hypernet.clone(last_bias_init=working_inr)
        params = starting.init(weights_key, jnp.zeros((1, model.latent_dim)))["params"]
        return params, sample_frequencies(frequencies_key, spec.num_frequencies, spec.frequency_std)

    def emit(params: PyTree, latents: Float[Array, "b d"]) -> PyTree:
        return hypernet.apply({"params": params}, latents)

    def draw(
        params: PyTree,
        eta: PyTree,
        frequencies: Float[Array, "f 2"],
        places: Float[Array, "b n 2"] | Float[Array, "n 2"] | PosedPixels,
    ) -> Float[Array, "b n c"]:
        posed = isinstance(places, PosedPixels)
        if posed and speed.fourier == "direct":
            places = locate_pixels(places)
        shared = not posed and places.ndim == 2  # their features are then computed once for all images

        def one(eta, places):
            return apply_inr(eta, places, frequencies, spec=spec, dtype=dtype)

        drawn = jax.vmap(one, in_axes=(0, None if shared else 0))
        with jax.named_scope("inr"):
            return (jax.checkpoint(drawn) if speed.remat != "none" else drawn)(eta, places)

    last_layer = ("MLP_0", f"Dense_{len(model.hypernet.widths)}")
    return Generator(init, emit, draw, is_shared=lambda path: path[:2] == last_layer)
