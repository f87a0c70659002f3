import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from irl_inr_jax.config import base
from irl_inr_jax.models.spatial_generator import ACTIVATIONS, init_spatial_generator, make_spatial_generator

B, N, D = 4, 9, 3
each_activation = pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
each_coords = pytest.mark.parametrize("num_frequencies", [0, 10], ids=["coords", "fourier"])


def make_config(*, num_frequencies=0, activation="tanh", dtype="float32", widths=(24, 20, 16)):
    config = base.get_config()
    config.model.dtype, config.model.latent_dim = dtype, D
    config.model.spatial.update(
        widths=widths, activation=activation, num_frequencies=num_frequencies, frequency_std=1.5
    )
    return config


def make_init(generator, config, channels):
    def init(keys):
        images = jnp.full((2, 4, 4, channels), 0.25)
        return init_spatial_generator(generator, config, *keys, images, 0.0)

    return init, jax.random.split(jax.random.key(0))


@functools.cache
def make(channels=2, **changes):
    """A generator, parameters without zeros, and frequencies; sampled by NumPy, since `init` takes a second."""
    config = make_config(**changes)
    generator = make_spatial_generator(config, num_channels=channels)
    params, frequencies = jax.eval_shape(*make_init(generator, config, channels))
    rng = np.random.default_rng(2)

    def sample(leaf, std):
        return jnp.asarray(std * rng.normal(size=leaf.shape), jnp.float32)

    params = jax.tree.map(lambda leaf: sample(leaf, leaf.shape[0] ** -0.5 if leaf.ndim > 1 else 0.2), params)
    return generator, params, frequencies and sample(frequencies, 1.5)


def inputs(seed=0):
    rng = np.random.default_rng(seed)
    return (
        jnp.asarray(rng.normal(size=(B, D)), jnp.float32),
        jnp.asarray(rng.uniform(-1, 1, size=(B, N, 2)), jnp.float32),
    )


def render(generator, params, latents, coords, frequencies):
    return np.asarray(jax.jit(generator.apply)({"params": params}, latents, coords, frequencies))


def reference(params, latent, coords, frequencies, activation):
    """One image in float64 NumPy: W_x phi(x) + W_z z + b, then a plain MLP."""
    everything = params, latent, coords, frequencies
    params, z, x, frequencies = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), everything)
    act = {"tanh": np.tanh, "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x)}[activation]
    if frequencies is not None:
        phase = 2 * math.pi * x @ frequencies.T
        x = np.concatenate([np.cos(phase), np.sin(phase)], axis=1)
    shift = z @ params["latents"]["kernel"]
    x = act(x @ params["coords"]["kernel"] + params["coords"]["bias"] + shift)
    for name in ("Dense_0", "Dense_1"):
        x = act(x @ params[name]["kernel"] + params[name]["bias"])
    return x @ params["logits"]["kernel"] + params["logits"]["bias"]


@each_coords
@each_activation
def test_a_generator_is_an_mlp_whose_first_layer_z_shifts(activation, num_frequencies):
    generator, params, frequencies = make(activation=activation, num_frequencies=num_frequencies)
    latents, coords = inputs()
    found = render(generator, params, latents, coords, frequencies)
    expected = [reference(params, z, x, frequencies, activation) for z, x in zip(latents, coords, strict=True)]
    assert found.shape == (B, N, 2)
    np.testing.assert_allclose(found, expected, atol=2e-4)


@each_coords
def test_z_enters_only_as_a_shift_without_a_bias(num_frequencies):
    """A change of the first bias has the same effect as z, and z = 0 has none."""
    generator, params, frequencies = make(num_frequencies=num_frequencies)
    latents, coords = inputs()
    latents = jnp.broadcast_to(latents[:1], (B, D))
    assert set(params["latents"]) == {"kernel"}
    first = params["coords"]
    shifted = {**params, "coords": {**first, "bias": first["bias"] + latents[0] @ params["latents"]["kernel"]}}
    found = render(generator, params, latents, coords, frequencies)
    np.testing.assert_allclose(found, render(generator, shifted, jnp.zeros((B, D)), coords, frequencies), atol=1e-5)
    assert np.abs(found - render(generator, params, jnp.zeros((B, D)), coords, frequencies)).max() > 1e-2


@each_coords
def test_images_and_points_are_rendered_independently(num_frequencies):
    generator, params, frequencies = make(num_frequencies=num_frequencies)
    latents, coords = inputs()
    together = render(generator, params, latents, coords, frequencies)
    for i in range(B):
        alone = render(generator, params, latents[i : i + 1], coords[i : i + 1], frequencies)
        np.testing.assert_allclose(together[i], alone[0], atol=1e-5)
    some = render(generator, params, latents, coords[:, ::-2], frequencies)
    np.testing.assert_allclose(some, together[:, ::-2], atol=1e-5)


@each_coords
def test_bfloat16_is_near_float32_and_gives_float32(num_frequencies):
    generator, params, frequencies = make(num_frequencies=num_frequencies)
    config = make_config(num_frequencies=num_frequencies, dtype="bfloat16")
    coarse = make_spatial_generator(config, num_channels=2)
    latents, coords = inputs()
    exact = render(generator, params, latents, coords, frequencies)
    found = render(coarse, params, latents, coords, frequencies)
    assert found.dtype == np.float32
    assert 0 < np.abs(found - exact).max() < 0.05 * np.abs(exact).max()


def test_frequencies_have_the_requested_number_and_deviation():
    config = make_config(num_frequencies=4000)
    init, keys = make_init(make_spatial_generator(config, num_channels=1), config, 1)
    _, frequencies = jax.jit(init)(keys)
    assert frequencies.shape == (4000, 2) and np.std(frequencies) == pytest.approx(1.5, rel=0.05)


def test_without_features_there_are_no_frequencies_and_the_first_image_is_the_mean_pixel():
    config = make_config()
    generator = make_spatial_generator(config, num_channels=2)
    init, keys = make_init(generator, config, 2)
    params, frequencies = jax.jit(init)(keys)
    assert frequencies is None
    np.testing.assert_allclose(jax.nn.sigmoid(params["logits"]["bias"]), [0.25, 0.25], rtol=1e-6)


def test_the_first_layer_may_be_the_only_one():
    generator, params, frequencies = make(widths=(8,), channels=1)
    assert set(params) == {"coords", "latents", "logits"}
    assert render(generator, params, *inputs(), frequencies).shape == (B, N, 1)


@pytest.mark.parametrize("side", [32, 50])
def test_the_published_bandwidth_is_a_radian_per_pixel(side):
    """The published phase is b.x / sigma, sigma = 2 / (n - 1), for normal b and x from -1 to 1."""
    keys, frequencies = jax.random.split(jax.random.key(0)), []
    for deviation in (0.0, 1.0):
        config = make_config(num_frequencies=6, widths=(2,))
        config.model.spatial.frequency_std = deviation
        generator = make_spatial_generator(config, num_channels=1)
        given = generator, config, *keys, jnp.full((2, side, side, 1), 0.25), 0.0
        frequencies.append(np.float64(init_spatial_generator(*given)[1]))
    published, normal = frequencies
    pixels = np.arange(side)
    theirs = (2 * pixels / (side - 1) - 1) / (2 / (side - 1))
    phases = 2 * np.pi * ((2 * pixels + 1) / side - 1)[:, None, None] * published
    np.testing.assert_allclose(phases, theirs[:, None, None] * normal, rtol=1e-5, atol=1e-4)
    assert published.std() / normal.std() == pytest.approx({32: 2.546, 50: 3.979}[side], rel=1e-3)
