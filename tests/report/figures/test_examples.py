"""The images that figures show."""

import numpy as np

from irl_inr_jax.metrics.clustering_scores import NOISE
from irl_inr_jax.report.figures.examples import choose_examples, choose_members, order_clusters

RNG = np.random.default_rng(0)
CLUSTERS = np.array([2] * 10 + [0] * 6 + [NOISE] * 8 + [5] * 6 + [1])
CONFIDENCE = RNG.permutation(len(CLUSTERS)) / len(CLUSTERS)


def test_clusters_are_in_order_of_size_without_noise():
    assert order_clusters(CLUSTERS) == [2, 0, 5, 1]


def test_members_are_evenly_spaced_from_the_most_to_the_least_confident():
    members = choose_members(CLUSTERS, CONFIDENCE, 2, num_shown=4)
    ranked = np.flatnonzero(CLUSTERS == 2)[np.argsort(-CONFIDENCE[CLUSTERS == 2])]
    np.testing.assert_array_equal(members, ranked[[0, 3, 6, 9]])
    np.testing.assert_array_equal(choose_members(CLUSTERS, CONFIDENCE, 2, num_shown=64), ranked)


def test_examples_are_the_most_confident_image_of_each_cluster_before_a_second_of_any():
    examples = choose_examples(CLUSTERS, CONFIDENCE, num_shown=6)
    assert CLUSTERS[examples].tolist() == [2, 0, 5, 1, 2, 0]
    assert len(set(examples.tolist())) == 6
    for row in examples[:4]:
        assert CONFIDENCE[row] == CONFIDENCE[CLUSTERS[row] == CLUSTERS].max()


def test_fewer_images_than_wanted_and_only_noise():
    assert sorted(choose_examples(np.zeros(3, int), np.ones(3), num_shown=12)) == [0, 1, 2]
    assert len(choose_examples(np.full(5, NOISE), np.zeros(5), num_shown=3)) == 3
