import sys
import warnings

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from irl_inr_jax.clustering import umap_kmeans
from irl_inr_jax.clustering.assignment import subsample
from irl_inr_jax.clustering.kmeans import cluster_kmeans
from irl_inr_jax.clustering.umap_kmeans import cluster_umap_kmeans
from irl_inr_jax.types import InputError


def blobs(num_images, seed=0):
    kinds = np.arange(num_images) % 3
    latents = 20 * np.eye(6)[kinds] + np.random.default_rng(seed).normal(size=(num_images, 6))
    return latents.astype(np.float32), kinds


def test_blobs_are_separated_and_new_images_assigned_without_a_warning(make_task):
    pytest.importorskip("umap")
    latents, kinds = blobs(120)
    new, new_kinds = blobs(30, seed=1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = cluster_umap_kmeans(make_task(latents, 3))
        placed = cluster_umap_kmeans(make_task(latents, 3, assigned=new))
    assert not caught
    assert adjusted_rand_score(kinds, result.clusters) == 1.0
    np.testing.assert_array_equal(placed.clusters, result.clusters[:3][new_kinds])
    assert result.confidence.min() >= 0 and placed.confidence.mean() > 0.5


def test_above_the_limit_a_sample_is_embedded_and_votes_on_the_others(make_task, monkeypatch):
    pytest.importorskip("umap")
    latents, kinds = blobs(120)
    full = cluster_umap_kmeans(make_task(latents, 3))
    monkeypatch.setattr(umap_kmeans, "MAX_ROWS", 120)
    np.testing.assert_array_equal(cluster_umap_kmeans(make_task(latents, 3)).confidence, full.confidence)
    monkeypatch.setattr(umap_kmeans, "MAX_ROWS", 80)
    one, again = (cluster_umap_kmeans(make_task(latents, 3)) for _ in range(2))
    assert one.notes == ("fitted to 80 of 120 images; the others are assigned by their nearest neighbours",)
    assert adjusted_rand_score(kinds, one.clusters) == 1.0
    np.testing.assert_array_equal(one.clusters, again.clusters)
    np.testing.assert_array_equal(one.confidence, again.confidence)
    rows = subsample(120, 80, 0)
    alone = cluster_umap_kmeans(make_task(latents[rows], 3))
    np.testing.assert_array_equal(one.clusters[rows], alone.clusters)
    np.testing.assert_array_equal(one.confidence[rows], alone.confidence)
    assert np.all(np.delete(one.confidence, rows) == 1)  # of neighbours in the same blob
    apart = cluster_umap_kmeans(make_task(latents, 3, assigned=latents[:5]))
    assert apart.notes == ("fitted to 80 of 120 images; the others are assigned by UMAP's transform",)


def test_the_same_seed_gives_the_same_clusters(make_task):
    pytest.importorskip("umap")
    latents = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    one, other = (cluster_umap_kmeans(make_task(latents, 5, seed=3)) for _ in range(2))
    np.testing.assert_array_equal(one.clusters, other.clusters)
    np.testing.assert_array_equal(one.confidence, other.confidence)


@pytest.mark.parametrize("num_images", [16, 17])
def test_the_smallest_numbers_of_images_that_are_embedded(num_images, make_task):
    pytest.importorskip("umap")
    latents = np.random.default_rng(0).normal(size=(num_images, 4)).astype(np.float32)
    result = cluster_umap_kmeans(make_task(latents, num_images, assigned=latents[:1] + 0.1))
    assert result.notes == () and 0 <= result.clusters[0] < num_images


def test_fewer_images_are_clustered_by_kmeans_on_the_latents_with_a_note(make_task):
    latents, _ = blobs(15)
    result = cluster_umap_kmeans(make_task(latents, 3))
    np.testing.assert_array_equal(result.clusters, cluster_kmeans(make_task(latents, 3)).clusters)
    assert result.notes == ("fewer than 16 images: k-means on the latents, without UMAP",)


def test_equal_images_are_one_cluster(make_task):
    pytest.importorskip("umap")
    result = cluster_umap_kmeans(make_task(np.ones((20, 3), np.float32), 1))
    np.testing.assert_array_equal(result.clusters, np.zeros(20))


def test_without_umap_learn_the_error_states_how_to_install_it(make_task, monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(InputError, match=r"found that it is not installed; pip install 'irl-inr-jax\[umap\]'"):
        cluster_umap_kmeans(make_task(blobs(30)[0], 3))
