"""What every clusterer owes, whatever its algorithm."""

import numpy as np
import pytest
from sklearn.datasets import make_blobs

from irl_inr_jax.clustering import CLUSTERERS, get_clusterer
from irl_inr_jax.metrics.clustering import clustering_accuracy
from irl_inr_jax.types import InputError

every_clusterer = pytest.mark.parametrize("cluster", CLUSTERERS.values(), ids=CLUSTERERS)


@every_clusterer
@pytest.mark.parametrize("num_blobs", [2, 5])
def test_separate_blobs_are_found_exactly(cluster, num_blobs):
    centres = 30 * np.eye(6)[:num_blobs]
    latents, labels = make_blobs(40 * num_blobs, centers=centres, random_state=num_blobs)
    found = cluster(latents.astype(np.float32), num_clusters=num_blobs, seed=0)
    assert found.dtype == np.int32
    assert set(found) == set(range(num_blobs))
    assert clustering_accuracy(labels, found) == 1.0


@every_clusterer
def test_the_same_seed_gives_the_same_labels(cluster):
    latents = np.random.default_rng(0).normal(size=(120, 4))
    first, second = (cluster(latents, num_clusters=7, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@every_clusterer
def test_one_cluster_one_image_and_a_cluster_an_image(cluster):
    latents = np.random.default_rng(0).normal(size=(6, 2))
    np.testing.assert_array_equal(cluster(latents, num_clusters=1, seed=0), np.zeros(6))
    np.testing.assert_array_equal(cluster(latents[:1], num_clusters=1, seed=0), [0])
    assert sorted(cluster(latents, num_clusters=6, seed=0)) == list(range(6))


@every_clusterer
def test_input_is_checked_and_not_written_to(cluster):
    latents = np.random.default_rng(0).normal(size=(10, 2))
    before = latents.copy()
    cluster(latents, num_clusters=3, seed=0)
    np.testing.assert_array_equal(latents, before)
    with pytest.raises(InputError, match="at most as many clusters as images"):
        cluster(latents, num_clusters=11, seed=0)


def test_a_known_name_gives_its_clusterer():
    assert {name: get_clusterer(name) for name in CLUSTERERS} == CLUSTERERS


def test_an_unknown_name_is_answered_with_the_known_ones_and_the_nearest():
    with pytest.raises(InputError, match=r"among agglomerative, kmeans, found 'k-means'; did you mean 'kmeans'\?$"):
        get_clusterer("k-means")
    with pytest.raises(InputError, match=r"found 'spectral'$"):
        get_clusterer("spectral")
