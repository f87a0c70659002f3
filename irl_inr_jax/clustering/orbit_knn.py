"""Clusters without training: k-means on the diffusion coordinates of the graph of nearest images under all turns.

The distance of two images is the least over all turns, each about its centre of mass. It is the baseline that anything
learnt has to beat.
"""

import numpy as np

from irl_inr_jax.clustering.diffusion import cut_neighbour_graph, graph_degree
from irl_inr_jax.clustering.neighbours.orbits import orbit_neighbours, compute_polar_images
from irl_inr_jax.clustering.neighbours.voting import agreement
from irl_inr_jax.clustering.task import Clustering, ClusterTask, check_clusterable
from irl_inr_jax.types import InputError


def cluster_orbit_knn(task: ClusterTask) -> Clustering:
    """Clusters of `task.assigned` by its own images; latents and `task.fitted` have no say.

    With few images to a cluster the graph has fewer neighbours than `settings.orbit_knn.num_neighbours`, since those
    beyond are of other clusters. Confidence is the share of an image's neighbours that are in its cluster.
    Raises InputError for images that are all alike and what `check_clusterable` refuses of the polar images.
    """
    settings, num_images = task.settings.orbit_knn, len(task.assigned.images)
    polar = compute_polar_images(task)
    if num_images > 1 and task.num_clusters > 1 and np.all(polar == polar[0]):
        raise InputError(f"expected images that differ, found {num_images} that are all alike; see what was loaded")
    check_clusterable(polar.reshape(num_images, -1), task.num_clusters)
    notes = () if task.transductive else ("clustered the images by themselves, without those it was to learn from",)
    if task.num_clusters == num_images:
        alone = np.arange(num_images, dtype=np.int32)
        return Clustering(alone, np.ones(num_images, np.float32), transductive=True, notes=notes)
    degree = graph_degree(settings.num_neighbours, num_images, task.num_clusters)
    neighbours = orbit_neighbours(polar, degree, task)
    clusters = cut_neighbour_graph(neighbours, task.num_clusters, settings=settings, seed=task.seed)
    return Clustering(
        clusters=clusters,
        confidence=agreement(clusters, neighbours),
        transductive=True,
        notes=notes,
        neighbours=neighbours if task.transductive else None,
    )
