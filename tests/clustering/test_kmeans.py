import numpy as np
from sklearn.cluster import KMeans

from irl_inr_jax.clustering.kmeans import cluster_kmeans


def test_no_image_is_nearer_to_another_clusters_mean():
    latents = np.random.default_rng(0).normal(size=(200, 3))
    clusters = cluster_kmeans(latents, num_clusters=5, seed=0)
    means = np.stack([latents[clusters == i].mean(axis=0) for i in range(5)])
    distances = np.linalg.norm(latents[:, None] - means, axis=-1)
    np.testing.assert_array_equal(distances.argmin(axis=1), clusters)


def test_ten_starts_find_tighter_clusters_than_one():
    latents = np.random.default_rng(0).normal(size=(150, 3))

    def spread(clusters):
        return sum(((latents[clusters == i] - latents[clusters == i].mean(axis=0)) ** 2).sum() for i in range(12))

    ours = [spread(cluster_kmeans(latents, num_clusters=12, seed=seed)) for seed in range(3)]
    one_start = [spread(KMeans(12, n_init=1, random_state=seed).fit_predict(latents)) for seed in range(3)]
    assert np.mean(ours) < 0.99 * np.mean(one_start)
