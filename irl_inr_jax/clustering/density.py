"""Clusters as dense regions: DBSCAN (Ester et al., 1996) and HDBSCAN (Campello et al., 2013)."""

import numpy as np
from jaxtyping import Float, Float32, Int, Int32
from ml_collections import ConfigDict
from sklearn.cluster import DBSCAN, HDBSCAN
from sklearn.neighbors import NearestNeighbors

from irl_inr_jax.clustering.assignment import assign_by_vote, subsample, subsample_notes
from irl_inr_jax.clustering.task import Clustering, ClusterTask, check_clusterable
from irl_inr_jax.metrics.clustering_scores import NOISE

# DBSCAN stores all neighbours within eps, which may be a large share of all pairs.
MAX_ROWS = 20_000
NUM_EPS = 60


def cluster_dbscan(task: ClusterTask) -> Clustering:
    """Cluster by DBSCAN, with border images assigned to their nearest core image.

    Core images have at least `min_samples` images, themselves included, within eps; core images within eps of each
    other share a cluster. Any other image within eps of a core image joins the cluster of the nearest; the rest is
    noise. Unlike in scikit-learn, the clusters of border images do not depend on the order of the images.

    `settings.dbscan.eps` of 0 takes `choose_eps`; any other value ignores `num_clusters`. Confidence is 1 - distance to
    the nearest core image / eps: 1 for core images. At most `MAX_ROWS` images are fitted.

    Raises InputError for what `check_clusterable` refuses.
    """
    settings = task.settings.dbscan
    latents = task.fitted.latents
    check_clusterable(latents, task.num_clusters)
    rows = subsample(len(latents), MAX_ROWS, task.seed)
    sample = latents[rows].astype(np.float64)
    eps, core_clusters = find_core_clusters(sample, settings, task.num_clusters)
    core = core_clusters != NOISE
    clusters, confidence = _join_nearest_core(task.assigned.latents, sample[core], core_clusters[core], eps)
    hint = "none is within eps of a core image; try a larger eps or a smaller min_samples"
    chosen = core.any() and not settings.eps
    notes = (f"eps {eps:.3g}, chosen for {task.num_clusters} clusters",) if chosen else ()
    return Clustering(
        clusters=clusters,
        confidence=confidence,
        transductive=task.transductive,
        notes=(*notes, *_describe(clusters, core_clusters, hint), *subsample_notes(len(rows), len(latents))),
        measures={"eps": float(eps), "noise_share": float(np.mean(clusters == NOISE))},
    )


def cluster_hdbscan(task: ClusterTask) -> Clustering:
    """Cluster by HDBSCAN: keep the clusters of DBSCAN that persist longest as eps shrinks, each at its own density.

    The number of clusters follows from the data; a single one is found only for `num_clusters` 1. Confidence is
    HDBSCAN's membership probability for the fitted images, at most `MAX_ROWS`; others are assigned by vote
    (`assign_by_vote`).

    Raises InputError for what `check_clusterable` refuses.
    """
    settings = task.settings.hdbscan
    latents = task.fitted.latents
    check_clusterable(latents, task.num_clusters)
    rows = subsample(len(latents), MAX_ROWS, task.seed)
    sample = latents[rows].astype(np.float64)
    min_size = settings.min_cluster_size or max(5, len(rows) // 100)
    found, probabilities = np.full(len(rows), NOISE, np.int32), np.zeros(len(rows), np.float32)
    if len(rows) >= min_size:
        hdbscan = HDBSCAN(
            min_cluster_size=min_size,
            min_samples=min(settings.min_samples, len(rows)),
            allow_single_cluster=task.num_clusters == 1,
            copy=True,
        ).fit(sample)
        found, probabilities = hdbscan.labels_.astype(np.int32), hdbscan.probabilities_
    clusters, confidence, vote_notes = assign_by_vote(sample, found, task, rows=rows)
    if task.transductive:
        confidence[rows] = probabilities
    hint = f"none is in a group of at least {min_size}; try a smaller min_cluster_size or min_samples"
    return Clustering(
        clusters=clusters,
        confidence=confidence,
        transductive=task.transductive,
        notes=(*_describe(clusters, found, hint), *subsample_notes(len(rows), len(latents)), *vote_notes),
        measures={"noise_share": float(np.mean(clusters == NOISE))},
    )


def find_core_clusters(
    latents: Float[np.ndarray, "n d"], settings: ConfigDict, num_clusters: int
) -> tuple[float, Int32[np.ndarray, "n"]]:
    """Return eps and scikit-learn's DBSCAN clusters of the core images, with `NOISE` for all other images."""
    clusters = np.full(len(latents), NOISE, np.int32)
    if len(latents) < settings.min_samples:
        return settings.eps, clusters
    eps = settings.eps or choose_eps(latents, num_clusters=num_clusters, min_samples=settings.min_samples)
    dbscan = DBSCAN(eps=eps, min_samples=settings.min_samples).fit(latents)
    core = dbscan.core_sample_indices_
    clusters[core] = dbscan.labels_[core]
    return float(eps), clusters


def choose_eps(latents: Float[np.ndarray, "n d"], *, num_clusters: int, min_samples: int) -> float:
    """Return the eps whose number of clusters is nearest to `num_clusters`; among equals, the one with least noise.

    Candidates are `NUM_EPS` quantiles of the core distances and as many steps from there to the extent of the data.
    Clusters of fewer than `min_samples` images or 1 % of all are not counted. One HDBSCAN tree answers all candidates.
    """
    nearest = NearestNeighbors(n_neighbors=min_samples).fit(latents)
    core_distances = nearest.kneighbors(latents)[0][:, -1]
    extent = 2 * np.linalg.norm(latents - latents.mean(axis=0), axis=1).max()
    if extent == 0:  # all equal: any eps gives one cluster
        return 1.0
    quantiles = np.quantile(core_distances, np.linspace(0, 1, NUM_EPS))
    steps = np.geomspace(max(quantiles[-1], 1e-3 * extent), extent, NUM_EPS)
    # Slightly more than the distance itself, which the next computation may round up.
    candidates = np.unique(np.concatenate([quantiles[quantiles > 0], steps])) * (1 + 1e-9)
    tree = HDBSCAN(min_cluster_size=2, min_samples=min_samples, copy=True).fit(latents)
    minimum = max(min_samples, len(latents) // 100, 2)
    found = [tree.dbscan_clustering(eps, min_cluster_size=minimum) for eps in candidates]
    misses = [(abs(labels.max() + 1 - num_clusters), np.mean(labels == NOISE)) for labels in found]
    return float(candidates[min(range(len(candidates)), key=misses.__getitem__)])


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
    return (f"number of clusters found: {found.max() + 1}",)
