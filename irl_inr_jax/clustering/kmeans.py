"""k-means, the first clustering of the paper's Table 2."""

import numpy as np
from jaxtyping import Float, Int32
from sklearn.cluster import KMeans

from irl_inr_jax.clustering.inputs import check_clusterable


def cluster_kmeans(latents: Float[np.ndarray, "n d"], *, num_clusters: int, seed: int) -> Int32[np.ndarray, "n"]:
    """Lloyd's k-means on Euclidean distance: the best by inertia of ten k-means++ starts.

    Raises InputError for what `check_clusterable` refuses.
    """
    check_clusterable(latents, num_clusters)
    return KMeans(num_clusters, n_init=10, random_state=seed).fit_predict(latents).astype(np.int32)
