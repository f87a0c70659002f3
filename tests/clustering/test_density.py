import itertools

import numpy as np
import pytest
from sklearn.cluster import DBSCAN, HDBSCAN
from sklearn.metrics import adjusted_rand_score

from irl_inr_jax.clustering import density
from irl_inr_jax.clustering.density import cluster_dbscan, cluster_hdbscan
from irl_inr_jax.metrics.clustering_scores import NOISE

BOTH = pytest.mark.parametrize("cluster", [cluster_dbscan, cluster_hdbscan])


def blobs(num_images, *, num_blobs=2, apart=30.0, seed=0):
    kinds = np.arange(num_images) % num_blobs
    rng = np.random.default_rng(seed)
    return (apart * np.eye(8)[kinds] + rng.normal(size=(num_images, 8))).astype(np.float32), kinds


def uneven(num_images=300):
    """Three blobs, two of them touching, and uniform noise: clusters, border images and noise."""
    rng = np.random.default_rng(0)
    centres = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 8.0]])[np.arange(num_images) % 3]
    latents = centres + rng.normal(size=(num_images, 2))
    latents[::10] = rng.uniform(-6, 14, size=(len(latents[::10]), 2))
    return latents


def check_result(task, result):
    assert len(result.clusters) == len(task.assigned.latents)
    assert np.all(result.clusters >= NOISE)
    assert np.all((result.confidence >= 0) & (result.confidence <= 1))
    assert np.all(result.confidence[result.clusters == NOISE] == 0)


@BOTH
@pytest.mark.parametrize("num_images", [40, 400])
def test_two_blobs_are_separated_without_noise(cluster, num_images, make_task):
    latents, kinds = blobs(num_images)
    new, new_kinds = blobs(60, seed=1)
    result = cluster(make_task(latents, 2))
    assert adjusted_rand_score(kinds, result.clusters) == 1.0
    assert result.measures["noise_share"] == 0 and set(result.clusters) == {0, 1}
    placed = cluster(make_task(latents, 2, assigned=new))
    clustered = placed.clusters != NOISE
    np.testing.assert_array_equal(placed.clusters[clustered], result.clusters[:2][new_kinds[clustered]])
    assert clustered.mean() > 0.95


@BOTH
def test_clusters_do_not_depend_on_the_order_of_the_images(cluster, make_task):
    latents = uneven()
    order = np.random.default_rng(1).permutation(len(latents))
    one, other = cluster(make_task(latents, 3)), cluster(make_task(latents[order], 3))
    assert 0 < one.measures["noise_share"] < 0.5
    assert adjusted_rand_score(one.clusters[order], other.clusters) == 1.0


@BOTH
def test_a_few_images_have_a_defined_result(cluster, make_task):
    for num_images, min_samples, num_clusters in itertools.product([1, 2, 3, 6], [1, 2, 10], [1, 2]):
        latents = np.random.default_rng(0).normal(size=(num_images, 3))
        settings = {"dbscan.min_samples": min_samples, "hdbscan.min_samples": min_samples}
        for assigned in (None, latents[:1] + 0.1):
            task = make_task(latents, min(num_clusters, num_images), assigned=assigned, settings=settings)
            check_result(task, cluster(task))


@BOTH
@pytest.mark.parametrize("num_clusters", [1, 2])
def test_duplicates_have_a_defined_result(cluster, num_clusters, make_task):
    latents = np.repeat(np.array([[0.0, 1.0], [5.0, 0.3]]), 30, axis=0)
    result = cluster(make_task(latents, num_clusters))
    assert np.all(np.isfinite(result.confidence))
    assert result.measures["noise_share"] == 0
    # HDBSCAN finds the two persistent clusters for any requested number.
    assert len(set(result.clusters)) == (2 if cluster is cluster_hdbscan else num_clusters)


@BOTH
def test_equal_images_are_one_cluster(cluster, make_task):
    result = cluster(make_task(np.full((30, 2), 0.3), 1))
    np.testing.assert_array_equal(result.clusters, np.zeros(30))


@BOTH
def test_above_the_limit_a_subsample_is_fitted(cluster, make_task, monkeypatch):
    monkeypatch.setattr(density, "MAX_ROWS", 200)
    latents, kinds = blobs(300)
    result = cluster(make_task(latents, 2))
    clustered = result.clusters != NOISE
    assert adjusted_rand_score(kinds[clustered], result.clusters[clustered]) == 1.0 and clustered.mean() > 0.95
    assert result.notes[-1].startswith("fitted to 200 of 300 images")


@pytest.mark.parametrize("eps", [0.0, 0.5, 0.7, 3.0])
def test_core_images_and_noise_agree_with_scikit_learn(eps, make_task):
    latents = uneven()
    result = cluster_dbscan(make_task(latents, 3, settings={"dbscan.eps": eps}))
    scikits = DBSCAN(eps=result.measures["eps"], min_samples=10).fit(latents)
    core = scikits.core_sample_indices_
    assert len(core) and adjusted_rand_score(scikits.labels_[core], result.clusters[core]) == 1.0
    np.testing.assert_array_equal(result.clusters == NOISE, scikits.labels_ == NOISE)
    np.testing.assert_allclose(result.confidence[core], 1.0, atol=1e-6)


def test_border_and_new_images_join_the_nearest_core_image(make_task):
    latents, new = uneven(), np.random.default_rng(3).uniform(-6, 14, size=(200, 2))
    settings = {"dbscan.eps": 0.7}
    core = DBSCAN(eps=0.7, min_samples=10).fit(latents).core_sample_indices_
    clusters = cluster_dbscan(make_task(latents, 3, settings=settings)).clusters
    for assigned in (latents, new):
        result = cluster_dbscan(make_task(latents, 3, assigned=assigned, settings=settings))
        distances = np.linalg.norm(assigned[:, None] - latents[core], axis=-1)
        expected = np.where(distances.min(axis=1) <= 0.7, clusters[core][distances.argmin(axis=1)], NOISE)
        np.testing.assert_array_equal(result.clusters, expected)


@pytest.mark.parametrize("num_clusters", [1, 2, 3, 4])
def test_no_other_eps_is_nearer_to_k_clusters_or_equally_near_with_less_noise(num_clusters, make_task):
    latents = uneven()
    result = cluster_dbscan(make_task(latents, num_clusters))

    def judge(eps):
        scikits = DBSCAN(eps=eps, min_samples=10).fit(latents)
        labels = scikits.labels_[scikits.core_sample_indices_]
        count = int(np.sum(np.bincount(labels, minlength=1) >= 10))
        return abs(count - num_clusters), np.sum(scikits.labels_ == NOISE)

    miss, noise = judge(result.measures["eps"])
    for eps in np.geomspace(0.05, 20, 40):
        other_miss, other_noise = judge(eps)
        assert miss <= other_miss
        # A larger eps within the same merge may still reach another border image.
        assert miss < other_miss or noise <= other_noise + 5


def test_a_chosen_eps_is_reported_and_a_given_one_is_used(make_task):
    latents, _ = blobs(80)
    chosen = cluster_dbscan(make_task(latents, 2))
    eps = chosen.measures["eps"]
    assert chosen.notes == (f"eps {eps:.3g}, chosen for 2 clusters", "number of clusters found: 2")
    given = cluster_dbscan(make_task(latents, 2, settings={"dbscan.eps": eps}))
    assert given.notes == ("number of clusters found: 2",)
    np.testing.assert_array_equal(given.clusters, chosen.clusters)


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_clusters_do_not_depend_on_the_scale_of_the_latents(scale, make_task):
    latents = uneven()
    one, other = cluster_dbscan(make_task(latents, 3)), cluster_dbscan(make_task(latents * scale, 3))
    np.testing.assert_array_equal(one.clusters, other.clusters)
    np.testing.assert_allclose(other.measures["eps"], scale * one.measures["eps"], rtol=1e-4)


@pytest.mark.parametrize("assigned", [None, np.zeros((3, 2))])
def test_a_result_of_noise_only_is_noted_with_settings_to_try(assigned, make_task):
    latents = uneven()
    dbscan = cluster_dbscan(make_task(latents, 3, assigned=assigned, settings={"dbscan.eps": 1e-3}))
    hdbscan = cluster_hdbscan(make_task(latents, 3, assigned=assigned, settings={"hdbscan.min_cluster_size": 400}))
    for result in (dbscan, hdbscan):
        assert np.all(result.clusters == NOISE) and np.all(result.confidence == 0)
        assert result.measures["noise_share"] == 1.0
    assert dbscan.notes == (
        "every image is noise: none is within eps of a core image; try a larger eps or a smaller min_samples",
    )
    assert hdbscan.notes == (
        "every image is noise: none is in a group of at least 400; try a smaller min_cluster_size or min_samples",
    )


def test_hdbscan_agrees_with_scikit_learn_including_probabilities(make_task):
    latents = uneven()
    result = cluster_hdbscan(make_task(latents, 3))
    scikits = HDBSCAN(min_cluster_size=5, min_samples=10, copy=True).fit(latents)
    np.testing.assert_array_equal(result.clusters, scikits.labels_)
    np.testing.assert_allclose(result.confidence, scikits.probabilities_, rtol=1e-6)
    assert result.notes == (f"number of clusters found: {scikits.labels_.max() + 1}",)
