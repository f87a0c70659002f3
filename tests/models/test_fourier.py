"""Random Fourier features against float64, and their gradient with respect to coords."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from irl_inr_jax.models.fourier import cos_2pi, fourier_features, sample_frequencies


def reference(coords, frequencies):
    """Appendix A in float64: cosines, then sines."""
    phase = 2 * np.pi * np.asarray(coords, np.float64) @ np.asarray(frequencies, np.float64).T
    return np.concatenate([np.cos(phase), np.sin(phase)], axis=-1)


def test_the_cosine_of_periods_is_the_cosine_and_its_gradient_the_sine():
    periods = np.concatenate([np.arange(-8, 8.25, 0.25), np.random.default_rng(0).uniform(-40, 40, 20_000)])
    periods = periods.astype(np.float32)
    exact = 2 * np.pi * periods.astype(np.float64)
    np.testing.assert_allclose(cos_2pi(jnp.asarray(periods)), np.cos(exact), atol=2e-7)
    # Subtracting a quarter is rounded, the more the larger the number of periods.
    few = np.abs(periods) < 8
    slope = jax.vmap(jax.grad(cos_2pi))(jnp.asarray(periods[few]))
    np.testing.assert_allclose(slope, -2 * np.pi * np.sin(exact[few]), atol=3e-5)


def test_features_are_cosines_then_sines_of_periods():
    frequencies = jnp.array([[1.0, 0.0], [0.5, 2.0]])
    found = fourier_features(jnp.array([[0.25, 0.0], [0.0, 0.125]]), frequencies)
    expected = [[0, np.sqrt(0.5), 1, np.sqrt(0.5)], [1, 0, 0, 1]]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_features_are_those_of_float64_for_any_batch_of_coords():
    frequencies = sample_frequencies(jax.random.key(1), 30, 2.0)
    coords = jnp.asarray(np.random.default_rng(0).uniform(-2.5, 2.5, size=(3, 40, 2)), jnp.float32)
    np.testing.assert_allclose(fourier_features(coords, frequencies), reference(coords, frequencies), atol=2e-5)


def test_frequencies_have_the_requested_deviation():
    frequencies = np.asarray(sample_frequencies(jax.random.key(0), 4000, 3.0))
    assert frequencies.shape == (4000, 2) and frequencies.std() == pytest.approx(3, rel=0.05)
    assert abs(frequencies.mean()) < 0.15


def test_the_gradient_with_respect_to_coords_is_that_of_float64():
    frequencies = sample_frequencies(jax.random.key(2), 20, 2.0)
    rng = np.random.default_rng(0)
    weights, coords = rng.normal(size=(9, 40)), rng.uniform(-1, 1, size=(9, 2))

    def weighted(coords):
        return (jnp.asarray(weights, jnp.float32) * fourier_features(coords, frequencies)).sum()

    exact = np.asarray(frequencies, np.float64)
    phase = 2 * np.pi * coords @ exact.T
    slopes = np.concatenate([-np.sin(phase), np.cos(phase)], axis=1) * weights
    expected = 2 * np.pi * slopes @ np.concatenate([exact, exact])
    np.testing.assert_allclose(jax.grad(weighted)(jnp.asarray(coords, jnp.float32)), expected, rtol=1e-3, atol=1e-2)
