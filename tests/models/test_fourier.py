"""Fourier features, pixel by pixel and by columns and rows."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from irl_inr_jax.geometry.coords import locate_pixels
from irl_inr_jax.models.fourier import cos_2pi, sample_frequencies, fourier_features, pixel_features
from irl_inr_jax.types import Pose, PosedPixels

HEIGHT, WIDTH = 9, 14


def posed(theta, tau, numbers=None):
    numbers = None if numbers is None else jnp.asarray(numbers)
    return PosedPixels(Pose(jnp.float32(theta), jnp.asarray(tau, jnp.float32)), numbers, HEIGHT, WIDTH)


def reference(pixels, frequencies):
    """Section 3.2 and Appendix A in float64: R(-theta)(x - tau) for the centres of pixels, then cosines and sines."""
    column, row = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    x, y = (2 * column + 1) / WIDTH - 1, 1 - (2 * row + 1) / HEIGHT
    places = np.stack([x, y], axis=-1).reshape(-1, 2) - np.asarray(pixels.pose.tau, np.float64)
    theta = float(pixels.pose.theta)
    places = places @ np.array([[np.cos(theta), -np.sin(theta)], [np.sin(theta), np.cos(theta)]])
    phase = 2 * np.pi * places @ np.asarray(frequencies, np.float64).T
    features = np.concatenate([np.cos(phase), np.sin(phase)], axis=1)
    return features if pixels.numbers is None else features[np.asarray(pixels.numbers)]


def test_a_cosine_of_turns_is_the_cosine_and_its_gradient_the_sine():
    turns = np.concatenate([np.arange(-8, 8.25, 0.25), np.random.default_rng(0).uniform(-40, 40, 20_000)])
    turns = turns.astype(np.float32)
    exact = 2 * np.pi * turns.astype(np.float64)
    np.testing.assert_allclose(cos_2pi(jnp.asarray(turns)), np.cos(exact), atol=2e-7)
    # A quarter less is rounded, by the more the more turns there are.
    few = np.abs(turns) < 8
    slope = jax.vmap(jax.grad(cos_2pi))(jnp.asarray(turns[few]))
    np.testing.assert_allclose(slope, -2 * np.pi * np.sin(exact[few]), atol=3e-5)


def test_features_are_cosines_then_sines_of_full_turns():
    frequencies = jnp.array([[1.0, 0.0], [0.5, 2.0]])
    found = fourier_features(jnp.array([[0.25, 0.0], [0.0, 0.125]]), frequencies)
    expected = [[0, np.sqrt(0.5), 1, np.sqrt(0.5)], [1, 0, 0, 1]]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_frequencies_have_the_deviation_asked_for():
    drawn = np.asarray(sample_frequencies(jax.random.key(0), 4000, 3.0))
    assert drawn.shape == (4000, 2) and drawn.std() == pytest.approx(3, rel=0.05) and abs(drawn.mean()) < 0.15


@pytest.mark.parametrize("numbers", [None, [0, 125, 13, 14, 77, 77]])
@pytest.mark.parametrize(("theta", "tau"), [(0.0, (0.0, 0.0)), (2.2, (0.4, -0.7)), (-9.0, (0.0, 1.3))])
def test_separable_features_are_those_of_every_pixel(theta, tau, numbers):
    frequencies = sample_frequencies(jax.random.key(1), 30, 2.0)
    pixels = posed(theta, tau, numbers)
    expected = reference(pixels, frequencies)
    separable = pixel_features(pixels, frequencies, dtype=jnp.dtype("float32"))
    np.testing.assert_allclose(separable, expected, atol=2e-5)
    np.testing.assert_allclose(fourier_features(locate_pixels(pixels), frequencies), expected, atol=2e-5)


def test_products_in_half_precision_keep_the_phase():
    """Were the phases rounded too, errors would be as large as the features."""
    frequencies = sample_frequencies(jax.random.key(1), 30, 8.0)
    pixels = posed(1.0, (0.3, 0.2))
    half = pixel_features(pixels, frequencies, dtype=jnp.dtype("bfloat16"))
    assert half.dtype == jnp.bfloat16
    np.testing.assert_allclose(np.asarray(half, np.float32), reference(pixels, frequencies), atol=0.02)


def test_the_gradient_with_respect_to_the_pose_is_that_of_every_pixel():
    frequencies = sample_frequencies(jax.random.key(2), 20, 2.0)
    weights = jnp.asarray(np.random.default_rng(0).normal(size=(HEIGHT * WIDTH, 40)), jnp.float32)
    pixels = posed(0.7, (0.1, -0.3))

    def separable(pose):
        return (weights * pixel_features(pixels.replace(pose=pose), frequencies, dtype=jnp.dtype("float32"))).sum()

    def direct(pose):
        return (weights * fourier_features(locate_pixels(pixels.replace(pose=pose)), frequencies)).sum()

    found, expected = jax.grad(separable)(pixels.pose), jax.grad(direct)(pixels.pose)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3)
