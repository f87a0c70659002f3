"""What algorithms share that have no rule for images they have not learnt from: a sample to learn from, and a vote."""

import numpy as np
from jaxtyping import Float, Float32, Int, Int32

from irl_inr_jax.clustering.neighbours.exact import nearest_neighbours
from irl_inr_jax.clustering.neighbours.voting import agreement, vote
from irl_inr_jax.clustering.task import ClusterTask
from irl_inr_jax.metrics.clustering_scores import NOISE


def subsample(num_rows: int, limit: int, seed: int) -> Int[np.ndarray, "rows"]:
    """The numbers of `limit` rows drawn without replacement, ascending; of all rows where there are no more."""
    if num_rows <= limit:
        return np.arange(num_rows)
    return np.sort(np.random.default_rng(seed).choice(num_rows, limit, replace=False))


def subsample_notes(num_fitted: int, num_rows: int) -> tuple[str, ...]:
    """What to say of a sample: nothing where it is everything."""
    if num_fitted == num_rows:
        return ()
    return (f"learnt from {num_fitted:,} of {num_rows:,} images; the others joined the cluster of their nearest",)


def assign_by_vote(
    fitted_latents: Float[np.ndarray, "m d"],
    fitted_clusters: Int[np.ndarray, "m"],
    task: ClusterTask,
    *,
    rows: Int[np.ndarray, "m"] | None = None,
) -> tuple[Int32[np.ndarray, "n"], Float32[np.ndarray, "n"]]:
    """Clusters and confidences of `task.assigned`, from the clusters of the images that were learnt from.

    An image that was learnt from keeps its cluster; its confidence is the share of its nearest neighbours (itself not
    among them) that are in it. Any other takes the commonest cluster among its nearest, and their share is its
    confidence. Noise votes like a cluster, and has confidence 0.

    The nearest are `task.settings.vote_neighbours` of the m learnt from, or all where there are fewer; one alone has
    confidence 1. rows: which of `task.fitted` those m are, where they are a sample (`subsample`); None for all.
    """
    assigned = task.assigned.latents
    if not task.transductive:
        clusters, confidence = _vote(assigned, fitted_latents, fitted_clusters, task)
    else:
        rows = np.arange(len(assigned)) if rows is None else rows
        clusters, confidence = np.empty(len(assigned), np.int32), np.empty(len(assigned), np.float32)
        clusters[rows] = fitted_clusters
        confidence[rows] = _own_agreement(fitted_latents, fitted_clusters, task)
        others = np.setdiff1d(np.arange(len(assigned)), rows)
        if len(others):
            clusters[others], confidence[others] = _vote(assigned[others], fitted_latents, fitted_clusters, task)
    confidence[clusters == NOISE] = 0.0
    return clusters, confidence


def _vote(
    latents: Float[np.ndarray, "n d"],
    fitted_latents: Float[np.ndarray, "m d"],
    fitted_clusters: Int[np.ndarray, "m"],
    task: ClusterTask,
) -> tuple[Int32[np.ndarray, "n"], Float32[np.ndarray, "n"]]:
    num_neighbours = min(task.settings.vote_neighbours, len(fitted_latents))
    return vote(fitted_clusters, nearest_neighbours(latents, fitted_latents, num_neighbours, leave_out_self=False)[0])


def _own_agreement(
    latents: Float[np.ndarray, "m d"], clusters: Int[np.ndarray, "m"], task: ClusterTask
) -> Float32[np.ndarray, "m"]:
    if len(latents) == 1:
        return np.ones(1, np.float32)
    num_neighbours = min(task.settings.vote_neighbours, len(latents) - 1)
    return agreement(clusters, nearest_neighbours(latents, latents, num_neighbours, leave_out_self=True)[0])
