from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from irl_inr_jax.geometry.coords import pixel_grid
from irl_inr_jax.models.generator import make_generator
from irl_inr_jax.models.inr import ACTIVATIONS
from irl_inr_jax.presets import tiny

SIDE = 8


@pytest.fixture(params=[1, 3], ids=["grey", "rgb"])
def made(request):
    return start_small(request.param)


@cache
def start_small(channels):
    return start(tiny.get_config().unlock(), channels)


def start(config, channels):
    images = jnp.asarray(np.random.default_rng(0).uniform(0, 0.4, (5, SIDE, SIDE, channels)), jnp.float32)
    generator = make_generator(config, num_channels=channels, low=0.0, axis_name=None)
    params, frequencies = jax.jit(generator.init)(jax.random.key(0), images)
    latents = jax.random.normal(jax.random.key(1), (4, config.model.latent_dim))
    coords = jnp.broadcast_to(pixel_grid(SIDE, SIDE), (4, SIDE * SIDE, 2))
    return generator, params, frequencies, latents, coords, images


@partial(jax.jit, static_argnums=0)
def render(generator, frequencies, params, latents, coords):
    return generator.render(params, generator.emit(params, latents), frequencies, coords)


def test_a_batch_is_rendered_as_in_a_loop(made):
    generator, params, frequencies, latents, coords, images = made
    coords = coords * jnp.array([1.0, 0.5, 0.3, -1.0])[:, None, None]
    together = render(generator, frequencies, params, latents, coords)
    assert together.shape == (4, SIDE * SIDE, images.shape[-1]) and together.dtype == jnp.float32
    for i in range(4):
        alone = render(generator, frequencies, params, latents[i : i + 1], coords[i : i + 1])
        np.testing.assert_allclose(together[i], alone[0], atol=1e-5)
    assert np.abs(np.asarray(together[0]) - together[1]).max() > 1e-3


def test_coords_shared_by_all_images_are_those_of_each(made):
    generator, params, frequencies, latents, coords, _ = made
    common = render(generator, frequencies, params, latents, coords[:1])
    np.testing.assert_allclose(common, render(generator, frequencies, params, latents, coords), atol=1e-5)


def test_frequencies_are_not_among_the_parameters(made, tiny_config):
    _, params, frequencies, *_ = made
    num = tiny_config.model.inr.num_frequencies
    assert frequencies.shape == (num, 2)
    assert all(leaf.shape != frequencies.shape for leaf in jax.tree.leaves(params))
    assert set(params) == {"MLP_0"}


@pytest.fixture(params=ACTIVATIONS, scope="module")
def wide(request):
    """Networks of realistic width, for which the scale of the initialisation matters."""
    config = tiny.get_config().unlock()
    config.model.inr.update(widths=(128, 128, 128), num_frequencies=64, activation=request.param)
    config.model.hypernet.widths = (32, 32)
    generator, params, frequencies, latents, coords, images = start(config, 3)

    def error(latents):
        return jnp.mean((render(generator, frequencies, params, latents, coords) - images.mean()) ** 2)

    return jax.jit(jax.value_and_grad(error)), latents


def test_the_first_images_are_near_the_mean_image(wide):
    """For latents of unit size, as in the first step of a normalised encoder, no pixel may be saturated."""
    error, latents = wide
    assert float(error(latents)[0]) < 0.01


def test_the_first_images_already_depend_on_the_latents(wide):
    error, latents = wide
    gradient = np.linalg.norm(error(0.1 * latents)[1], axis=1)
    assert np.all(gradient > 1e-7) and np.all(np.isfinite(gradient))


def test_bfloat16_renders_nearly_the_same_from_float32_parameters(tiny_config):
    generator, params, frequencies, latents, coords, _ = start_small(1)
    tiny_config.model.dtype = "bfloat16"
    low = make_generator(tiny_config, num_channels=1, low=0.0, axis_name=None)
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {jnp.dtype("float32")}
    values = render(low, frequencies, params, latents, coords)
    assert values.dtype == jnp.float32
    np.testing.assert_allclose(values, render(generator, frequencies, params, latents, coords), atol=0.05)
