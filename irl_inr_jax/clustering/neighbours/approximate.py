"""Approximate nearest neighbours for millions of points: an inverted file of faiss (Douze et al., 2024).

k-means divides the points into lists; a query is compared with the points of the nearest ones, whose number is
doubled until the recall on a sample of the queries reaches `TARGET_RECALL`. The seeds are fixed, so that the result is
the same each time. `python -m benchmarks.neighbours` compares other libraries.
"""

import logging
from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float, Float32, Int32, Int64

from irl_inr_jax.training.progress import show_progress

TARGET_RECALL = 0.98
NUM_SAMPLED = 500  # queries on which the recall is measured
MIN_LISTS, POINTS_PER_MEAN = 64, 64
NUM_STEPS = 10  # of k-means
BLOCK_ROWS = 20_000  # prepared and searched at once
# Of the distance of the last true neighbour: a point no further away is as good, such as a copy.
DISTANCE_TOLERANCE = 1e-4

logger = logging.getLogger(__name__)


class ApproximateIndex:
    """Points in lists, made once for any number of searches.

    Memory in addition to the points: one float32 copy of them. The first search for a number of neighbours chooses how
    many lists it takes, and later ones for as many take the same.
    """

    def __init__(self, points: Float[np.ndarray, "n d"]):
        self.mean = points.mean(axis=0, dtype=np.float64)
        self.lists = make_index(points, self.prepare)
        self.choices: dict[int, tuple[int, float]] = {}  # by number of neighbours: lists that are searched, recall

    def prepare(self, rows: Float[np.ndarray, "r d"]) -> Float32[np.ndarray, "r d"]:
        """Return rows relative to the mean of the points, which keeps float32 precise."""
        return (rows - self.mean).astype(np.float32)

    def search(
        self, queries: Float[np.ndarray, "m d"], num_neighbours: int, *, leave_out_self: bool
    ) -> tuple[Int32[np.ndarray, "m q"], Float32[np.ndarray, "m q"], float]:
        """Find most of the points nearest to each query, their distances, and the recall on some of the first queries.

        leave_out_self: as in `exact_neighbours`. Takes time in proportion to m sqrt(n).
        """
        count = num_neighbours + leave_out_self
        if count not in self.choices:
            size = min(NUM_SAMPLED, len(queries))
            sample = self.prepare(queries[np.sort(np.random.default_rng(0).choice(len(queries), size, replace=False))])
            recall = choose_num_probes(self.lists, sample, count, leave_out_self=leave_out_self)
            self.choices[count] = (self.lists.nprobe, recall)
        self.lists.nprobe, recall = self.choices[count]
        rows = np.empty((len(queries), num_neighbours), np.int32)
        squares = np.empty((len(queries), num_neighbours), np.float32)
        with show_progress("nearest neighbours: searched", len(queries)) as update:
            for first in range(0, len(queries), BLOCK_ROWS):
                block = slice(first, min(first + BLOCK_ROWS, len(queries)))
                found, distances = search_index(self.lists, self.prepare(queries[block]), count)
                if leave_out_self:
                    kept = mark_others(found, np.arange(block.start, block.stop))
                    found, distances = (array[kept].reshape(-1, num_neighbours) for array in (found, distances))
                rows[block], squares[block] = found, distances
                update(block.stop, "")
        logger.info(
            "nearest neighbours of %s among %s points: approximate, recall@%d %.3f",
            *(f"{number:,}" for number in (len(queries), self.lists.ntotal)),
            num_neighbours,
            recall,
        )
        return rows, np.sqrt(np.maximum(squares, 0)), recall


def make_index(points: Float[np.ndarray, "n d"], prepare: Callable[[np.ndarray], np.ndarray]):
    """Return faiss's inverted file of the prepared points, of about 4 sqrt(n) lists."""
    import faiss  # pyright: ignore[reportMissingImports]  # here, since the import takes a third of a second

    num_points, dim = points.shape
    num_lists = max(min(MIN_LISTS, num_points), round(4 * num_points**0.5))
    num_lists = min(num_lists, num_points)
    index = faiss.IndexIVFFlat(faiss.IndexFlatL2(dim), dim, num_lists)
    index.cp.seed, index.cp.niter = 0, NUM_STEPS
    index.cp.min_points_per_centroid, index.cp.max_points_per_centroid = 1, POINTS_PER_MEAN
    trained = min(num_points, POINTS_PER_MEAN * num_lists)
    chosen = np.sort(np.random.default_rng(0).choice(num_points, trained, replace=False))
    index.train(prepare(points[chosen]))
    for first in range(0, num_points, BLOCK_ROWS):
        index.add(prepare(points[first : first + BLOCK_ROWS]))
    return index


def choose_num_probes(index, queries: Float32[np.ndarray, "m d"], count: int, *, leave_out_self: bool) -> float:
    """Set the number of lists that are searched, and return the recall of `count` neighbours of these queries.

    leave_out_self: the first neighbour, the query itself, does not count.
    """
    index.nprobe = index.nlist
    last = index.search(queries, count)[0][:, -1:]
    index.nprobe = min(4, index.nlist)
    while True:
        found = search_index(index, queries, count)[1]
        recall = float(np.mean(found[:, int(leave_out_self) :] <= last * (1 + DISTANCE_TOLERANCE)))
        if recall >= TARGET_RECALL or index.nprobe == index.nlist:
            return recall
        index.nprobe = min(2 * index.nprobe, index.nlist)


def search_index(
    index, queries: Float32[np.ndarray, "m d"], count: int
) -> tuple[Int64[np.ndarray, "m q"], Float32[np.ndarray, "m q"]]:
    """Return the numbers and squared distances of the points found, nearest first; all lists where there are too few.

    Queries are searched in the order of their lists, whose points then stay in the cache.
    """
    order = np.argsort(index.quantizer.search(queries, 1)[1][:, 0], kind="stable")
    squares, numbers = (np.empty((len(queries), count), dtype) for dtype in (np.float32, np.int64))
    squares[order], numbers[order] = index.search(queries[order], count)
    short = np.flatnonzero(numbers[:, -1] < 0)
    if len(short):
        num_probes, index.nprobe = index.nprobe, index.nlist
        squares[short], numbers[short] = index.search(queries[short], count)
        index.nprobe = num_probes
    return numbers, squares


def mark_others(found: Int64[np.ndarray, "m q"], own: Int64[np.ndarray, "m"]) -> Bool[np.ndarray, "m q"]:
    """Return False for one of each row: the query's own number, or the last where that was not found."""
    kept = found != own[:, None]
    kept[kept.all(axis=1), -1] = False
    return kept
