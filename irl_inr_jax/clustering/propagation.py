"""Spread corrections of clusters over the graph of nearest neighbours, and choose the images to look at next.

Local and global consistency (Zhou et al. 2004): each image repeatedly takes the mean of its neighbours' clusters and of
its own statement, which is strong for a corrected image and weak for the cluster that a clusterer gave. Edges are
weighted by shared neighbours, so that an image between two clusters passes little on.
"""

import numpy as np
from jaxtyping import Bool, Float, Int, Int32
from scipy.sparse import csr_array, diags_array

from irl_inr_jax.clustering.diffusion import shared_neighbour_graph
from irl_inr_jax.metrics.clustering_scores import NOISE

SPREAD = 0.9  # share of the neighbours' mean in each step; the rest is the image's own statement
WEIGHT = 0.02  # of a clusterer's cluster, relative to a correction
NUM_STEPS = 60
DAMPING = 0.5  # of the uncertainty around an image that is corrected or listed, so that the list is spread out


def propagate_clusters(
    neighbours: Int[np.ndarray, "n q"],
    clusters: Int[np.ndarray, "n"],
    *,
    corrected: Bool[np.ndarray, "n"],
    left_out: Bool[np.ndarray, "n"],
    num_clusters: int,
) -> Float[np.ndarray, "n k"]:
    """Return the share of each cluster for each image; rows sum to 1, or are 0 where no statement reaches.

    corrected: images whose cluster is certain, which keep it. left_out: images that neither have nor pass on a cluster.
    Noise (-1) states nothing unless it is corrected to be noise, and then passes nothing on.
    """
    num_images = len(clusters)
    walk = _symmetric_walk(neighbours, left_out | (corrected & (clusters == NOISE)))
    stated = np.zeros((num_images, num_clusters))
    rows = np.flatnonzero((clusters != NOISE) & ~left_out)
    stated[rows, clusters[rows]] = np.where(corrected[rows], 1.0, WEIGHT)
    found = stated.copy()
    for _ in range(NUM_STEPS):
        found = SPREAD * (walk @ found) + (1 - SPREAD) * stated
    found[corrected] = stated[corrected]
    return found / np.maximum(found.sum(axis=1, keepdims=True), 1e-12)


def choose_clusters(
    shares: Float[np.ndarray, "n k"],
) -> tuple[Int32[np.ndarray, "n"], Float[np.ndarray, "n"]]:
    """Return the most probable cluster of each image and its share, -1 and 0 where no statement reaches."""
    reached = shares.any(axis=1)
    return np.where(reached, shares.argmax(axis=1), NOISE).astype(np.int32), shares.max(axis=1, initial=0.0)


def choose_informative(
    shares: Float[np.ndarray, "n k"],
    neighbours: Int[np.ndarray, "n q"],
    *,
    known: Bool[np.ndarray, "n"],
    count: int,
) -> Int[np.ndarray, "m"]:
    """Return the `count` images whose correction would tell most, most first; fewer if fewer are not `known`.

    The score of an image is its uncertainty plus the mean of its neighbours', so that it tells about others too. The
    uncertainty around each known and each chosen image is damped.
    """
    uncertainty = np.where(known, 0.0, measure_uncertainty(shares))
    np.multiply.at(uncertainty, neighbours[known].reshape(-1), DAMPING)
    is_free, chosen = ~known, []
    around = uncertainty[neighbours]
    for _ in range(min(count, int(is_free.sum()))):
        score = np.where(is_free, uncertainty + around.mean(axis=1), -1.0)
        row = int(score.argmax())
        chosen.append(row)
        is_free[row] = False
        uncertainty[row] = 0.0
        uncertainty[neighbours[row]] *= DAMPING
        around = uncertainty[neighbours]
    return np.array(chosen, np.int64)


def measure_uncertainty(shares: Float[np.ndarray, "n k"]) -> Float[np.ndarray, "n"]:
    """Return 1 less the difference of the two largest shares of each row."""
    if shares.shape[1] < 2:
        return 1 - shares.max(axis=1, initial=0.0)
    second, first = np.partition(shares, -2, axis=1)[:, -2:].T
    return 1 - (first - second)


def _symmetric_walk(neighbours: Int[np.ndarray, "n q"], left_out: Bool[np.ndarray, "n"]) -> csr_array:
    """Return the graph of shared neighbours, normalised on both sides, without the edges of the images left out."""
    kept = diags_array((~left_out).astype(float))
    graph = kept @ shared_neighbour_graph(neighbours) @ kept
    degree = np.asarray(graph.sum(axis=1)).reshape(-1)
    scale = diags_array(1 / np.sqrt(np.where(degree > 0, degree, 1.0)))
    return (scale @ graph @ scale).tocsr()
