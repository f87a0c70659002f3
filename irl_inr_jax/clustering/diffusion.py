"""Coordinates of a neighbour graph by diffusion: images are near where random walks from them come to the same.

The diffusion map of Coifman and Lafon (2006), its rows set to unit length as Ng, Jordan and Weiss (2001) do. An
eigenvector counts by a power of its eigenvalue, so that their number may be any that is large enough. Plain spectral
clustering takes as many as there are clusters, and lost 1 to 10 % of MNIST(U) with two more or fewer.
"""

import numpy as np
from jaxtyping import Float, Int, Int32
from ml_collections import ConfigDict
from scipy.sparse import csr_array, diags_array, eye_array
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import ArpackNoConvergence, eigsh
from sklearn.cluster import KMeans

from irl_inr_jax.clustering.assignment import assign_by_vote, subsample_notes, subsample
from irl_inr_jax.clustering.neighbours.exact import nearest_neighbours
from irl_inr_jax.clustering.task import Clustering, ClusterTask, check_clusterable

MAX_ROWS = 60_000
# Up to this size all eigenvectors are found at once, which is quick then and cannot fail.
DENSE_SIZE = 200


def cluster_diffusion(task: ClusterTask) -> Clustering:
    """k-means on the diffusion coordinates of the graph of nearest latents.

    With few images to a cluster the graph has fewer neighbours (`graph_degree`). Images not learnt from (above
    `MAX_ROWS`) join by vote, and confidence is as in `assign_by_vote`. Raises InputError for what `check_clusterable`
    refuses.
    """
    settings, latents = task.settings.diffusion, task.fitted.latents
    check_clusterable(latents, task.num_clusters)
    rows = subsample(len(latents), MAX_ROWS, task.seed)
    learnt = latents[rows]
    if task.num_clusters == len(rows):
        found = np.arange(len(rows), dtype=np.int32)
    else:
        degree = graph_degree(settings.num_neighbours, len(rows), task.num_clusters)
        neighbours = nearest_neighbours(learnt, learnt, degree, leave_out_self=True)[0]
        found = cut_neighbour_graph(neighbours, task.num_clusters, settings=settings, seed=task.seed)
    clusters, confidence = assign_by_vote(learnt, found, task, rows=rows)
    return Clustering(
        clusters=clusters,
        confidence=confidence,
        transductive=task.transductive,
        notes=subsample_notes(len(rows), len(latents)),
    )


def graph_degree(num_neighbours: int, num_images: int, num_clusters: int) -> int:
    """Neighbours of an image in the graph: fewer than asked for where a cluster has no more, as others are not its."""
    return min(num_neighbours, max(1, num_images // num_clusters - 1))


def cut_neighbour_graph(
    neighbours: Int[np.ndarray, "n q"], num_clusters: int, *, settings: ConfigDict, seed: int
) -> Int32[np.ndarray, "n"]:
    """k-means on `diffusion_coordinates` in `settings.num_dims` dimensions, at least k, after `settings.num_steps`."""
    coordinates = diffusion_coordinates(
        neighbours, num_dims=max(settings.num_dims, num_clusters), num_steps=settings.num_steps, seed=seed
    )
    return KMeans(num_clusters, n_init=10, random_state=seed).fit_predict(coordinates).astype(np.int32)


def diffusion_coordinates(
    neighbours: Int[np.ndarray, "n q"], *, num_dims: int, num_steps: int, seed: int
) -> Float[np.ndarray, "n dims"]:
    """The diffusion map after `num_steps` steps by the `num_dims` eigenvectors that last longest, rows of unit length.

    Each piece of a graph in several ones adds a column, and images of different pieces are at right angles. The seed
    is that of Lanczos' start; the distances between the rows are the same from any.
    """
    graph = shared_neighbour_graph(neighbours)
    scale = diags_array(1 / np.sqrt(graph.sum(axis=1)))
    walk = (scale @ graph @ scale).tocsr()
    num_pieces, pieces = connected_components(walk, directed=False)
    # Piece by piece: an eigenvalue that occurs more than once is what Lanczos is bad at.
    found = []
    for rows in np.split(np.argsort(pieces, kind="stable"), np.cumsum(np.bincount(pieces))[:-1]):
        found.append((rows, *slowest_modes(walk[rows][:, rows], num_dims, seed)))
    lasting = np.concatenate([values for _, values, _ in found])
    kept = np.zeros(len(lasting), bool)
    kept[np.argsort(-lasting, kind="stable")[: num_dims + num_pieces - 1]] = True
    coordinates = np.zeros((len(neighbours), kept.sum()))
    column = first = 0
    for rows, values, vectors in found:
        chosen = kept[first : first + len(values)]
        last = column + chosen.sum()
        coordinates[rows, column:last] = vectors[:, chosen] * np.maximum(values[chosen], 0.0) ** num_steps
        column, first = last, first + len(values)
    norms = np.linalg.norm(coordinates, axis=1, keepdims=True)
    return coordinates / np.where(norms > 0, norms, 1.0)


def shared_neighbour_graph(neighbours: Int[np.ndarray, "n q"]) -> csr_array:
    """(n, n) symmetric: two neighbours weigh as many neighbours as they share (Jarvis and Patrick, 1973).

    Those that are each the other's neighbour weigh twice as much. An image is among its own neighbours in that count,
    so that no edge has weight 0.
    """
    num_images, count = neighbours.shape
    rows = np.repeat(np.arange(num_images), count)
    directed = csr_array((np.ones(rows.size), (rows, neighbours.reshape(-1))), shape=(num_images, num_images))
    member = directed + eye_array(num_images)
    return ((directed + directed.T) * (member @ member.T)).tocsr()


def slowest_modes(
    walk: csr_array, num_modes: int, seed: int
) -> tuple[Float[np.ndarray, "m"], Float[np.ndarray, "rows m"]]:
    """The `num_modes` largest eigenvalues of a symmetric matrix, or all of a smaller one, falling, and eigenvectors.

    By Lanczos' method for a large one; what has not converged after its many turns is left out.
    """
    size = walk.shape[0]
    if size <= max(DENSE_SIZE, num_modes + 1):
        values, vectors = np.linalg.eigh(walk.toarray())
    else:
        start = np.random.default_rng(seed).uniform(-1, 1, size)
        try:
            values, vectors = eigsh(walk, num_modes, which="LA", v0=start, ncv=min(size, max(2 * num_modes + 1, 64)))
        except ArpackNoConvergence as error:
            values, vectors = error.eigenvalues, error.eigenvectors
    order = np.argsort(-values, kind="stable")[:num_modes]
    return values[order], vectors[:, order]
