"""Spectral clustering (Shi and Malik, 2000): k-means on the slowest modes of a random walk among neighbours."""

import numpy as np
from jaxtyping import Float, Int32
from scipy.sparse import coo_array, csr_array, diags_array
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree
from scipy.sparse.linalg import eigsh
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans

from irl_inr_jax.clustering.assignment import assign_by_vote, subsample_notes, subsample
from irl_inr_jax.clustering.neighbours.exact import nearest_neighbours
from irl_inr_jax.clustering.task import Clustering, ClusterTask, check_clusterable

MAX_ROWS = 20_000
# Of an edge between two parts of the graph; those within are 0.5 or 1.
BRIDGE = 1e-3


def cluster_spectral(task: ClusterTask) -> Clustering:
    """Cut the graph of `settings.spectral.num_neighbours` nearest neighbours into k parts with few edges between them.

    The embedding and k-means are those of scikit-learn's SpectralClustering. Images not learnt from (above `MAX_ROWS`)
    join by vote, and confidence is as in `assign_by_vote`. Raises InputError for what `check_clusterable` refuses.
    """
    latents = task.fitted.latents
    check_clusterable(latents, task.num_clusters)
    rows = subsample(len(latents), MAX_ROWS, task.seed)
    learnt = latents[rows].astype(np.float64)
    if task.num_clusters == 1:
        found = np.zeros(len(rows), np.int32)
    elif task.num_clusters == len(rows):  # as many eigenvectors as there are, which ARPACK does not give
        found = np.arange(len(rows), dtype=np.int32)
    else:
        graph = connect(make_graph(learnt, task.settings.spectral.num_neighbours), learnt)
        found = cut_graph(graph, task.num_clusters, task.seed)
    clusters, confidence = assign_by_vote(learnt, found, task, rows=rows)
    return Clustering(
        clusters=clusters,
        confidence=confidence,
        transductive=task.transductive,
        notes=subsample_notes(len(rows), len(latents)),
    )


def make_graph(latents: Float[np.ndarray, "n d"], num_neighbours: int) -> csr_array:
    """(n, n): 1 between images that are each among the other's nearest, 0.5 where only one is the other's."""
    num_neighbours = min(num_neighbours, len(latents) - 1)
    neighbours = nearest_neighbours(latents, latents, num_neighbours, leave_out_self=True)[0]
    rows = np.repeat(np.arange(len(latents)), num_neighbours)
    directed = csr_array((np.ones(rows.size), (rows, neighbours.reshape(-1))), shape=(len(latents),) * 2)
    return (directed + directed.T) / 2


def connect(graph: csr_array, latents: Float[np.ndarray, "n d"]) -> csr_array:
    """Join the parts of a graph that falls apart by weak edges, along the shortest tree over the parts' means.

    With k parts the cut is theirs all the same. With more, the modes of eigenvalue 1 are more than k and any k of them
    would do; the weak edges choose those that keep near parts together.
    """
    num_parts, parts = connected_components(graph, directed=False)
    if num_parts == 1:
        return graph
    members = [np.flatnonzero(parts == part) for part in range(num_parts)]
    means = np.stack([latents[rows].mean(axis=0) for rows in members])
    # The same tree for one more on every length, and 0 would stand for no edge.
    tree = minimum_spanning_tree(cdist(means, means) + 1).tocoo()
    firsts = [_nearest(latents, members[i], means[j]) for i, j in zip(tree.row, tree.col, strict=True)]
    seconds = [_nearest(latents, members[j], means[i]) for i, j in zip(tree.row, tree.col, strict=True)]
    bridges = coo_array((np.full(len(firsts), BRIDGE), (firsts, seconds)), shape=graph.shape)
    return (graph + bridges + bridges.T).tocsr()


def _nearest(latents: Float[np.ndarray, "n d"], rows: np.ndarray, mean: Float[np.ndarray, "d"]) -> int:
    return int(rows[((latents[rows] - mean) ** 2).sum(axis=1).argmin()])


def cut_graph(graph: csr_array, num_clusters: int, seed: int) -> Int32[np.ndarray, "n"]:
    """k-means on the k leading eigenvectors of D^-1 W, found as those of the symmetric D^-1/2 W D^-1/2.

    By Lanczos on that matrix itself. scikit-learn inverts it shifted, whose factors fill up on neighbours in many
    dimensions: 22 s for 5,000 images in 16 dimensions, where this takes 0.1 s.
    """
    scale = 1 / np.sqrt(graph.sum(axis=1))
    walk = diags_array(scale) @ graph @ diags_array(scale)
    start = np.random.default_rng(seed).uniform(-1, 1, len(scale))
    # A wider basis than ARPACK's own for few clusters, whose eigenvalues lie close together.
    width = min(len(scale), max(2 * num_clusters + 1, 64))
    modes = eigsh(walk.tocsr(), num_clusters, which="LA", v0=start, ncv=width)[1] * scale[:, None]
    return KMeans(num_clusters, n_init=10, random_state=seed).fit_predict(modes).astype(np.int32)
