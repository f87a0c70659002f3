"""Positions on the map."""

import numpy as np

from irl_inr_jax.report.html import map_layout
from irl_inr_jax.report.html.map_layout import place_images, scale_to_square


def test_points_are_scaled_to_the_square_with_their_shape():
    points = np.array([[1.0, 5.0], [3.0, 6.0], [2.0, 5.5]])
    np.testing.assert_allclose(scale_to_square(points), [[-1, -0.5], [1, 0.5], [0, 0]], atol=1e-6)
    np.testing.assert_array_equal(scale_to_square(np.ones((3, 2))), np.zeros((3, 2)))


def test_images_that_were_not_fitted_are_placed_beside_their_nearest_ones(monkeypatch):
    monkeypatch.setattr(map_layout, "MAX_FITTED", 30)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    rng = np.random.default_rng(0)
    groups = np.arange(60) % 3
    latents = (20 * np.eye(3)[groups] + rng.normal(0, 0.1, (60, 3))).astype(np.float32)
    points, name = place_images(latents, seed=0)
    assert name == "t-SNE" and points.dtype == np.float32 and np.abs(points).max() <= 1 + 1e-6
    centres = np.array([points[groups == group].mean(axis=0) for group in range(3)])
    nearest = np.linalg.norm(points[:, None] - centres, axis=2).argmin(axis=1)
    np.testing.assert_array_equal(nearest, groups)


def test_few_images_are_placed_without_an_embedding():
    points, name = place_images(np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32), seed=0)
    assert points.shape == (4, 2) and name == "PCA" and np.isfinite(points).all()
