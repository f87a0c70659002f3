"""Training-free clustering: k-means on the diffusion coordinates of the nearest-neighbour graph under all rotations.

The distance of two images is that in their best rotation, each image taken about its centre. It is the baseline that
trained encoders are compared with, and the source of the first labels of `orbit_selflabel`.
"""

import numpy as np
from jaxtyping import Float
from sklearn.cluster import KMeans

from irl_inr_jax.clustering.balance import balance_assignment, check_sizes
from irl_inr_jax.clustering.diffusion import diffusion_coordinates, graph_degree
from irl_inr_jax.clustering.neighbours.voting import agreement, vote
from irl_inr_jax.clustering.orbit_graph import check_images, find_orbit_graph
from irl_inr_jax.clustering.task import Clustering, ClusterTask
from irl_inr_jax.devices.threads import single_thread


def cluster_orbit_knn(task: ClusterTask) -> Clustering:
    """Cluster the fitted images by `label_orbits`; assign others by a vote of their nearest fitted neighbours.

    Latents are not used. Confidence is the share of an image's neighbours in the same cluster: of those in the graph
    for a fitted image, of `settings.vote_neighbours` for another. Raises InputError for what `label_orbits` refuses.
    """
    labels = label_orbits(task).argmax(axis=1).astype(np.int32)
    degree = _degree(task)
    graph = find_orbit_graph(task, max(degree, task.settings.vote_neighbours))
    if task.transductive:
        clusters, confidence = labels, agreement(labels, graph.fitted[:, :degree])
    else:
        clusters, confidence = vote(labels, graph.assigned[:, : task.settings.vote_neighbours])
    return Clustering(
        clusters=clusters,
        confidence=confidence,
        transductive=task.transductive,
        notes=(f"cluster sizes: {task.settings.sizes}",),
        measures={"neighbour_recall": graph.recall},
        neighbours=graph.fitted[:, :degree],
    )


def label_orbits(task: ClusterTask) -> Float[np.ndarray, "n k"]:
    """Return the probability of each cluster for each fitted image, with sizes according to `settings.sizes`.

    The graph has fewer neighbours than `settings.orbit_knn.num_neighbours` if clusters are small (`graph_degree`); a
    single cluster, or one for each image, needs none. Raises InputError, before the search, for what `check_images` and
    `check_sizes` refuse.
    """
    check_images(task)
    check_sizes(task.settings.sizes, task.num_clusters)
    settings, num_clusters, num_images = task.settings.orbit_knn, task.num_clusters, len(task.fitted.images)
    if num_clusters in (1, num_images):
        return np.eye(num_clusters)[np.arange(num_images) % num_clusters]
    graph = find_orbit_graph(task, max(_degree(task), task.settings.vote_neighbours))
    coordinates = diffusion_coordinates(
        graph.fitted[:, : _degree(task)],
        num_dims=max(settings.num_dims, num_clusters),
        num_steps=settings.num_steps,
        seed=task.seed,
    )
    with single_thread():
        kmeans = KMeans(num_clusters, n_init=10, random_state=task.seed).fit(coordinates)
        squares = kmeans.transform(coordinates) ** 2
    return balance_assignment(squares, task.settings.sizes)


def _degree(task: ClusterTask) -> int:
    return graph_degree(task.settings.orbit_knn.num_neighbours, len(task.fitted.images), task.num_clusters)
