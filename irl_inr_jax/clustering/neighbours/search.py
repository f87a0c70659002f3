"""Nearest neighbours among points: exact up to a size, then approximate with a measured recall."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Int32

from irl_inr_jax.clustering.neighbours.approximate import ApproximateIndex
from irl_inr_jax.clustering.neighbours.exact import check_num_neighbours, exact_neighbours, to_directions

# Pairs of a query and a point up to which the search is exact. The time of an exact search is proportional to them;
# here it is minutes on two cores. All pairs of 60,000 points, as many as MNIST has, are fewer.
MAX_PAIRS = 4_000_000_000


class Neighbours(NamedTuple):
    """The nearest points of each query, nearest first, and their Euclidean distances.

    recall: share of the exact neighbours that were found, measured on some queries; None for an exact search.
    """

    rows: Int32[np.ndarray, "m q"]
    distances: Float32[np.ndarray, "m q"]
    recall: float | None


def nearest_neighbours(
    queries: Float[np.ndarray, "m d"],
    points: Float[np.ndarray, "n d"],
    num_neighbours: int,
    *,
    leave_out_self: bool,
    by_angle: bool = False,
) -> Neighbours:
    """Find the rows of `points` nearest to each query; approximate above `MAX_PAIRS` pairs.

    Arguments and errors are those of `exact_neighbours`.
    """
    if not is_approximate(queries, points):
        options = {"leave_out_self": leave_out_self, "by_angle": by_angle}
        return Neighbours(*exact_neighbours(queries, points, num_neighbours, **options), None)
    check_num_neighbours(num_neighbours, len(points) - leave_out_self)
    if by_angle:
        queries, points = to_directions(queries), to_directions(points)
    return Neighbours(*ApproximateIndex(points).search(queries, num_neighbours, leave_out_self=leave_out_self))


def is_approximate(queries: Float[np.ndarray, "m d"], points: Float[np.ndarray, "n d"]) -> bool:
    """Return True if a search for the neighbours of all queries is approximate."""
    return len(queries) * len(points) > MAX_PAIRS


def recall_notes(found: Neighbours) -> tuple[str, ...]:
    """Return the note for the table on an approximate search, or () for an exact one."""
    if found.recall is None:
        return ()
    return (f"approximate neighbours, recall@{found.rows.shape[1]} {found.recall:.3f}",)
