import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, is_valid_linkage, linkage
from sklearn.cluster import AgglomerativeClustering
from sklearn.metrics import adjusted_rand_score

from irl_inr_jax.clustering import hierarchical
from irl_inr_jax.clustering.hierarchical import cluster_agglomerative, cut_tree

LINKAGES = ("ward", "average", "complete")


@pytest.fixture
def latents():
    return np.random.default_rng(0).normal(size=(80, 3))


@pytest.mark.parametrize("name", LINKAGES)
def test_agrees_with_scipy_and_scikit_learn(name, latents, make_task):
    clusters = cluster_agglomerative(make_task(latents, 6), linkage=name).clusters
    scipys = fcluster(linkage(latents, name), 6, "maxclust")
    scikits = AgglomerativeClustering(6, linkage=name).fit_predict(latents)
    assert adjusted_rand_score(scipys, clusters) == 1.0
    assert adjusted_rand_score(scikits, clusters) == 1.0


@pytest.mark.parametrize("name", LINKAGES)
def test_clusters_do_not_depend_on_the_order_of_the_images(name, latents, make_task):
    order = np.random.default_rng(1).permutation(len(latents))
    one = cluster_agglomerative(make_task(latents, 6), linkage=name).clusters
    other = cluster_agglomerative(make_task(latents[order], 6), linkage=name).clusters
    assert adjusted_rand_score(one[order], other) == 1.0


def test_fastcluster_makes_the_same_tree_with_the_same_heights(latents, make_task, monkeypatch):
    ours = cluster_agglomerative(make_task(latents, 6), linkage="ward")
    monkeypatch.setattr(hierarchical, "MAX_PAIRED_ROWS", 50)
    large = cluster_agglomerative(make_task(latents, 6), linkage="ward")
    np.testing.assert_allclose(large.linkage, ours.linkage, rtol=1e-9)
    assert adjusted_rand_score(ours.clusters, large.clusters) == 1.0
    assert large.notes == ("more than 50 images: computed by fastcluster, without all pairwise distances",)


@pytest.mark.parametrize("name", LINKAGES)
def test_above_the_limit_a_subsample_is_fitted_and_others_are_assigned_by_vote(name, make_task, monkeypatch):
    monkeypatch.setattr(hierarchical, "MAX_PAIRED_ROWS", 50)
    monkeypatch.setattr(hierarchical, "MAX_WARD_ROWS", 50)
    kinds = np.arange(80) % 4
    latents = 20 * np.eye(4)[kinds] + np.random.default_rng(0).normal(size=(80, 4))
    result = cluster_agglomerative(make_task(latents, 4), linkage=name)
    assert adjusted_rand_score(kinds, result.clusters) == 1.0
    assert result.notes == ("fitted to 50 of 80 images; the others are assigned by their nearest neighbours",)
    assert result.linkage.shape == (49, 4) and len(result.linkage_rows) == 50
    direct = linkage(latents[result.linkage_rows], name)
    np.testing.assert_allclose(result.linkage, direct, rtol=1e-9)


def test_the_tree_is_complete_and_contains_all_images(latents, make_task):
    result = cluster_agglomerative(make_task(latents, 6), linkage="ward")
    assert is_valid_linkage(result.linkage) and result.linkage[-1, 3] == 80
    np.testing.assert_array_equal(result.linkage_rows, np.arange(80))


def test_new_images_are_assigned_to_the_blob_they_are_sampled_from(make_task):
    rng = np.random.default_rng(0)
    kinds, new_kinds = np.arange(60) % 3, np.arange(30) % 3
    latents = 20 * np.eye(3)[kinds] + rng.normal(size=(60, 3))
    new = 20 * np.eye(3)[new_kinds] + rng.normal(size=(30, 3))
    fitted = cluster_agglomerative(make_task(latents, 3), linkage="average").clusters
    result = cluster_agglomerative(make_task(latents, 3, assigned=new), linkage="average")
    np.testing.assert_array_equal(result.clusters, fitted[:3][new_kinds])
    assert np.all(result.confidence == 1) and not result.transductive


def test_a_cut_through_equal_heights_gives_the_requested_number_of_clusters():
    corners = np.array([[x, y, z, w] for x in (0, 1) for y in (0, 1) for z in (0, 1) for w in (0, 1)], float)
    for num_clusters in range(1, 17):
        clusters = cut_tree(linkage(corners, "average"), num_clusters)
        np.testing.assert_array_equal(np.unique(clusters), np.arange(num_clusters))


def test_one_image_is_one_cluster_with_an_empty_tree(make_task):
    result = cluster_agglomerative(make_task(np.ones((1, 2)), 1), linkage="ward")
    np.testing.assert_array_equal(result.clusters, [0])
    assert result.linkage.shape == (0, 4)
