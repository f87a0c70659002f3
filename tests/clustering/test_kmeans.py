import numpy as np
from sklearn.cluster import KMeans

from irl_inr_jax.clustering.kmeans import centroid_confidence, cluster_kmeans


def test_every_image_is_nearest_to_the_mean_of_its_cluster(make_task):
    latents = np.random.default_rng(0).normal(size=(200, 3))
    clusters = cluster_kmeans(make_task(latents, 5)).clusters
    means = np.stack([latents[clusters == i].mean(axis=0) for i in range(5)])
    distances = np.linalg.norm(latents[:, None] - means, axis=-1)
    np.testing.assert_array_equal(distances.argmin(axis=1), clusters)


def test_new_images_are_assigned_to_the_nearest_mean(make_task):
    latents = np.random.default_rng(0).normal(size=(200, 3))
    new = np.random.default_rng(1).normal(size=(50, 3))
    clusters = cluster_kmeans(make_task(latents, 5)).clusters
    means = np.stack([latents[clusters == i].mean(axis=0) for i in range(5)])
    distances = np.linalg.norm(new[:, None] - means, axis=-1)
    ours = cluster_kmeans(make_task(latents, 5, assigned=new))
    np.testing.assert_array_equal(ours.clusters, distances.argmin(axis=1))
    assert not ours.transductive


def test_ten_starts_find_tighter_clusters_than_one(make_task):
    latents = np.random.default_rng(0).normal(size=(150, 3))

    def spread(clusters):
        return sum(((latents[clusters == i] - latents[clusters == i].mean(axis=0)) ** 2).sum() for i in range(12))

    ours = [spread(cluster_kmeans(make_task(latents, 12, seed=seed)).clusters) for seed in range(3)]
    one_start = [spread(KMeans(12, n_init=1, random_state=seed).fit_predict(latents)) for seed in range(3)]
    assert np.mean(ours) < 0.99 * np.mean(one_start)


def test_confidence_is_one_on_a_mean_and_zero_between_two():
    distances = np.array([[0.0, 3.0], [2.0, 2.0], [3.0, 1.0], [0.0, 0.0]])
    np.testing.assert_allclose(centroid_confidence(distances), [1.0, 0.0, 2 / 3, 1.0], rtol=1e-6)
    np.testing.assert_array_equal(centroid_confidence(distances[:, :1]), np.ones(4))
