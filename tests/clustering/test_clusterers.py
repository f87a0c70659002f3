"""Properties that all clusterers share."""

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score

from irl_inr_jax.clustering import CLUSTERERS, DETERMINISTIC, get_clusterer
from irl_inr_jax.metrics.clustering_scores import NOISE, clustering_accuracy
from irl_inr_jax.types import InputError

# Clusterers that train take a few steps here; their training is tested in their own files.
QUICK = {
    "consensus.num_candidates": 3,
    "consensus.num_runs": 8,
    "consensus.num_means": (10, 20),
    "dec.num_epochs": 2,
    "iic.num_epochs": 12,
    "iic.num_heads": 2,
    "iic.augment": "none",
    "iic.learning_rate": 0.05,
    "iic.batch_size": 32,
    "iic.neighbours": "none",
    "scan.num_epochs": 8,
    "scan.augment": "none",
    "scan.learning_rate": 0.05,
    "scan.batch_size": 32,
    "scan.num_neighbours": 5,
    "scan.neighbours": "latents",
    "scan.selflabel_epochs": 1,
}
OWN_NUMBER = {"dbscan", "hdbscan"}  # they find the number of clusters
# They compare images over rotations; images of these tests have one row. They are tested in test_orbit_*.py.
OF_IMAGES = {"orbit_knn", "orbit_selflabel"}
OF_LATENTS = sorted(set(CLUSTERERS) - OF_IMAGES)
TRAINED_LONGEST = {"iic", "scan"}

every_clusterer = pytest.mark.parametrize("name", OF_LATENTS)
trained_longest_slowly = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in TRAINED_LONGEST else ()) for name in OF_LATENTS]
)


@pytest.fixture
def run(make_task):
    """run(name, latents, k, ...): the clustering by that clusterer."""

    def run(name, latents, num_clusters, **task):
        if name == "umap_kmeans":
            pytest.importorskip("umap")
        return get_clusterer(name)(make_task(latents, num_clusters, settings=QUICK, **task))

    return run


def two_blobs(seed):
    latents, labels = make_blobs(64, centers=[[8, 0, 0], [-8, 0, 0]], random_state=seed)
    return latents.astype(np.float32), labels


@every_clusterer
def test_two_blobs_are_separated_in_any_order_and_new_images_assigned(run, name):
    latents, labels = two_blobs(0)
    new, new_labels = two_blobs(1)
    found = run(name, latents, 2)
    assert found.clusters.dtype == np.int32 and found.confidence.dtype == np.float32
    assert set(found.clusters) == {0, 1} and found.transductive
    assert clustering_accuracy(labels, found.clusters) == 1
    order = np.random.default_rng(0).permutation(len(latents))
    assigned = run(name, latents[order], 2, assigned=np.concatenate([new, latents]))
    assert not assigned.transductive and len(assigned.clusters) == len(new) + len(latents)
    assert clustering_accuracy(new_labels, assigned.clusters[: len(new)]) == 1
    assert adjusted_rand_score(found.clusters, assigned.clusters[len(new) :]) == 1
    for clustering in (found, assigned):
        assert 0 <= clustering.confidence.min() and clustering.confidence.max() <= 1


@trained_longest_slowly
def test_the_same_seed_gives_the_same_clusters(run, name):
    latents = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32)
    before = latents.copy()
    first, second = (run(name, latents, 4, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.clusters, second.clusters)
    np.testing.assert_array_equal(first.confidence, second.confidence)
    np.testing.assert_array_equal(latents, before)
    if name in DETERMINISTIC:
        np.testing.assert_array_equal(first.clusters, run(name, latents, 4, seed=4).clusters)


@trained_longest_slowly
def test_one_cluster_one_image_and_one_cluster_per_image(run, name):
    latents = np.random.default_rng(0).normal(size=(6, 2)).astype(np.float32)
    results = [run(name, latents, 1), run(name, latents[:1], 1), run(name, latents, 6)]
    for found, num_images in zip(results, (6, 1, 6), strict=True):
        assert len(found.clusters) == num_images and found.clusters.min() >= NOISE
        assert found.clusters.max() < num_images and np.isfinite(found.confidence).all()
    if name not in OWN_NUMBER:
        np.testing.assert_array_equal(results[0].clusters, np.zeros(6))
        np.testing.assert_array_equal(results[1].clusters, [0])


@every_clusterer
def test_unusable_input_is_refused(run, name):
    latents = np.random.default_rng(0).normal(size=(12, 2)).astype(np.float32)
    for bad, num_clusters, message in [
        (latents, 13, "at most as many clusters as images"),
        (latents, 0, "at least 1 cluster"),
        (np.full_like(latents, np.nan), 2, "finite latents"),
        (np.ones_like(latents), 2, "latents that differ"),
    ]:
        with pytest.raises(InputError, match=message):
            run(name, bad, num_clusters)


def test_clusterers_are_found_by_name():
    assert {name: get_clusterer(name) for name in CLUSTERERS} == CLUSTERERS
    assert set(CLUSTERERS) >= DETERMINISTIC


def test_the_error_for_an_unknown_name_lists_the_known_ones_and_the_nearest():
    with pytest.raises(InputError, match=r"among agglomerative, .*kmeans.*, found 'k-means'; did you mean 'kmeans'\?$"):
        get_clusterer("k-means")
    with pytest.raises(InputError, match=r"found 'xyz'$"):
        get_clusterer("xyz")
