"""Distortions of polar views, measured on patches whose two channels are the coords of their pixels."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from irl_inr_jax.augment.polar_views import (
    Distortion,
    ViewStrengths,
    distort_coords,
    sample_distorted,
    sample_polar_patches,
    sample_polar_views,
)
from irl_inr_jax.geometry.coords import pixel_grid

NUM_ANGLES, NUM_VIEWS = 12, 400
GRID = {
    "num_radii": 1,
    "num_angles": NUM_ANGLES,
    "fill": 0.0,
}  # one circle of half the radius, inside under distortions
UNDISTORTED = ViewStrengths(scale=0.0, stretch=0.0, shear=0.0, shift=0.0, wave=0.0, mirror=False)

sample_plain = jax.jit(sample_polar_patches, static_argnames=("num_radii", "num_angles", "fill"))


def rotate_by(angle, count):
    """The distortions that only rotate."""
    linear = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], np.float32)
    zeros = jnp.zeros((count, 0, 2))
    return Distortion(jnp.tile(linear, (count, 1, 1)), jnp.zeros((count, 2)), zeros, zeros, jnp.zeros(count))


@jax.jit
def draw_coords(strengths):
    """The points (views, angles, 2) at which views with these strengths are sampled."""
    patches = jnp.broadcast_to(pixel_grid(16, 16).reshape(16, 16, 2), (NUM_VIEWS, 16, 16, 2))
    return sample_polar_views(jax.random.split(jax.random.key(0), NUM_VIEWS), patches, strengths, **GRID)


def draw_linear(**strengths):
    """The linear part of each view's distortion, by least squares, its shift, and the largest residual."""
    coords = np.float64(draw_coords(UNDISTORTED._replace(**strengths)))
    angles = 2 * np.pi * np.arange(NUM_ANGLES) / NUM_ANGLES
    points = np.stack([0.5 * np.cos(angles), 0.5 * np.sin(angles), np.ones(NUM_ANGLES)], axis=1)
    fit = np.linalg.pinv(points) @ coords
    return fit[:, :2].swapaxes(1, 2), fit[:, 2], np.abs(points @ fit - coords).max()


def test_a_rotation_by_whole_angles_is_a_circular_shift():
    patches = jnp.asarray(np.random.default_rng(0).uniform(size=(2, 9, 9, 3)), jnp.float32)
    grid = {"num_radii": 4, "num_angles": 8, "fill": 0.0}
    plain = sample_plain(patches, **grid)
    assert plain.shape == (2, 8, 12)
    rotated = jax.jit(lambda patches: sample_distorted(patches, rotate_by(3 * np.pi / 4, 2), **grid))(patches)
    np.testing.assert_allclose(rotated, np.roll(plain, -3, axis=1), atol=1e-5)
    turned = sample_plain(jnp.rot90(patches, axes=(1, 2)), **grid)
    np.testing.assert_allclose(turned, np.roll(plain, 2, axis=1), atol=1e-5)


def test_views_of_strength_0_are_rotated_by_any_angle():
    linear, shift, residual = draw_linear()
    np.testing.assert_allclose(linear @ linear.swapaxes(1, 2), np.tile(np.eye(2), (NUM_VIEWS, 1, 1)), atol=1e-5)
    np.testing.assert_allclose(np.linalg.det(linear), 1, atol=1e-5)
    assert np.abs(shift).max() < 1e-5 and residual < 1e-5
    quarters = np.floor(np.arctan2(linear[:, 1, 0], linear[:, 0, 0]) / (np.pi / 2))
    assert np.unique(quarters, return_counts=True)[1].min() > 0.2 * NUM_VIEWS


@pytest.mark.parametrize("strength", ["scale", "stretch", "shear"])
def test_strengths_are_the_standard_deviations_of_the_singular_values(strength):
    linear, shift, residual = draw_linear(**{strength: 0.1})
    values = np.linalg.svd(linear, compute_uv=False) - 1
    np.testing.assert_allclose(np.sqrt((values**2).mean(axis=0)), 0.1, rtol=0.15)
    equal = values[:, 1] if strength == "scale" else -values[:, 1]
    np.testing.assert_allclose(values[:, 0], equal, atol=1e-5)
    assert np.abs(shift).max() < 1e-5 and residual < 1e-5


def test_shifts_waves_and_mirrored_views():
    linear, shift, residual = draw_linear(shift=0.05, mirror=True)
    np.testing.assert_allclose(shift.std(axis=0), 0.05, rtol=0.15)
    assert 0.4 < np.mean(np.linalg.det(linear) < 0) < 0.6 and residual < 1e-5
    _, _, residual = draw_linear(wave=0.02)
    assert 0.02 < residual < 2 * 3 * 0.02


def test_distorted_coords_are_those_of_the_formula():
    rng = np.random.default_rng(0)
    points, linear, shift = rng.normal(size=(5, 2)), rng.normal(size=(3, 2, 2)), rng.normal(size=(3, 2))
    vectors, phases, amplitude = rng.normal(size=(3, 2, 2)), rng.uniform(size=(3, 2, 2)), rng.uniform(size=3)
    expected = np.empty((3, 5, 2))
    for view in range(3):
        for number, point in enumerate(points):
            y = linear[view] @ point
            waves = sum(np.sin(vector @ y + phase) for vector, phase in zip(vectors[view], phases[view], strict=True))
            expected[view, number] = y + amplitude[view] * waves + shift[view]
    arrays = jax.tree.map(jnp.float32, (points, Distortion(linear, shift, vectors, phases, amplitude)))
    np.testing.assert_allclose(jax.jit(distort_coords)(*arrays), expected, atol=1e-5)
