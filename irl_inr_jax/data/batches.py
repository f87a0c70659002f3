"""The order of training images, and batches of them from memory or disk.

The order of an epoch follows from the seed and the number of the epoch alone, so a run that continues from a checkpoint
sees the batches that an uninterrupted run would have seen.
"""

import functools
from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np

from irl_inr_jax.data.lazy import LazyImages

NUM_THREADS = 8
NUM_AHEAD = 8  # results that are computed before they are requested
AHEAD_BYTES = 500_000_000  # of those results, if that is fewer

Loaded = TypeVar("Loaded")


@functools.lru_cache(maxsize=2)
def epoch_order(seed: int, epoch: int, num_images: int) -> np.ndarray:
    """Return the permutation (num_images,) of the images in an epoch."""
    return np.random.default_rng([seed, epoch]).permutation(num_images)


def batch_rows(step: int, *, seed: int, num_images: int, batch_size: int) -> np.ndarray:
    """Return the images (batch_size,) in the batch of a step.

    Images at the end of an epoch that do not fill a batch are left out of that epoch.
    """
    epoch, batch = divmod(step, num_images // batch_size)
    return epoch_order(seed, epoch, num_images)[batch * batch_size :][:batch_size].astype(np.int32)


def batches(
    *, seed: int, num_images: int, batch_size: int, start: int, stop: int, steps_per_call: int
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (first step, images (n, batch_size)) of the calls that take the steps start ... stop - 1.

    n is `steps_per_call`, or less at the end of an epoch and of the run.
    """
    steps_per_epoch = num_images // batch_size
    step = start
    while step < stop:
        end = min(step + steps_per_call, stop, (step // steps_per_epoch + 1) * steps_per_epoch)
        rows = [batch_rows(i, seed=seed, num_images=num_images, batch_size=batch_size) for i in range(step, end)]
        yield step, np.stack(rows)
        step = end


def stream_batches(
    images: LazyImages, *, seed: int, batch_size: int, start: int, stop: int, rows: np.ndarray | None = None
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (step, stored images (batch_size, h, w, c)) for the steps start ... stop - 1.

    The batches are those of `batches`, so a run from disk gives the results of a run from memory. They are read as
    `read_ahead` does.
    rows: the positions of a batch to read, None for all; the others are zeros, because another process reads them.
    """

    num_bytes = batch_size * images.image_bytes

    def load(step: int) -> np.ndarray:
        chosen = batch_rows(step, seed=seed, num_images=len(images), batch_size=batch_size)
        if rows is None:
            return images[chosen]
        batch = np.zeros((batch_size, *images.shape[1:]), images.dtype)
        batch[rows] = images[chosen[rows]]
        return batch

    return zip(range(start, stop), read_ahead(load, start, stop, num_bytes=num_bytes), strict=True)


def read_ahead(load: Callable[[int], Loaded], start: int, stop: int, *, num_bytes: int) -> Iterator[Loaded]:
    """Yield load(start), ..., load(stop - 1) in this order, computed by threads.

    At most `NUM_AHEAD` results wait, fewer if they would take more than `AHEAD_BYTES`. num_bytes: of one result.
    """
    import grain  # the import takes a second; runs from memory need not wait

    ahead = max(1, min(NUM_AHEAD, AHEAD_BYTES // max(num_bytes, 1)))
    options = grain.ReadOptions(num_threads=min(NUM_THREADS, ahead), prefetch_buffer_size=ahead)
    return iter(grain.MapDataset.range(start, stop).map(load).to_iter_dataset(options))
