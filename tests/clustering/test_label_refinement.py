"""A classifier trained on corrections: what it is trained on, and what it may change."""

import numpy as np
import pytest

from irl_inr_jax.clustering.label_refinement import (
    MAX_REPEATS,
    choose_trained,
    combine_shares,
    refine_clusters,
)
from irl_inr_jax.presets import tiny
from irl_inr_jax.types import Scaling
from tests.clustering.test_orbit_selflabel import SMALL, shapes


def test_uncertain_images_are_left_out_and_corrected_ones_are_repeated():
    shares = np.array([[0.9, 0.1], [0.4, 0.4], [1, 0], [0, 0], [0, 1]] + [[0.2, 0.8]] * 9)
    corrected = np.isin(np.arange(14), [2, 3])
    rows = choose_trained(shares, corrected)
    counts = np.bincount(rows, minlength=14)
    assert counts[[0, 1, 3, 4]].tolist() == [1, 0, 0, 1] and counts[2] == 4 and (counts[5:] == 1).all()
    many = np.concatenate([shares[2:3], np.tile([[0.0, 1.0]], (1000, 1))])
    assert np.bincount(choose_trained(many, np.arange(1001) == 0))[0] == MAX_REPEATS


def test_corrected_images_keep_their_shares_and_others_have_the_mean():
    shares = np.array([[1.0, 0, 0], [0.5, 0, 0.5], [0, 0, 0]])
    probabilities = np.array([[0.1, 0.9], [0.25, 0.75], [0.5, 0.5]], np.float32)
    found = combine_shares(shares, np.array([0, 2]), probabilities, np.array([True, False, False]))
    np.testing.assert_allclose(found, [[1, 0, 0], [0.375, 0, 0.625], [0.5, 0, 0.5]], atol=1e-7)


@pytest.mark.slow
def test_a_few_corrections_and_a_wrong_clustering_become_the_classes():
    images, labels = shapes(160)
    config = tiny.get_config().unlock()
    for key, value in SMALL.items():
        block, name = key.rsplit(".", 1)
        target = config.orbits if block == "orbits" else config.clustering[block]
        target[name] = value
    rng = np.random.default_rng(0)
    wrong = rng.uniform(size=160) < 0.25
    corrected = np.arange(160) < 10
    clusters = np.where(wrong & ~corrected, 1 - labels, labels)
    shares = np.where(corrected[:, None], np.eye(2)[clusters], 0.2 + 0.6 * np.eye(2)[clusters])
    options = {"corrected": corrected, "config": config}
    found = refine_clusters(images, Scaling(1.0, 0.0, 0.0, ""), shares, seed=0, **options)
    np.testing.assert_array_equal(found[corrected], shares[corrected])
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)
    assert (found.argmax(axis=1) == labels).mean() > (clusters == labels).mean() + 0.05
    again = refine_clusters(images, Scaling(1.0, 0.0, 0.0, ""), shares, seed=0, **options)
    np.testing.assert_array_equal(found, again)
