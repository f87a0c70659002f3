"""Projection of latents onto the plane."""

import warnings

import numpy as np
import pytest

from irl_inr_jax.metrics.clustering_scores import neighbour_purity
from irl_inr_jax.report.figures.projection import project_latents


def blobs(n=60, dim=40):
    labels = np.arange(n) % 3
    return (10 * np.eye(dim)[labels] + np.random.default_rng(0).normal(size=(n, dim))).astype(np.float32), labels


def test_groups_stay_groups_and_the_map_is_reproducible():
    latents, labels = blobs()
    points, rows = project_latents(latents, 0)
    np.testing.assert_array_equal(rows, np.arange(60))
    assert neighbour_purity(points, labels, 5) > 0.95
    np.testing.assert_array_equal(points, project_latents(latents, 0)[0])


def test_a_subset_is_seeded_and_its_rows_match_its_points():
    latents, labels = blobs(200)
    points, rows = project_latents(latents, 0, max_points=50)
    assert points.shape == (50, 2) and len(set(rows)) == 50 and (np.diff(rows) > 0).all()
    assert neighbour_purity(points, labels[rows], 5) > 0.95
    assert (project_latents(latents, 1, max_points=50)[1] != rows).any()


@pytest.mark.parametrize("shape", [(1, 4), (2, 4), (7, 1), (20, 1), (9, 2)])
def test_few_rows_and_few_dimensions(shape):
    latents = np.random.default_rng(0).normal(size=shape)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        points, rows = project_latents(latents, 0)
    assert points.shape == (shape[0], 2) and len(rows) == shape[0]
    assert np.isfinite(points).all()


def test_few_rows_keep_their_distances():
    latents = np.random.default_rng(0).normal(size=(5, 1)) * np.array([[3.0, 4.0, 0.0]]) / 5
    points, _ = project_latents(latents, 0)
    expected = np.linalg.norm(latents[:, None] - latents, axis=-1)
    np.testing.assert_allclose(np.linalg.norm(points[:, None] - points, axis=-1), expected, atol=1e-12)


def test_identical_latents_fall_on_one_point():
    points, _ = project_latents(np.full((30, 5), 0.1, np.float32), 0)
    np.testing.assert_allclose(points, 0, atol=1e-12)
