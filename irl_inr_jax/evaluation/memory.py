"""How much memory something takes, seen from outside."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil

_SECONDS_BETWEEN_LOOKS = 0.02


@contextmanager
def watch_memory() -> Iterator[Callable[[], float]]:
    """While it lasts, looks at this process' resident memory; yields a function: by how many MB it has grown at most.

    Memory that was freed before and is taken again does not show, so the figure is a lower bound.
    """
    process = psutil.Process()
    start = peak = process.memory_info().rss
    done = threading.Event()

    def look() -> None:
        nonlocal peak
        while not done.wait(_SECONDS_BETWEEN_LOOKS):
            peak = max(peak, process.memory_info().rss)

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield lambda: (max(peak, process.memory_info().rss) - start) / 1e6
    finally:
        done.set()
        watcher.join()
