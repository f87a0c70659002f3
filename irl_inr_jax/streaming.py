"""Batches of images that stay on disk, read ahead by threads while the devices work."""

from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np

from irl_inr_jax.data.lazy import LazyImages
from irl_inr_jax.training import batch_rows

NUM_THREADS = 8
NUM_AHEAD = 8

Loaded = TypeVar("Loaded")


def stream_batches(
    images: LazyImages, *, seed: int, batch_size: int, start: int, stop: int, rows: np.ndarray | None = None
) -> Iterator[tuple[int, np.ndarray]]:
    """(step, stored images (batch_size, h, w, c)) for the steps start ... stop - 1.

    The images are those of `training.batches` in the same order, so that a run learns the same from disk as from
    memory and a resumed one goes on at the very batch. At most `NUM_AHEAD` batches are in memory.
    rows: the rows of a batch to read, all where None; the others are zeros, for another process takes them.
    """

    def load(step: int) -> np.ndarray:
        chosen = batch_rows(step, seed=seed, num_images=len(images), batch_size=batch_size)
        if rows is None:
            return images[chosen]
        batch = np.zeros((batch_size, *images.shape[1:]), images.dtype)
        batch[rows] = images[chosen[rows]]
        return batch

    return zip(range(start, stop), read_ahead(load, start, stop), strict=True)


def read_ahead(load: Callable[[int], Loaded], start: int, stop: int) -> Iterator[Loaded]:
    """load(start), ..., load(stop - 1) in this order, by threads, of which at most `NUM_AHEAD` wait to be taken."""
    import grain  # takes a second, which runs in memory need not wait

    ahead = grain.ReadOptions(num_threads=NUM_THREADS, prefetch_buffer_size=NUM_AHEAD)
    return iter(grain.MapDataset.range(start, stop).map(load).to_iter_dataset(ahead))
