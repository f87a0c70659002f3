"""Time and peak memory of clusterers, scores, figures, report and files for many images.

    python -m benchmarks.large
    python -m benchmarks.large --num_images 50000,200000 --parts kmeans,diffusion,clusters.csv
    python -m benchmarks.large --num_images 30000 --num_clusters 300 --parts evaluate

Latents are synthetic (benchmarks/latents.py), images are small and computed from them when they are read. Each part
runs in a separate process. Seconds are of the clock and, since other work may share the machine, of the processor over
all threads. Memory is the peak of the process as reported by the operating system, minus its memory before the part,
which includes the latents. A note says from which size on a part samples.
"""

import multiprocessing
import os
import resource
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from absl import flags

from irl_inr_jax.commands.flags import parse_flags, run_script

NUM_IMAGES = flags.DEFINE_list("num_images", ["50000", "200000"], "numbers of images, separated by commas")
DIM = flags.DEFINE_integer("dim", 32, "size of a latent", lower_bound=1)
NUM_CLUSTERS = flags.DEFINE_integer("num_clusters", 10, "clusters and classes", lower_bound=2)
PARTS = flags.DEFINE_list("parts", ["all"], "names of benchmarks/large_parts.py, or all")

_RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes


def main() -> int:
    """Print one row per part and number of images; return the exit status."""
    from benchmarks.large_parts import PARTS as KNOWN
    from irl_inr_jax.report.text_table import format_table
    from irl_inr_jax.types import InputError

    names = list(KNOWN) if PARTS.value == ["all"] else PARTS.value
    if not set(names) <= set(KNOWN):
        raise InputError(f"expected names among {', '.join(KNOWN)} for --parts, found {','.join(names)}")
    if not all(number.isdecimal() and int(number) >= NUM_CLUSTERS.value for number in NUM_IMAGES.value):
        raise InputError(
            f"expected whole numbers of at least {NUM_CLUSTERS.value}, the clusters, for --num_images, found "
            f"{','.join(NUM_IMAGES.value)}"
        )
    rows = []
    for name in names:
        for num_images in map(int, NUM_IMAGES.value):
            with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as fresh:
                row = fresh.submit(measure, name, num_images, DIM.value, NUM_CLUSTERS.value).result()
            rows.append({"part": name, "images": num_images, **row})
            print(f"… {name}, {num_images:,} images: {row}", flush=True)
    print(format_table(rows))
    return 0


def measure(name: str, num_images: int, dim: int, num_clusters: int) -> dict[str, object]:
    """Return one row of the table."""
    import psutil

    from benchmarks.large_parts import PARTS as KNOWN
    from benchmarks.large_parts import make_synthetic
    from irl_inr_jax.types import InputError

    synthetic = make_synthetic(num_images, dim, num_clusters)
    before = psutil.Process().memory_info().rss
    started, used = time.monotonic(), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        try:
            notes = KNOWN[name](synthetic, Path(folder))
        except InputError as error:
            return {"notes": str(error)}
    row = {"s": time.monotonic() - started, "processor s": time.process_time() - used}
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT - before
    return {**row, "MB": round(grown / 1e6), "load": os.getloadavg()[0], "notes": "; ".join(notes)}


if __name__ == "__main__":
    parse_flags()
    run_script(main)
