"""Subsampling and voting, for algorithms without a rule for images they were not fitted to."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Int, Int32

from irl_inr_jax.clustering.neighbours.search import nearest_neighbours, recall_notes
from irl_inr_jax.clustering.neighbours.voting import agreement, vote
from irl_inr_jax.clustering.task import ClusterTask
from irl_inr_jax.metrics.clustering_scores import NOISE


class Votes(NamedTuple):
    """Clusters and confidences of the assigned images, and notes on approximate neighbours for the table."""

    clusters: Int32[np.ndarray, "n"]
    confidence: Float32[np.ndarray, "n"]
    notes: tuple[str, ...]


def subsample(num_rows: int, limit: int, seed: int) -> Int[np.ndarray, "rows"]:
    """Sample `limit` row numbers without replacement, in ascending order; all rows if there are at most `limit`."""
    if num_rows <= limit:
        return np.arange(num_rows)
    return np.sort(np.random.default_rng(seed).choice(num_rows, limit, replace=False))


def subsample_notes(num_fitted: int, num_rows: int, *, by: str = "their nearest neighbours") -> tuple[str, ...]:
    """Return the note for the table on a subsample, or () if all rows were fitted. by: what assigns the others."""
    if num_fitted == num_rows:
        return ()
    return (f"fitted to {num_fitted:,} of {num_rows:,} images; the others are assigned by {by}",)


def assign_by_vote(
    fitted_latents: Float[np.ndarray, "m d"],
    fitted_clusters: Int[np.ndarray, "m"],
    task: ClusterTask,
    *,
    rows: Int[np.ndarray, "m"] | None = None,
) -> Votes:
    """Return clusters and confidences of `task.assigned`, given the clusters of the fitted images.

    A fitted image keeps its cluster; its confidence is the share of its nearest neighbours (itself excluded) in the
    same cluster. Any other image takes the most common cluster among its nearest neighbours; its confidence is their
    share. Noise votes like a cluster and has confidence 0.

    Neighbours are the `task.settings.vote_neighbours` nearest of the m fitted images, or all if there are fewer; a
    single fitted image has confidence 1. rows: indices of the m fitted images in `task.fitted` if they are a
    subsample; None for all.
    """
    assigned = task.assigned.latents
    if not task.transductive:
        clusters, confidence, notes = vote_for_others(assigned, fitted_latents, fitted_clusters, task)
    else:
        rows = np.arange(len(assigned)) if rows is None else rows
        clusters, confidence = np.empty(len(assigned), np.int32), np.empty(len(assigned), np.float32)
        clusters[rows] = fitted_clusters
        confidence[rows], notes = _own_agreement(fitted_latents, fitted_clusters, task)
        others = np.setdiff1d(np.arange(len(assigned)), rows)
        if len(others):
            voted = vote_for_others(assigned[others], fitted_latents, fitted_clusters, task)
            clusters[others], confidence[others], notes = voted.clusters, voted.confidence, voted.notes or notes
    confidence[clusters == NOISE] = 0.0
    return Votes(clusters, confidence, notes)


def vote_for_others(
    latents: Float[np.ndarray, "n d"],
    fitted_latents: Float[np.ndarray, "m d"],
    fitted_clusters: Int[np.ndarray, "m"],
    task: ClusterTask,
) -> Votes:
    """Return the most common cluster of the nearest fitted images, and its share, for images that are not fitted."""
    num_neighbours = min(task.settings.vote_neighbours, len(fitted_latents))
    found = nearest_neighbours(latents, fitted_latents, num_neighbours, leave_out_self=False)
    return Votes(*vote(fitted_clusters, found.rows), recall_notes(found))


def _own_agreement(
    latents: Float[np.ndarray, "m d"], clusters: Int[np.ndarray, "m"], task: ClusterTask
) -> tuple[Float32[np.ndarray, "m"], tuple[str, ...]]:
    if len(latents) == 1:
        return np.ones(1, np.float32), ()
    num_neighbours = min(task.settings.vote_neighbours, len(latents) - 1)
    found = nearest_neighbours(latents, latents, num_neighbours, leave_out_self=True)
    return agreement(clusters, found.rows), recall_notes(found)
