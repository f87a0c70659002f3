"""Choose the images that figures show: typical ones of every cluster."""

import math

import numpy as np
from jaxtyping import Float, Int

from irl_inr_jax.metrics.clustering_scores import NOISE


def order_clusters(clusters: Int[np.ndarray, "n"]) -> list[int]:
    """Return the clusters without noise, largest first, of two equally large ones the lower number first."""
    ids, sizes = np.unique(clusters[clusters != NOISE], return_counts=True)
    return ids[np.argsort(-sizes, kind="stable")].tolist()


def choose_members(
    clusters: Int[np.ndarray, "n"], confidence: Float[np.ndarray, "n"], cluster: int, *, num_shown: int
) -> Int[np.ndarray, "m"]:
    """Return at most `num_shown` rows of a cluster from the most to the least confident one, evenly spaced in rank."""
    members = np.flatnonzero(clusters == cluster)
    members = members[np.argsort(-confidence[members], kind="stable")]
    return members[np.unique(np.linspace(0, len(members) - 1, num_shown).round().astype(int))]


def choose_examples(
    clusters: Int[np.ndarray, "n"], confidence: Float[np.ndarray, "n"], *, num_shown: int
) -> Int[np.ndarray, "m"]:
    """Return at most `num_shown` different rows, one of each cluster in turn, largest cluster and most confident first.

    Noise is used only if everything is noise.
    """
    ids = order_clusters(clusters) or [NOISE]
    num_rounds = math.ceil(num_shown / len(ids))
    members = [choose_members(clusters, confidence, cluster, num_shown=num_rounds) for cluster in ids]
    turns = [rows[turn] for turn in range(num_rounds) for rows in members if turn < len(rows)]
    return np.array(turns[:num_shown], np.int64)
