"""Stability of k-means on points with and without clusters."""

import numpy as np

from irl_inr_jax.clustering.stability import cluster_by_halves, fit_quietly, matched_share, measure_stability


def test_separate_clusters_are_found_again_and_those_of_a_uniform_cloud_are_not():
    rng = np.random.default_rng(0)
    separate = 10 * np.eye(4)[np.arange(200) % 4] + rng.normal(size=(200, 4))
    assert measure_stability(separate, 4, seed=0) == (1.0, 1.0)
    halves, _ = measure_stability(rng.uniform(size=(200, 4)), 8, seed=0)
    assert halves < 0.8


def test_the_matched_share_does_not_depend_on_the_numbering():
    first = np.array([0, 0, 1, 1, 2, 2])
    assert matched_share(first, np.array([2, 2, 0, 0, 1, 1])) == 1.0
    assert matched_share(first, np.array([2, 2, 0, 0, 0, 1])) == 5 / 6


def test_few_distinct_points_are_clustered_without_a_warning(recwarn):
    points = np.repeat(np.eye(2), 4, axis=0)
    assert fit_quietly(points, 3, np.random.default_rng(0)).inertia_ == 0
    first, second = cluster_by_halves(points, 2, np.random.default_rng(0))
    assert first.shape == second.shape == (8,) and not recwarn.list
