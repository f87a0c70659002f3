"""Agreement of clusters with the nearest images under all rotations: a comparison of clusterers without labels."""

import numpy as np
from jaxtyping import Int, Int32

from irl_inr_jax.clustering import Clustering, ClusterTask
from irl_inr_jax.clustering.assignment import subsample
from irl_inr_jax.clustering.neighbours.image_neighbours import index_images
from irl_inr_jax.clustering.neighbours.voting import agreement
from irl_inr_jax.clustering.orbit_graph import search_settings_of
from irl_inr_jax.metrics.clustering_scores import NOISE

MAX_IMAGES = 2_000
NUM_NEIGHBOURS = 10


def measure_neighbour_agreement(task: ClusterTask, clusterings: dict[str, Clustering]) -> dict[str, float]:
    """Return the `agreement_gain` of each clustering over at most `MAX_IMAGES` assigned images.

    Neighbours are searched among these images by `config.orbits.distance`. With fewer than three images there are none.
    """
    images = task.assigned.images
    rows = subsample(len(images), MAX_IMAGES, task.seed)
    if len(rows) < 3:
        return {}
    neighbours = index_images(images[rows], search_settings_of(task)).among_fitted(min(NUM_NEIGHBOURS, len(rows) - 1))
    return {name: agreement_gain(found.clusters[rows], neighbours) for name, found in clusterings.items()}


def agreement_gain(clusters: Int32[np.ndarray, "n"], neighbours: Int[np.ndarray, "n q"]) -> float:
    """Return how often an image's neighbours are in its cluster, from 0 for clusters at random to 1 for always.

    (s - s0) / (1 - s0), with the mean share s and that of clusters of these sizes at random, s0. So one large cluster
    gains nothing. An image of noise is in the cluster of no neighbour. A single cluster gives 0.
    """
    own = clusters.copy()
    noise = clusters == NOISE
    own[noise] = np.arange(int(noise.sum())) + int(clusters.max()) + 1  # a cluster of its own
    sizes = np.bincount(own)
    num_images = len(own)
    by_chance = float((sizes * (sizes - 1)).sum() / (num_images * (num_images - 1)))
    if by_chance == 1:
        return 0.0
    return (float(agreement(own, neighbours).mean()) - by_chance) / (1 - by_chance)
