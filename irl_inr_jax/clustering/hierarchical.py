"""Agglomerative clustering, `Agg` in the paper's Table 2 and Algorithm 2 of the thesis."""

import numpy as np
from jaxtyping import Float, Int32
from sklearn.cluster import AgglomerativeClustering

from irl_inr_jax.clustering.inputs import check_clusterable
from irl_inr_jax.types import InputError

MAX_ROWS = 20_000
# The distances of all pairs in float64, and the copy of them that SciPy's linkage works on.
_BYTES_PER_PAIR = 2 * 8


def cluster_agglomerative(latents: Float[np.ndarray, "n d"], *, num_clusters: int, seed: int) -> Int32[np.ndarray, "n"]:
    """Merge the two clusters whose union adds least to the within-cluster variance (Ward), until k are left.

    Time and memory grow with n^2: 3.2 GB at `MAX_ROWS`. Nothing is random; `seed` is taken for the common signature.

    Raises InputError above `MAX_ROWS` rows and for what `check_clusterable` refuses.
    """
    check_clusterable(latents, num_clusters)
    num_rows = len(latents)
    if num_rows > MAX_ROWS:
        gigabytes = _BYTES_PER_PAIR * num_rows * (num_rows - 1) / 2 / 1e9
        raise InputError(
            f"expected at most {MAX_ROWS} images for agglomerative clustering, found {num_rows}, which would need "
            f"{gigabytes:.1f} GB of memory; use fewer images or kmeans"
        )
    if num_rows == 1:  # which scikit-learn refuses
        return np.zeros(1, np.int32)
    return AgglomerativeClustering(num_clusters, linkage="ward").fit_predict(latents).astype(np.int32)
