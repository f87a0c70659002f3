"""Measure memory and time of the nearest-neighbour search by the number of points.

    python -m benchmarks.neighbours
    python -m benchmarks.neighbours --num_points 62500,250000,1000000 --num_queries 3072

Latents are normal, float32. Each number of points is measured in a separate process. Memory is the peak of the
process as reported by the operating system, minus its memory before the search, which includes the points: the
memory of the search beyond the latents. It includes JAX's start and the compiler, about the same for all numbers. Time
is measured for some queries, without compilation, and extrapolated to as many queries as points.
"""

import multiprocessing
import resource
import sys
import time
from concurrent.futures import ProcessPoolExecutor

from absl import flags

from irl_inr_jax.commands.flags import parse_flags, run_script

NUM_POINTS = flags.DEFINE_list("num_points", ["62500", "125000", "250000"], "numbers of latents, separated by commas")
DIM = flags.DEFINE_integer("dim", 512, "size of a latent", lower_bound=1)
NUM_QUERIES = flags.DEFINE_integer("num_queries", 3072, "timed queries, at least 2048", lower_bound=2048)
NUM_NEIGHBOURS = flags.DEFINE_integer("num_neighbours", 20, "neighbours per query", lower_bound=1)


_RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes


def main() -> int:
    """Print one row per number of points; return the exit status."""
    from irl_inr_jax.clustering.neighbours.exact import NUM_QUERIES as NUM_AT_ONCE
    from irl_inr_jax.report.text_table import format_table
    from irl_inr_jax.types import InputError

    if not all(number.isdecimal() and int(number) >= NUM_QUERIES.value for number in NUM_POINTS.value):
        raise InputError(
            f"expected whole numbers of at least {NUM_QUERIES.value}, the queries, for --num_points, found "
            f"{','.join(NUM_POINTS.value)}"
        )
    rows, before = [], None
    for num_points in map(int, NUM_POINTS.value):
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as fresh:
            job = fresh.submit(measure, num_points, DIM.value, NUM_QUERIES.value, NUM_NEIGHBOURS.value)
            grown, first, per_query = job.result()
        slope = None if before is None else (grown - before[1]) / (num_points - before[0])
        before = num_points, grown
        rows.append(
            {
                "points": num_points,
                "latents MB": round(num_points * DIM.value * 4 / 1e6),
                "search MB": round(grown / 1e6),
                "bytes per further point": slope if slope is None else round(slope),
                "1000 queries s": 1000 * per_query,
                "all queries min": (first + per_query * (num_points - NUM_AT_ONCE)) / 60,
            }
        )
        print(f"… {num_points} points done", flush=True)
    print(format_table(rows))
    return 0


def measure(num_points: int, dim: int, num_queries: int, num_neighbours: int) -> tuple[float, float, float]:
    """Return the bytes beyond the points, seconds of the first block of queries, and seconds per further query."""
    import numpy as np
    import psutil

    from irl_inr_jax.clustering.neighbours.exact import NUM_QUERIES as NUM_AT_ONCE
    from irl_inr_jax.clustering.neighbours.exact import nearest_neighbours

    points = np.random.default_rng(0).standard_normal((num_points, dim), dtype=np.float32)
    before = psutil.Process().memory_info().rss

    def search(count: int) -> float:
        started = time.monotonic()
        nearest_neighbours(points[:count], points, num_neighbours, leave_out_self=False)
        return time.monotonic() - started

    search(NUM_AT_ONCE)  # compiles
    few, many = search(NUM_AT_ONCE), search(num_queries)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT - before
    per_query = (many - few) / (num_queries - NUM_AT_ONCE)
    return grown, few, per_query


if __name__ == "__main__":
    parse_flags()
    run_script(main)
