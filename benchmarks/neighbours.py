"""Compare searches for the nearest neighbours of all points by recall, time and memory.

    python -m benchmarks.neighbours
    python -m benchmarks.neighbours --num_points 60000,1000000 --dims 32 --libraries 'faiss, lists;usearch'

Latents are synthetic (benchmarks/latents.py). Each row is measured in a separate process. The exact search answers some
queries, and its time is extrapolated; its neighbours of these queries are those that the recall of the others counts.
Seconds are of the clock and, since other work may share the machine, of the processor over all threads. Memory is the
peak of the process as reported by the operating system, minus its memory before the search, which includes the points.
"""

import multiprocessing
import os
import resource
import sys
import time
from concurrent.futures import ProcessPoolExecutor

from absl import flags

from irl_inr_jax.commands.flags import parse_flags, run_script

NUM_POINTS = flags.DEFINE_list("num_points", ["60000", "250000"], "numbers of latents, separated by commas")
DIMS = flags.DEFINE_list("dims", ["32", "512"], "sizes of a latent, separated by commas")
NUM_QUERIES = flags.DEFINE_integer("num_queries", 1024, "queries of the exact search", lower_bound=1)
NUM_NEIGHBOURS = flags.DEFINE_integer("num_neighbours", 20, "neighbours per query", lower_bound=1)
THREADS = flags.DEFINE_integer("threads", 2, "threads of the approximate searches", lower_bound=1)
NAMES = flags.DEFINE_string("libraries", "all", "names of benchmarks/neighbour_libraries.py separated by ';', or all")

EXACT = "exact"
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes


def main() -> int:
    """Print one row per search and number of points; return the exit status."""
    from benchmarks.neighbour_libraries import LIBRARIES
    from irl_inr_jax.report.text_table import format_table
    from irl_inr_jax.types import InputError

    for flag in (NUM_POINTS, DIMS):
        least = NUM_QUERIES.value if flag is NUM_POINTS else 1
        if not all(number.isdecimal() and int(number) >= least for number in flag.value):
            raise InputError(
                f"expected whole numbers of at least {least} for --{flag.name}, found {','.join(flag.value)}; with "
                f"fewer --num_queries there may be fewer points"
            )
    names = list(LIBRARIES) if NAMES.value == "all" else [name.strip() for name in NAMES.value.split(";")]
    if not set(names) <= set(LIBRARIES):
        raise InputError(f"expected names among {'; '.join(LIBRARIES)} for --libraries, found {NAMES.value!r}")
    rows = []
    for dim in map(int, DIMS.value):
        for num_points in map(int, NUM_POINTS.value):
            exact = None
            for name in [EXACT, *names]:
                options = (name, num_points, dim, NUM_QUERIES.value, NUM_NEIGHBOURS.value, THREADS.value, exact)
                with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as fresh:
                    row, found = fresh.submit(measure, *options).result()
                exact = found if name == EXACT else exact
                rows.append({"search": name, "points": num_points, "numbers": dim, **row})
                print(f"… {name}, {num_points:,} points of {dim} numbers: {row}", flush=True)
    print(format_table(rows))
    return 0


def measure(name, num_points, dim, num_queries, count, threads, exact):
    """Return one row of the table, and the rows (m, q) of the neighbours of some queries; exact: those rows."""
    import numpy as np
    import psutil

    from benchmarks.latents import make_latents
    from benchmarks.neighbour_libraries import LIBRARIES
    from irl_inr_jax.clustering.neighbours.exact import exact_neighbours

    points = make_latents(num_points, dim)
    rows = np.linspace(0, num_points - 1, num_queries).astype(np.int64)
    before = psutil.Process().memory_info().rss
    started, used = time.monotonic(), time.process_time()
    try:
        if name == EXACT:
            found, scale = exact_neighbours(points[rows], points, count + 1, leave_out_self=False)[0], num_points
        else:
            found, scale = LIBRARIES[name](points, count, threads)[rows], num_queries
    except ImportError as error:
        return {"not installed": error.name}, None
    seconds, processor = time.monotonic() - started, time.process_time() - used
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT - before
    found = np.stack([row[row != own][:count] for row, own in zip(found, rows, strict=True)])
    recalls = [] if exact is None else [np.isin(ours, others).mean() for ours, others in zip(exact, found, strict=True)]
    row = {
        f"recall@{count}": float(np.mean(recalls)) if recalls else 1.0,
        "min": scale / num_queries * seconds / 60,
        "processor min": scale / num_queries * processor / 60,
        "MB": round(grown / 1e6),
        "load": os.getloadavg()[0],
    }
    return row, found


if __name__ == "__main__":
    parse_flags()
    run_script(main)
