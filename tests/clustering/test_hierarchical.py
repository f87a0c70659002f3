import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, linkage
from sklearn.metrics import adjusted_rand_score

from irl_inr_jax.clustering.hierarchical import cluster_agglomerative
from irl_inr_jax.types import InputError


def test_agrees_with_scipys_ward_tree():
    latents = np.random.default_rng(0).normal(size=(80, 3))
    expected = fcluster(linkage(latents, "ward"), 6, "maxclust")
    assert adjusted_rand_score(expected, cluster_agglomerative(latents, num_clusters=6, seed=0)) == 1.0


def test_too_many_rows_are_refused_with_the_memory_they_would_need():
    latents = np.random.default_rng(0).normal(size=(60_000, 1))
    with pytest.raises(InputError, match=r"at most 20000 images .* found 60000, .* 28\.8 GB .* or kmeans$"):
        cluster_agglomerative(latents, num_clusters=2, seed=0)
