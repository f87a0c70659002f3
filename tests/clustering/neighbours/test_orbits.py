"""Neighbours under all rotations, against explicit shifts of the polar images."""

import numpy as np
import pytest

from irl_inr_jax.clustering.neighbours import orbits
from irl_inr_jax.clustering.neighbours.orbits import compute_polar_images, orbit_neighbours
from irl_inr_jax.types import Scaling

IDENTITY = Scaling(1.0, 0.0, 0.0, "")


def compute(images, scaling=IDENTITY, batch_size=64):
    return compute_polar_images(images, scaling, num_radii=6, num_angles=16, fill=0.0, batch_size=batch_size)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).uniform(size=(50, 12, 12, 1)).astype(np.float32)


@pytest.mark.parametrize("blocks", [(64, 256), (50, 50), (7, 13), (1, 50)], ids=str)
def test_neighbours_are_the_nearest_over_all_rotations_for_any_block_size(images, blocks, monkeypatch):
    polar = compute(images)
    exact = polar.astype(np.float64).reshape(50, polar.shape[1], -1)
    shifted = np.stack([np.roll(exact, shift, axis=2) for shift in range(exact.shape[2])])
    products = np.einsum("qrt,sprt->sqp", exact, shifted).max(0)
    np.fill_diagonal(products, -np.inf)
    expected = np.argsort(-products, axis=1)[:, :7]
    monkeypatch.setattr(orbits, "NUM_QUERIES", blocks[0])
    monkeypatch.setattr(orbits, "NUM_POINTS", blocks[1])
    np.testing.assert_array_equal(orbit_neighbours(polar, 7, batch_size=16), expected)


def test_polar_images_are_of_scaled_pixels_and_do_not_depend_on_the_batch_size(images):
    stored = np.round(255 * images).astype(np.uint8)
    scaled = compute(stored, Scaling(1 / 255, 0.0, 0.0, ""), batch_size=8)
    np.testing.assert_allclose(scaled, compute(stored.astype(np.float32) / 255), atol=1e-6)
    np.testing.assert_allclose((scaled**2).sum((1, 2, 3)), np.ones(50), rtol=1e-5)


def test_blank_images_are_equal_to_each_other_and_orthogonal_to_all_others(images):
    assert compute(images).shape[1] == 6
    polar = compute(np.concatenate([images[:3], np.zeros((2, 12, 12, 1), np.float32)]))
    products = np.einsum("prtc,qrtc->pq", polar, polar)
    np.testing.assert_allclose(products[3:, 3:], 1, rtol=1e-5)
    np.testing.assert_allclose(products[:3, 3:], 0, atol=1e-6)
