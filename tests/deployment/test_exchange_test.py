"""Test that the permutation test is exact, and that it finds what it is made for."""

import numpy as np
import pytest

from irl_inr_jax.deployment.exchange_test import compare_images


def compare(change, *, seed, num_permutations=199):
    """The p-values for 400 known and 400 new images in two clusters, after change(features, scores) of the new ones."""
    rng = np.random.default_rng(seed)
    clusters, features = rng.integers(0, 2, 800), rng.normal(size=(800, 3))
    features += 5 * clusters[:, None]
    scores = rng.normal(size=(800, 2))
    change(features[400:], scores[400:])
    return compare_images(
        clusters, features, scores, np.arange(800) >= 400, seed=seed, num_permutations=num_permutations
    )


@pytest.mark.slow
def test_p_values_are_uniform_without_a_change():
    found = np.array([compare(lambda features, scores: None, seed=seed, num_permutations=99) for seed in range(60)])
    # 60 uniform numbers: their mean has a deviation of 0.037, and 0.05 of them, 3 with a deviation of 1.7, are small.
    assert ((0.35 < found.mean(axis=0)) & (found.mean(axis=0) < 0.65)).all()
    assert (np.mean(found <= 0.05, axis=0) <= 0.15).all()


def test_a_shift_high_scores_and_a_dense_group_are_found_each_by_its_statistic():
    def shift(features, scores):
        features[:, 1] += 0.5

    def raise_some(features, scores):
        scores[:40, 0] += 6

    def gather(features, scores):
        features[np.flatnonzero(features.mean(axis=1) < 2.5)[:40]] *= 0.05

    found = compare(shift, seed=0)
    assert found.p_value <= 0.01 and found.p_shift == pytest.approx(1 / 200) and found.p_scores > 0.01
    found = compare(raise_some, seed=0)
    assert found.p_value <= 0.01 and found.p_scores == pytest.approx(1 / 200) and found.p_shift > 0.01
    found = compare(gather, seed=0)
    assert found.p_value <= 0.01 and found.p_region == pytest.approx(1 / 200) and found.p_shift > 0.01


def test_other_sizes_of_the_clusters_are_no_change():
    rng = np.random.default_rng(0)
    is_new = np.arange(1000) >= 500
    clusters = np.where(is_new, rng.random(1000) < 0.8, rng.random(1000) < 0.3).astype(int)
    features = rng.normal(size=(1000, 2)) + 4 * clusters[:, None]
    scores = rng.normal(size=(1000, 1)) + clusters[:, None]
    assert compare_images(clusters, features, scores, is_new, seed=0, num_permutations=199).p_value > 0.05


def test_a_cluster_of_new_images_only_and_constant_features_are_no_evidence():
    is_new = np.arange(60) >= 30
    clusters = np.where(np.arange(60) >= 50, 7, 0)
    constant = np.ones((60, 2))
    assert compare_images(clusters, constant, constant, is_new, seed=0, num_permutations=49).p_value == 1.0
