"""The order of training images, and batches of them from memory or disk."""

import functools
from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np

from irl_inr_jax.data.lazy import LazyImages

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


@functools.lru_cache(maxsize=2)
def epoch_order(seed: int, epoch: int, num_images: int) -> np.ndarray:
    """The order of the images in an epoch, from the seed and the epoch alone, so that a resumed run sees the same."""
    return np.random.default_rng([seed, epoch]).permutation(num_images)


def batch_rows(step: int, *, seed: int, num_images: int, batch_size: int) -> np.ndarray:
    """(batch_size,) which images make the batch of a step; what does not fill a batch waits an epoch."""
    epoch, place = divmod(step, num_images // batch_size)
    return epoch_order(seed, epoch, num_images)[place * batch_size :][:batch_size].astype(np.int32)


def batches(
    *, seed: int, num_images: int, batch_size: int, start: int, stop: int, steps_per_call: int
) -> Iterator[tuple[int, np.ndarray]]:
    """(first step, indices (n, batch_size)) of the calls that take the steps start ... stop - 1.

    n is `steps_per_call`, and less where an epoch or the run ends.
    """
    steps_per_epoch = num_images // batch_size
    step = start
    while step < stop:
        end = min(step + steps_per_call, stop, (step // steps_per_epoch + 1) * steps_per_epoch)
        rows = [batch_rows(i, seed=seed, num_images=num_images, batch_size=batch_size) for i in range(step, end)]
        yield step, np.stack(rows)
        step = end
