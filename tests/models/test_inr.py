import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from irl_inr_jax.geometry.coords import pixel_grid
from irl_inr_jax.models.fourier import sample_frequencies
from irl_inr_jax.models.inr import ACTIVATIONS, InrSpec, apply_inr, init_eta, pixel_logit

SPEC = InrSpec(widths=(24, 20), channels=3, activation="relu", num_frequencies=10, frequency_std=2.0, low=0.0)
each_activation = pytest.mark.parametrize("activation", ACTIVATIONS)


def specs(**changes):
    return dataclasses.replace(SPEC, **changes)


def make_inr(spec, seed=0, mean_pixel=None):
    mean_pixel = jnp.full(spec.channels, 0.3) if mean_pixel is None else mean_pixel
    eta = jax.jit(init_eta, static_argnums=1)(jax.random.key(seed), spec, mean_pixel)
    return eta, sample_frequencies(jax.random.key(seed + 1), spec.num_frequencies, spec.frequency_std)


def render(eta, coords, frequencies, spec, dtype="float32"):
    return jax.jit(apply_inr, static_argnames=("spec", "dtype"))(
        eta, coords, frequencies, spec=spec, dtype=jnp.dtype(dtype)
    )


def reference_inr(eta, coords, frequencies, activation):
    """Appendix A in float64 NumPy: features, hidden layers, sigmoid."""
    float64 = lambda tree: jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), tree)  # noqa: E731
    eta, x, frequencies = float64((eta, coords, frequencies))
    if activation != "sine":
        phase = 2 * np.pi * x @ frequencies.T
        x = np.concatenate([np.cos(phase), np.sin(phase)], axis=1)
    act = {
        "relu": lambda x: np.maximum(x, 0),
        "leaky_relu": lambda x: np.maximum(x, 0.1 * x),
        "sine": lambda x: np.sin(30 * x),
    }
    for layer in eta[:-1]:
        x = act[activation](x @ layer["w"] + layer["b"])
    return 1 / (1 + np.exp(-(x @ eta[-1]["w"] + eta[-1]["b"])))


def test_the_papers_inr_has_its_published_number_of_weights():
    paper = specs(widths=(256, 256, 256), channels=1, num_frequencies=256)
    assert paper.num_weights == 263_169
    thesis = specs(widths=(128, 128), channels=1, num_frequencies=128)
    assert thesis.num_weights == 256 * 128 + 128 + 128 * 128 + 128 + 128 + 1


@each_activation
def test_eta_has_the_number_of_weights_of_the_spec(activation):
    spec = specs(activation=activation)
    eta, frequencies = make_inr(spec)
    assert sum(leaf.size for leaf in jax.tree.leaves(eta)) == spec.num_weights
    assert tuple(layer["w"].shape for layer in eta) == spec.layer_sizes
    assert spec.layer_sizes[0][0] == (2 if activation == "sine" else 20) and frequencies.shape == (10, 2)


@each_activation
def test_an_inr_is_the_mlp_of_appendix_a(activation):
    spec = specs(activation=activation)
    eta, frequencies = make_inr(spec)
    eta = jax.tree.map(
        lambda leaf: leaf + 0.05 * jnp.cos(jnp.arange(leaf.size, dtype=jnp.float32)).reshape(leaf.shape), eta
    )
    coords = jnp.asarray(np.random.default_rng(0).uniform(-1.5, 1.5, (50, 2)), jnp.float32)
    expected = reference_inr(eta, coords, frequencies, activation)
    found = render(eta, coords, frequencies, spec)
    assert expected.std() > 0.01 and np.all(np.asarray(found) > 0) and np.all(np.asarray(found) < 1)
    np.testing.assert_allclose(found, expected, atol=1e-3 if activation == "sine" else 1e-5)


@each_activation
def test_bfloat16_gives_float32_pixels_close_to_float32s(activation):
    spec = specs(activation=activation)
    eta, frequencies = make_inr(spec)
    full = render(eta, pixel_grid(6, 6), frequencies, spec)
    low = render(eta, pixel_grid(6, 6), frequencies, spec, dtype="bfloat16")
    assert low.dtype == jnp.float32
    np.testing.assert_allclose(low, full, atol=0.03)


@each_activation
def test_an_initial_inr_varies_and_is_near_the_mean_pixel(activation):
    """Activations neither vanish nor explode through five layers, and the image is nearly the mean image."""
    spec = specs(activation=activation, widths=(128,) * 5, num_frequencies=64)
    mean_pixel = jnp.array([0.1, 0.5, 0.9])
    eta, frequencies = make_inr(spec, mean_pixel=mean_pixel)
    values = np.asarray(render(eta, pixel_grid(12, 12), frequencies, spec))
    np.testing.assert_allclose(values.mean(0), mean_pixel, atol=0.08)
    logits = np.log(values / (1 - values))
    assert 0.002 < logits.std(0).mean() < 0.5


def test_black_and_white_means_still_leave_a_gradient():
    for mean in (0.0, 1.0):
        eta, frequencies = make_inr(SPEC, mean_pixel=jnp.full(3, mean))
        values = np.asarray(render(eta, pixel_grid(4, 4), frequencies, SPEC))
        assert np.all(values > 1e-3) and np.all(values < 1 - 1e-3)


def test_a_fine_rendering_averages_to_the_coarse_one():
    spec = specs(frequency_std=0.5)
    eta, frequencies = make_inr(spec)
    eta[-1]["w"] *= 10  # an image with contrast
    coarse = np.asarray(render(eta, pixel_grid(16, 16), frequencies, spec)).reshape(16, 16, 3)
    fine = np.asarray(render(eta, pixel_grid(32, 32), frequencies, spec)).reshape(16, 2, 16, 2, 3)
    assert coarse.std() > 0.1
    assert np.sqrt(np.mean((fine.mean((1, 3)) - coarse) ** 2)) < 0.1 * coarse.std()


@pytest.mark.parametrize("low", [0.0, -1.0])
def test_the_logit_of_a_pixel_is_inverted_by_the_sigmoid_and_finite_at_the_ends(low):
    pixels = jnp.asarray(np.random.default_rng(0).uniform(low + 0.05, 0.95, size=5), jnp.float32)
    np.testing.assert_allclose(low + (1 - low) * jax.nn.sigmoid(pixel_logit(pixels, low)), pixels, atol=1e-6)
    assert np.isfinite(pixel_logit(jnp.array([low, 1.0]), low)).all()
