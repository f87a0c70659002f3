"""Latents to images: the hypernetwork and the INR (paper, Figure 1, right half)."""

from collections.abc import Callable
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float
from ml_collections import ConfigDict

from irl_inr_jax.devices.compute import choose_speed
from irl_inr_jax.models.fourier import sample_frequencies
from irl_inr_jax.models.hypernetwork import HyperNetwork
from irl_inr_jax.models.inr import InrSpec, apply_inr, init_eta
from irl_inr_jax.types import AxisName, PyTree, share_nothing


class Generator(NamedTuple):
    """Decoder from latents to pixel values, as pure functions.

    init(key, images) -> (params, frequencies); `frequencies` are the fixed B of Fourier features, or None.
    emit(params, latents (b, d)) -> eta, the representation of each image: a pytree of (b, ...) leaves.
    render(params, eta, frequencies, coords) -> values (b, n, c) in [low, 1] at coords (b, n, 2), or (1, n, 2) for the
        same points of all images.
    is_shared(path) -> whether the last axis of the parameter at that path is sharded over devices, for
        `config.model.hypernet.num_shards` > 1.

    For IRL-INR eta is the weights of an INR, and `render` uses no other parameters.
    """

    init: Callable[..., tuple[PyTree, jax.Array | None]]
    emit: Callable[..., PyTree]
    render: Callable[..., jax.Array]
    is_shared: Callable[[tuple[str, ...]], bool] = share_nothing


def make_generator(config: ConfigDict, *, num_channels: int, low: float, axis_name: AxisName) -> Generator:
    """Return H_psi and I of `config.model`, for latents of size `config.model.latent_dim`.

    axis_name: for a sharded hypernetwork, the second of the pair is the axis of the devices that share it.
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

    def render(
        params: PyTree, eta: PyTree, frequencies: Float[Array, "f 2"], coords: Float[Array, "#b n 2"]
    ) -> Float[Array, "b n c"]:
        def one(eta, coords):
            return apply_inr(eta, coords, frequencies, spec=spec, dtype=dtype)

        # The features of points that all images share are computed once.
        is_common = len(coords) == 1
        batched = jax.vmap(one, in_axes=(0, None if is_common else 0))
        if speed.remat != "none":
            batched = jax.checkpoint(batched)
        with jax.named_scope("inr"):
            return batched(eta, coords[0] if is_common else coords)

    last_layer = ("MLP_0", f"Dense_{len(model.hypernet.widths)}")
    return Generator(init, emit, render, is_shared=lambda path: path[:2] == last_layer)
