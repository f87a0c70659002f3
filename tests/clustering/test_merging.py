"""Test merging by co-association against SciPy's average linkage of the single images."""

import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.sparse import eye_array
from scipy.spatial.distance import squareform
from sklearn.metrics import adjusted_rand_score

from irl_inr_jax.clustering.merging import fit_means, merge_by_similarity, micro_coassociation


@pytest.mark.parametrize("num_clusters", [1, 2, 4, 9])
def test_single_images_are_merged_as_by_average_linkage(num_clusters):
    similarities = np.random.default_rng(0).random((9, 9))
    similarities = similarities + similarities.T
    merged = merge_by_similarity(similarities, np.ones(9, int), num_clusters)
    tree = linkage(squareform(3 - similarities, checks=False), "average")
    assert len(np.unique(merged)) == num_clusters and merged.dtype == np.int32
    assert adjusted_rand_score(merged, fcluster(tree, num_clusters, "maxclust")) == 1


def test_a_cluster_of_several_images_counts_as_all_of_them():
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(5), [3, 1, 4, 2, 2])
    between = rng.random((5, 5)) + 1
    between = between + between.T
    similarities = between[groups[:, None], groups]
    similarities[groups[:, None] == groups] = 10
    members = np.eye(5)[groups]
    merged = merge_by_similarity(members.T @ similarities @ members, np.bincount(groups), 3)
    alone = merge_by_similarity(similarities, np.ones(12, int), 3)
    assert adjusted_rand_score(merged[groups], alone) == 1


def test_fewer_clusters_than_requested_are_left_as_they_are():
    np.testing.assert_array_equal(merge_by_similarity(np.ones((3, 3)), np.ones(3, int), 5), [0, 1, 2])


def test_coassociation_is_the_number_of_pairs_in_a_common_cluster():
    rng = np.random.default_rng(2)
    clusterings = [rng.integers(0, 4, 15).astype(np.int32) for _ in range(3)]
    micro = (np.arange(15) % 4).astype(np.int32)
    found = micro_coassociation(clusterings, micro, eye_array(15, dtype=np.float32).tocsr())
    together = np.mean([clusters[:, None] == clusters for clusters in clusterings], axis=0)
    members = np.eye(4)[micro]
    np.testing.assert_allclose(found, members.T @ together @ members, atol=1e-5)


def test_means_of_few_distinct_points_are_numbered_without_gaps():
    points = np.repeat(np.random.default_rng(3).normal(size=(3, 2)), 10, axis=0)
    found = fit_means(points, 8, num_steps=5, seed=0)
    assert set(found) == {0, 1, 2} and all(len(set(found[first : first + 10])) == 1 for first in (0, 10, 20))
    np.testing.assert_array_equal(fit_means(points, 30, num_steps=5, seed=0), np.arange(30))
