"""Agreement of clusters with neighbours, against its definition."""

import numpy as np
import pytest

from irl_inr_jax.evaluation.neighbour_agreement import agreement_gain


def test_perfect_clusters_gain_one_and_random_ones_nothing():
    rng = np.random.default_rng(0)
    clusters = np.arange(400, dtype=np.int32) % 4
    same = np.stack([rng.choice(np.flatnonzero(clusters == own), 5) for own in clusters])
    assert agreement_gain(clusters, same) == 1.0
    others = np.stack([rng.choice(np.delete(np.arange(400), row), 40, replace=False) for row in range(400)])
    assert agreement_gain(clusters, others) == pytest.approx(0.0, abs=0.02)


def test_one_large_cluster_and_a_single_one_gain_nothing():
    rng = np.random.default_rng(0)
    clusters = (np.arange(1000) < 100).astype(np.int32)
    others = np.stack([rng.choice(np.delete(np.arange(1000), row), 20, replace=False) for row in range(1000)])
    assert agreement_gain(clusters, others) == pytest.approx(0.0, abs=0.06)
    assert agreement_gain(np.zeros(6, np.int32), np.ones((6, 2), np.int64)) == 0.0


def test_an_image_of_noise_agrees_with_no_neighbour():
    clusters = np.array([0, 0, 1, 1, -1, -1], np.int32)
    neighbours = np.array([[1], [0], [3], [2], [5], [4]])
    by_chance = 4 / 30
    assert agreement_gain(clusters, neighbours) == pytest.approx((4 / 6 - by_chance) / (1 - by_chance))
