"""Clusters as dense regions: DBSCAN (Ester et al., 1996) and HDBSCAN (Campello et al., 2013)."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32, Int, Int32
from ml_collections import ConfigDict
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.cluster import HDBSCAN
from sklearn.neighbors import NearestNeighbors

from irl_inr_jax.clustering.assign import assign_by_vote, sample_notes, sample_rows
from irl_inr_jax.clustering.inputs import check_clusterable
from irl_inr_jax.clustering.task import NOISE, Clustering, ClusterTask

# Both take the distances of all pairs, one row at a time: time, not memory, grows with the square.
MAX_ROWS = 20_000


def cluster_dbscan(task: ClusterTask) -> Clustering:
    """Core images have `min_samples` images, themselves among them, within eps; those within eps of each other share a
    cluster. Any image within eps of a core image joins the nearest one's cluster; the rest is noise.

    One rule for all images, so the clusters do not hang on the images' order, as those of scikit-learn's border images
    do. `settings.dbscan.eps` of 0 takes `choose_eps`; a number makes `num_clusters` a mere wish. Confidence is
    1 - distance to the nearest core image / eps: 1 for core images. Learns from at most `MAX_ROWS` images.

    Raises InputError for what `check_clusterable` refuses.
    """
    settings = task.settings.dbscan
    latents = task.fitted.latents
    check_clusterable(latents, task.num_clusters)
    rows = sample_rows(len(latents), MAX_ROWS, task.seed)
    learnt = latents[rows].astype(np.float64)
    eps, core_clusters = find_core_clusters(learnt, settings, task.num_clusters)
    core = core_clusters != NOISE
    clusters, confidence = _join_nearest_core(task.assigned.latents, learnt[core], core_clusters[core], eps)
    hint = "none lies within eps of a core image, try a larger eps or a smaller min_samples"
    chosen = core.any() and not settings.eps
    notes = (f"eps {eps:.3g}, chosen for {task.num_clusters} clusters",) if chosen else ()
    return Clustering(
        clusters=clusters,
        confidence=confidence,
        transductive=task.transductive,
        notes=(*notes, *_describe(clusters, core_clusters, hint), *sample_notes(len(rows), len(latents))),
        measures={"eps": float(eps), "noise_share": float(np.mean(clusters == NOISE))},
    )


def cluster_hdbscan(task: ClusterTask) -> Clustering:
    """The clusters that last longest as the distance of DBSCAN shrinks: each has its own density, and k is but a wish.

    One cluster is found only where one is asked for. Confidence is HDBSCAN's membership probability for the images
    learnt from, at most `MAX_ROWS`; others join by vote (`assign_by_vote`).

    Raises InputError for what `check_clusterable` refuses.
    """
    settings = task.settings.hdbscan
    latents = task.fitted.latents
    check_clusterable(latents, task.num_clusters)
    rows = sample_rows(len(latents), MAX_ROWS, task.seed)
    learnt = latents[rows].astype(np.float64)
    min_size = settings.min_cluster_size or max(5, len(rows) // 100)
    found, probabilities = np.full(len(rows), NOISE, np.int32), np.zeros(len(rows), np.float32)
    if len(rows) >= min_size:
        hdbscan = HDBSCAN(
            min_cluster_size=min_size,
            min_samples=min(settings.min_samples, len(rows)),
            allow_single_cluster=task.num_clusters == 1,
            copy=True,
        ).fit(learnt)
        found, probabilities = hdbscan.labels_.astype(np.int32), hdbscan.probabilities_
    clusters, confidence = assign_by_vote(learnt, found, task, rows=rows)
    if task.transductive:
        confidence[rows] = probabilities
    hint = f"none is in a group of at least {min_size}, try a smaller min_cluster_size or min_samples"
    return Clustering(
        clusters=clusters,
        confidence=confidence,
        transductive=task.transductive,
        notes=(*_describe(clusters, found, hint), *sample_notes(len(rows), len(latents))),
        measures={"noise_share": float(np.mean(clusters == NOISE))},
    )


def find_core_clusters(
    latents: Float[np.ndarray, "n d"], settings: ConfigDict, num_clusters: int
) -> tuple[float, Int32[np.ndarray, "n"]]:
    """eps, and DBSCAN's clusters of the core images: `NOISE` for an image that is none."""
    clusters = np.full(len(latents), NOISE, np.int32)
    if len(latents) < settings.min_samples:
        return settings.eps, clusters
    nearest = NearestNeighbors(n_neighbors=settings.min_samples).fit(latents)
    core_distances = nearest.kneighbors(latents)[0][:, -1].astype(np.float32)
    centred = (latents - latents.mean(axis=0)).astype(np.float32)
    parents, heights = jax.device_get(_grow_tree(centred.T, core_distances))
    # The first image is the root and has no parent.
    edges, heights = np.stack([np.arange(1, len(latents)), parents[1:]]), heights[1:].astype(np.float64)
    minimum = max(settings.min_samples, len(latents) // 100)
    eps = settings.eps or choose_eps(edges, heights, num_clusters=num_clusters, minimum=minimum)
    near = heights <= eps
    graph = coo_array((np.ones(near.sum(), np.int8), tuple(edges[:, near])), shape=(len(latents),) * 2)
    components = connected_components(graph, directed=False)[1]
    core = core_distances.astype(np.float64) <= eps
    clusters[core] = np.unique(components[core], return_inverse=True)[1]
    return float(eps), clusters


def choose_eps(
    edges: Int[np.ndarray, "2 edges"], heights: Float[np.ndarray, "edges"], *, num_clusters: int, minimum: int
) -> float:
    """The eps that makes the number of clusters of at least `minimum` images nearest to `num_clusters`.

    edges, heights: the spanning tree of mutual reachability. Of equals the largest eps, which leaves least noise; it
    lies halfway between the last merge that it takes and the first that it does not.
    """
    if not heights.any():  # one image, or all alike: any eps will do
        return 1.0
    order = np.argsort(heights, kind="stable")
    heights = heights[order]
    counts = _count_clusters(edges[:, order], minimum)
    nexts = np.append(heights[1:], heights[-1])
    between = np.append(nexts[:-1] > heights[:-1], True)  # no eps parts merges of equal height
    misses = np.where(between, np.abs(counts - num_clusters), len(heights) + num_clusters)
    last = np.flatnonzero(misses == misses.min())[-1]
    return float((heights[last] + nexts[last]) / 2)


def _count_clusters(edges: Int[np.ndarray, "2 edges"], minimum: int) -> Int[np.ndarray, "edges"]:
    """How many groups of at least `minimum` there are after each merge, by union-find."""
    num_rows = edges.shape[1] + 1
    owner, size = list(range(num_rows)), [1] * num_rows
    count, counts = num_rows if minimum == 1 else 0, []
    for ends in edges.T.tolist():
        for i, end in enumerate(ends):
            while owner[end] != end:
                owner[end] = end = owner[owner[end]]
            ends[i] = end
        small, large = sorted(ends, key=size.__getitem__)
        merged = size[small] + size[large]
        count += (merged >= minimum) - (size[small] >= minimum) - (size[large] >= minimum)
        owner[small], size[large] = large, merged
        counts.append(count)
    return np.array(counts)


@jax.jit
def _grow_tree(
    columns: Float[Array, "d n"], core_distances: Float[Array, "n"]
) -> tuple[Int[Array, "n"], Float[Array, "n"]]:
    """Prim's algorithm over mutual reachability, the largest of a distance and the core distances of both ends.

    Each image's parent in the tree and the height of the edge between. O(n d) memory; distances by difference, exact
    for duplicates.
    """
    num_images = len(core_distances)

    def join(_, state):
        newest, inside, parents, heights = state
        distances = jnp.sqrt(((columns - columns[:, newest, None]) ** 2).sum(axis=0))
        reach = jnp.maximum(jnp.maximum(distances, core_distances), core_distances[newest])
        nearer = ~inside & (reach < heights)
        parents, heights = jnp.where(nearer, newest, parents), jnp.where(nearer, reach, heights)
        newest = jnp.where(inside, jnp.inf, heights).argmin().astype(jnp.int32)
        return newest, inside.at[newest].set(True), parents, heights

    inside = jnp.zeros(num_images, bool).at[0].set(True)
    start = (jnp.int32(0), inside, jnp.zeros(num_images, jnp.int32), jnp.full(num_images, jnp.inf, jnp.float32))
    _, _, parents, heights = jax.lax.fori_loop(0, num_images - 1, join, start)
    return parents, heights


def _join_nearest_core(
    latents: Float[np.ndarray, "n d"],
    core_latents: Float[np.ndarray, "m d"],
    core_clusters: Int32[np.ndarray, "m"],
    eps: float,
) -> tuple[Int32[np.ndarray, "n"], Float32[np.ndarray, "n"]]:
    if not len(core_latents):
        return np.full(len(latents), NOISE, np.int32), np.zeros(len(latents), np.float32)
    distances, nearest = NearestNeighbors(n_neighbors=1).fit(core_latents).kneighbors(latents.astype(np.float64))
    within = distances[:, 0] <= eps
    clusters = np.where(within, core_clusters[nearest[:, 0]], NOISE).astype(np.int32)
    return clusters, np.where(within, 1 - distances[:, 0] / eps, 0.0).astype(np.float32)


def _describe(clusters: Int[np.ndarray, "n"], found: Int[np.ndarray, "m"], hint: str) -> tuple[str, ...]:
    if np.all(clusters == NOISE):
        return (f"every image is noise: {hint}",)
    return (f"finds its own number of clusters: {found.max() + 1}",)
