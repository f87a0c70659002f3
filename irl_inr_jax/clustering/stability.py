"""Stability of k-means: whether the clusters of one half of the points, or of one seed, are found again."""

import numpy as np
from jaxtyping import Float, Int
from sklearn.cluster import KMeans

from irl_inr_jax.clustering.library_warnings import without_library_warnings
from irl_inr_jax.devices.threads import single_thread
from irl_inr_jax.metrics.clustering_scores import match_clusters

NUM_STARTS = 4
MAX_ROWS = 5_000


def fit_quietly(
    points: Float[np.ndarray, "n d"], k: int, rng: np.random.Generator, *, num_starts: int = NUM_STARTS
) -> KMeans:
    """Fit k-means from `num_starts` starts, with no warning if fewer than k points are distinct.

    Then some clusters stay empty.
    """
    with without_library_warnings(), single_thread():
        return KMeans(k, n_init=num_starts, tol=1e-3, random_state=int(rng.integers(2**31))).fit(points)


def cluster_by_halves(
    points: Float[np.ndarray, "n d"], k: int, rng: np.random.Generator
) -> tuple[Int[np.ndarray, "n"], Int[np.ndarray, "n"]]:
    """Return the clusters of all points by the means of a random half of them, and by those of the other half."""
    order = rng.permutation(len(points))
    halves = order[: len(points) // 2], order[len(points) // 2 :]
    with single_thread():
        first, second = (fit_quietly(points[half], k, rng).predict(points) for half in halves)
    return first, second


def cluster_by_seeds(
    points: Float[np.ndarray, "n d"], k: int, rng: np.random.Generator
) -> tuple[Int[np.ndarray, "n"], Int[np.ndarray, "n"]]:
    """Return the clusters of all points in two runs of k-means, from different starts."""
    first, second = (fit_quietly(points, k, rng).labels_ for _ in range(2))
    return first, second


def matched_share(first: Int[np.ndarray, "n"], second: Int[np.ndarray, "n"]) -> float:
    """Return the share of points in corresponding clusters, matched one to one so that it is largest."""
    return float(np.mean(match_clusters(first, second)[second] == first))


def measure_stability(latents: Float[np.ndarray, "n d"], k: int, *, seed: int) -> tuple[float, float]:
    """Return the `matched_share` of k-means of two random halves and of two seeds, on at most `MAX_ROWS` points."""
    rng = np.random.default_rng(seed)
    points = latents[rng.permutation(len(latents))[:MAX_ROWS]].astype(np.float64)
    points -= points.mean(axis=0)
    return matched_share(*cluster_by_halves(points, k, rng)), matched_share(*cluster_by_seeds(points, k, rng))
