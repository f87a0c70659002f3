import warnings

import numpy as np
import pytest
from scipy.sparse.csgraph import connected_components
from sklearn.cluster import SpectralClustering
from sklearn.metrics import adjusted_rand_score
from sklearn.neighbors import kneighbors_graph

from irl_inr_jax.clustering import spectral
from irl_inr_jax.clustering.spectral import cluster_spectral, connect, make_graph


def rings(num_images=300):
    """Two rings, one within the other, which no mean parts."""
    kinds = np.arange(num_images) % 2
    angles = np.random.default_rng(0).uniform(0, 2 * np.pi, num_images)
    noise = np.random.default_rng(1).normal(size=(num_images, 2)) * 0.05
    return np.stack([np.cos(angles), np.sin(angles)], axis=1) * (1 + 2 * kinds[:, None]) + noise, kinds


def blobs(num_images, num_blobs, seed=0):
    kinds = np.arange(num_images) % num_blobs
    places = 100.0 * np.random.default_rng(7).permutation(16)[:num_blobs]
    return places[kinds, None] * np.ones(3) + np.random.default_rng(seed).normal(size=(num_images, 3)), kinds


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize("num_neighbours", [5, 15])
def test_rings_are_told_apart(num_neighbours, make_task):
    latents, kinds = rings()
    task = make_task(latents, 2, settings={"spectral.num_neighbours": num_neighbours})
    assert adjusted_rand_score(kinds, cluster_spectral(task).clusters) == 1.0


@pytest.mark.parametrize("num_blobs", [2, 5])
def test_far_blobs_are_told_apart_in_new_images_too(num_blobs, make_task):
    latents, kinds = blobs(200, num_blobs)
    new, new_kinds = blobs(50, num_blobs, seed=1)
    result = cluster_spectral(make_task(latents, num_blobs))
    assert adjusted_rand_score(kinds, result.clusters) == 1.0
    placed = cluster_spectral(make_task(latents, num_blobs, assigned=new))
    np.testing.assert_array_equal(placed.clusters, result.clusters[:num_blobs][new_kinds])
    assert np.all(placed.confidence == 1)


def test_with_more_blobs_than_clusters_near_ones_stay_together_and_none_is_torn(make_task):
    places = np.array([0.0, 100.0, 1000.0, 1100.0, 2000.0])
    kinds = np.arange(200) % 5
    latents = places[kinds, None] + np.random.default_rng(0).normal(size=(200, 3))
    clusters = cluster_spectral(make_task(latents, 2)).clusters
    of_blob = [set(clusters[kinds == i]) for i in range(5)]
    assert all(len(found) == 1 for found in of_blob) and len(set.union(*of_blob)) == 2
    assert np.all(np.abs(np.diff([found.pop() for found in of_blob])).sum() == 1)


def test_agrees_with_scikit_learn_on_a_graph_in_one_piece(make_task):
    centres = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])[np.arange(240) % 3]
    latents = centres + np.random.default_rng(0).normal(size=(240, 2))
    graph = kneighbors_graph(latents, 15)
    graph = (graph + graph.T) / 2
    assert connected_components(graph)[0] == 1
    np.testing.assert_allclose(make_graph(latents, 15).toarray(), graph.toarray())
    scikits = SpectralClustering(3, affinity="precomputed", random_state=0).fit_predict(graph)
    assert adjusted_rand_score(scikits, cluster_spectral(make_task(latents, 3)).clusters) == 1.0


def test_the_order_of_the_images_does_not_matter(make_task):
    latents, _ = rings()
    order = np.random.default_rng(1).permutation(len(latents))
    one, other = cluster_spectral(make_task(latents, 4)), cluster_spectral(make_task(latents[order], 4))
    assert adjusted_rand_score(one.clusters[order], other.clusters) > 0.95


@pytest.mark.parametrize("num_blobs", [1, 2, 6])
def test_a_graph_is_made_one_with_no_more_bridges_than_it_takes(num_blobs):
    latents, _ = blobs(120, num_blobs)
    graph = make_graph(latents, 5)
    whole = connect(graph, latents)
    num_parts = connected_components(graph)[0]
    assert num_parts == num_blobs and connected_components(whole)[0] == 1
    assert (whole - graph).nnz == 2 * (num_parts - 1)
    np.testing.assert_allclose(whole.toarray(), whole.toarray().T)


@pytest.mark.parametrize("num_images", [1, 2, 3, 6])
def test_a_handful_of_images_and_as_many_clusters_as_those(num_images, make_task):
    latents = np.random.default_rng(0).normal(size=(num_images, 3))
    for num_clusters in range(1, num_images + 1):
        clusters = cluster_spectral(make_task(latents, num_clusters)).clusters
        assert len(set(clusters)) == num_clusters


def test_past_its_limit_a_sample_is_learnt_from(make_task, monkeypatch):
    monkeypatch.setattr(spectral, "MAX_ROWS", 100)
    latents, kinds = blobs(150, 3)
    result = cluster_spectral(make_task(latents, 3))
    assert adjusted_rand_score(kinds, result.clusters) == 1.0
    assert result.notes == ("learnt from 100 of 150 images; the others joined the cluster of their nearest",)
