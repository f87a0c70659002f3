"""Local outlier factors of new points among stored ones, from numbers that are computed once for the stored points.

The definition is that of Breunig et al. 2000, as in scikit-learn, whose estimator has to be fitted again after loading.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Int

from irl_inr_jax.clustering.neighbours.exact import exact_neighbours
from irl_inr_jax.clustering.neighbours.search import nearest_neighbours
from irl_inr_jax.clustering.outliers import NUM_NEIGHBOURS

_SMALLEST = 1e-10  # added to mean distances, as in scikit-learn, for points that are equal


class OutlierIndex(NamedTuple):
    """Index of m stored points: the distance of the k-th neighbour of each (reach), and its reachability density."""

    reach: Float32[np.ndarray, "m"]
    density: Float32[np.ndarray, "m"]


class Isolation(NamedTuple):
    """Nearest stored point of each new point, its distance, and the outlier score; higher means more isolated."""

    nearest: Int[np.ndarray, "n"]
    distance: Float32[np.ndarray, "n"]
    outlier_score: Float32[np.ndarray, "n"]


def index_outliers(points: Float[np.ndarray, "m d"]) -> OutlierIndex:
    """Measure the densities of the stored points among each other. Fewer than three have none: all scores are 1."""
    if len(points) < 3:
        return OutlierIndex(np.ones(len(points), np.float32), np.ones(len(points), np.float32))
    rows, distances, _ = nearest_neighbours(points, points, _count(len(points)), leave_out_self=True)
    reach = distances[:, -1]
    return OutlierIndex(reach, _density(rows, distances, reach))


def measure_isolation(
    points: Float[np.ndarray, "n d"], stored: Float[np.ndarray, "m d"], index: OutlierIndex
) -> Isolation:
    """Find the nearest stored point of each new point, exactly, and compute the local outlier factor."""
    rows, distances = exact_neighbours(points, stored, max(_count(len(stored)), 1), leave_out_self=False)
    scores = np.ones(len(points), np.float32)
    if len(stored) >= 3:
        scores = index.density[rows].mean(axis=1) / _density(rows, distances, index.reach)
    return Isolation(rows[:, 0].astype(np.int64), distances[:, 0], scores.astype(np.float32))


def _count(num_points: int) -> int:
    return min(NUM_NEIGHBOURS, num_points - 1)


def _density(
    rows: Int[np.ndarray, "n k"], distances: Float32[np.ndarray, "n k"], reach: Float32[np.ndarray, "m"]
) -> Float32[np.ndarray, "n"]:
    return (1 / (np.maximum(distances, reach[rows]).mean(axis=1) + _SMALLEST)).astype(np.float32)
