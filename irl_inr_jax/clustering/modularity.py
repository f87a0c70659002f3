"""Modularity of a partition of a neighbour graph, and its local maximisation at a fixed number of clusters.

Modularity (Newman and Girvan, 2004) is the share of edges within clusters minus its expectation if edges were placed at
random between images of the same degrees. It compares partitions without labels.
"""

import numpy as np
from jaxtyping import Float, Int, Int32
from scipy.sparse import csr_array

# Share of the proposed moves that are made at once. If all were, neighbours would swap clusters without end.
_ACCEPTED = 0.7


def neighbour_graph(neighbours: Int[np.ndarray, "n q"]) -> csr_array:
    """Make the symmetric (n, n) graph: weight 1 for mutual neighbours, 1/2 if one image is a neighbour of the other."""
    num_images, count = neighbours.shape
    rows = np.repeat(np.arange(num_images), count)
    shape = (num_images, num_images)
    directed = csr_array((np.full(rows.size, 0.5, np.float32), (rows, neighbours.reshape(-1))), shape=shape)
    return (directed + directed.T).tocsr()


def measure_modularity(graph: csr_array, clusters: Int[np.ndarray, "n"]) -> float:
    """Compute the modularity of a partition, below 1; 0 for a single cluster."""
    joined = _sum_by_cluster(graph, clusters, int(clusters.max()) + 1)
    total = joined.sum()
    within = joined[np.arange(len(clusters)), clusters].sum() / total
    shares = np.bincount(clusters, weights=joined.sum(axis=1)) / total
    return float(within - (shares**2).sum())


def refine_partition(
    graph: csr_array, clusters: Int[np.ndarray, "n"], *, num_sweeps: int, seed: int
) -> Int32[np.ndarray, "n"]:
    """Move images to the cluster that raises the modularity most, and return the best partition found.

    A random share of the moves of each sweep is made at once. The clusters of the result are those of the argument:
    images that would all leave a cluster stay in it, and no cluster is added.
    """
    rng = np.random.default_rng(seed)
    num_clusters = int(clusters.max()) + 1
    clusters = best = clusters.astype(np.int32)
    highest = measure_modularity(graph, best)
    rows = np.arange(len(clusters))
    for _ in range(num_sweeps):
        joined = _sum_by_cluster(graph, clusters, num_clusters)
        degrees = joined.sum(axis=1)
        volumes = np.bincount(clusters, weights=degrees, minlength=num_clusters)
        gains = joined - degrees[:, None] * volumes / degrees.sum()
        # Without the image itself, which is in its own cluster whichever it moves to.
        gains[rows, clusters] += degrees**2 / degrees.sum()
        proposed = gains.argmax(axis=1).astype(np.int32)
        moved = (gains[rows, proposed] > gains[rows, clusters]) & (rng.random(len(rows)) < _ACCEPTED)
        if not (proposed != clusters).any():
            break
        changed = np.where(moved, proposed, clusters)
        while len(emptied := np.setdiff1d(clusters, changed)):
            changed = np.where(np.isin(clusters, emptied), clusters, changed)
        clusters = changed
        modularity = measure_modularity(graph, clusters)
        if modularity > highest:
            best, highest = clusters, modularity
    return best


def _sum_by_cluster(graph: csr_array, clusters: Int[np.ndarray, "n"], num_clusters: int) -> Float[np.ndarray, "n k"]:
    """Sum the weights from each image to each cluster."""
    return graph @ np.eye(num_clusters)[clusters]
