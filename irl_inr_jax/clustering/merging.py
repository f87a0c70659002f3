"""Merge micro-clusters by how often their images are in one cluster of several clusterings (co-association)."""

import numpy as np
from jaxtyping import Float, Int, Int32
from scipy.sparse import csr_array
from sklearn.cluster import KMeans

from irl_inr_jax.clustering.library_warnings import without_library_warnings
from irl_inr_jax.devices.threads import single_thread


@single_thread()
def fit_means(
    points: Float[np.ndarray, "n d"], num_clusters: int, *, num_steps: int, seed: int
) -> Int32[np.ndarray, "n"]:
    """Run k-means from one start; clusters are numbered from 0 without gaps, fewer for fewer distinct points."""
    if num_clusters >= len(points):
        return np.arange(len(points), dtype=np.int32)
    with without_library_warnings():
        found = KMeans(num_clusters, n_init=1, max_iter=num_steps, random_state=seed).fit_predict(points)
    return np.unique(found, return_inverse=True)[1].astype(np.int32)


def micro_coassociation(
    clusterings: list[Int[np.ndarray, "n"]], micro: Int[np.ndarray, "n"], smoother: csr_array
) -> Float[np.ndarray, "m m"]:
    """Sum the probability of a common cluster over all pairs of images of two micro-clusters; mean over clusterings.

    smoother: (n, n) with row sums 1. An image is in a cluster with the weight of its neighbours there, so the borders
    of a single clustering count less.
    """
    num_micro = int(micro.max()) + 1
    members = csr_array(
        (np.ones(len(micro), np.float32), (micro, np.arange(len(micro)))), shape=(num_micro, len(micro))
    )
    averaging = (members @ smoother).tocsr()
    total = np.zeros((num_micro, num_micro))
    for clusters in clusterings:
        shares = averaging @ np.eye(int(clusters.max()) + 1, dtype=np.float32)[clusters]
        total += shares @ shares.T
    return total / len(clusterings)


def merge_by_similarity(
    similarities: Float[np.ndarray, "m m"], sizes: Int[np.ndarray, "m"], num_clusters: int
) -> Int32[np.ndarray, "m"]:
    """Merge the two clusters with the largest mean similarity of their images until `num_clusters` remain.

    similarities: symmetric, summed over all pairs of images. sizes: images of each. This is average linkage that starts
    from clusters of several images. With at most `num_clusters` to begin with, none are merged.
    """
    sums, weights = similarities.astype(np.float64), sizes.astype(np.float64)
    means = sums / np.outer(weights, weights)
    np.fill_diagonal(means, -np.inf)
    labels = np.arange(len(sizes))
    for _ in range(len(sizes) - num_clusters):
        kept, merged = sorted(np.unravel_index(means.argmax(), means.shape))
        sums[kept] += sums[merged]
        sums[:, kept] += sums[:, merged]
        weights[kept] += weights[merged]
        means[kept] = means[:, kept] = sums[kept] / (weights[kept] * weights)
        labels[labels == merged] = kept
        means[merged] = means[:, merged] = -np.inf
        gone = np.setdiff1d(np.arange(len(sizes)), labels)
        means[kept, gone] = means[gone, kept] = means[kept, kept] = -np.inf
    return np.unique(labels, return_inverse=True)[1].astype(np.int32)
