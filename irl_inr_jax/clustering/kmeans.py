"""k-means, the first clusterer of the paper's Table 2."""

import numpy as np
from jaxtyping import Float, Float32, Int32
from sklearn.cluster import KMeans
from sklearn.metrics.pairwise import euclidean_distances

from irl_inr_jax.clustering.task import Clustering, ClusterTask, check_clusterable
from irl_inr_jax.devices.threads import single_thread


@single_thread()
def cluster_kmeans(task: ClusterTask) -> Clustering:
    """Run Lloyd's k-means from ten k-means++ starts and keep the one with the lowest inertia.

    An image is assigned to the nearest mean; confidence is `centroid_confidence`. `params` has the means, `centres`
    (k, d), which `assign_to_centres` takes.

    Raises InputError for what `check_clusterable` refuses.
    """
    check_clusterable(task.fitted.latents, task.num_clusters)
    kmeans = KMeans(task.num_clusters, n_init=10, random_state=task.seed).fit(task.fitted.latents)
    distances = kmeans.transform(task.assigned.latents)
    return Clustering(
        clusters=distances.argmin(axis=1).astype(np.int32),
        confidence=centroid_confidence(distances),
        transductive=task.transductive,
        params={"centres": kmeans.cluster_centers_},
    )


def assign_to_centres(
    centres: Float[np.ndarray, "k d"], latents: Float[np.ndarray, "n d"]
) -> tuple[Int32[np.ndarray, "n"], Float32[np.ndarray, "n"]]:
    """Return the number of the nearest centre of each row, and `centroid_confidence`."""
    distances = euclidean_distances(latents, centres.astype(latents.dtype))
    return distances.argmin(axis=1).astype(np.int32), centroid_confidence(distances)


def centroid_confidence(distances: Float[np.ndarray, "n k"]) -> Float32[np.ndarray, "n"]:
    """Compute the simplified silhouette 1 - a / b, with distances a to the nearest and b to the second nearest mean.

    It is 0 halfway between two means, 1 on a mean, and 1 for a single cluster.
    """
    if distances.shape[1] == 1:
        return np.ones(len(distances), np.float32)
    nearest, second = np.partition(distances, 1, axis=1)[:, :2].T
    return (1 - nearest / np.where(second > 0, second, 1.0)).astype(np.float32)
