"""Training-free clustering: k-means on the diffusion coordinates of the nearest-neighbour graph under all rotations.

The distance of two images is the smallest over all rotations, each image taken about its centre of mass. It is the
baseline that trained encoders are compared with.
"""

import numpy as np

from irl_inr_jax.clustering.diffusion import cut_neighbour_graph, graph_degree
from irl_inr_jax.clustering.neighbours.orbits import compute_polar_images, orbit_neighbours
from irl_inr_jax.clustering.neighbours.voting import agreement
from irl_inr_jax.clustering.task import Clustering, ClusterTask, check_clusterable
from irl_inr_jax.types import InputError


def cluster_orbit_knn(task: ClusterTask) -> Clustering:
    """Cluster the assigned images alone; latents and `task.fitted` are not used.

    The graph has fewer neighbours than `settings.orbit_knn.num_neighbours` if clusters are small (`graph_degree`).
    Confidence is the share of an image's neighbours in the same cluster. Raises InputError for images that are all
    equal and for polar images that `check_clusterable` refuses.
    """
    settings, num_images, batch_size = task.settings.orbit_knn, len(task.assigned.images), task.trained.batch_size
    polar = compute_polar_images(
        task.assigned.images, task.trained.scaling, fill=task.fill, batch_size=batch_size, **task.orbits
    )
    if num_images > 1 and task.num_clusters > 1 and np.all(polar == polar[0]):
        raise InputError(f"expected images that differ, found {num_images} equal ones; check the data that were loaded")
    check_clusterable(polar.reshape(num_images, -1), task.num_clusters)
    notes = () if task.transductive else ("clustered these images alone, without the images to be fitted",)
    if task.num_clusters == num_images:
        alone = np.arange(num_images, dtype=np.int32)
        return Clustering(alone, np.ones(num_images, np.float32), transductive=True, notes=notes)
    degree = graph_degree(settings.num_neighbours, num_images, task.num_clusters)
    neighbours = orbit_neighbours(polar, degree, batch_size=batch_size)
    clusters = cut_neighbour_graph(neighbours, task.num_clusters, settings=settings, seed=task.seed)
    return Clustering(
        clusters=clusters,
        confidence=agreement(clusters, neighbours),
        transductive=True,
        notes=notes,
        neighbours=neighbours if task.transductive else None,
    )
