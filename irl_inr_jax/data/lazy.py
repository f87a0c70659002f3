"""Images that stay on disk: read when rows of them are asked for, and handled as an array otherwise."""

from collections.abc import Callable

import numpy as np

from irl_inr_jax.types import InputError


class LazyImages:
    """(N, h, w, c) images of one type, of which only the rows asked for are ever in memory.

    `images[rows]` with whole numbers, a mask or a slice is an array, `images[row]` one image, `images.take(rows)`
    again lazy. What would need all of them at once raises InputError and says so.
    """

    def __init__(
        self,
        read: Callable[[np.ndarray], np.ndarray],
        shape: tuple[int, int, int],
        dtype: np.dtype,
        rows: np.ndarray,
    ):
        """read(rows) -> (n, *shape) of type dtype, as `Source.read` does; rows: (N,) which of its images these are."""
        self._read = read
        self._rows = rows
        self.dtype = np.dtype(dtype)
        self.shape = (len(rows), *shape)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """What they would take in memory."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, rows) -> np.ndarray:
        chosen = self._rows[rows]
        if np.ndim(chosen) == 0:
            return self._read(np.array([chosen]))[0]
        return self._read(chosen)

    def take(self, rows: np.ndarray) -> "LazyImages":
        """These of the images, still on disk."""
        return LazyImages(self._read, self.shape[1:], self.dtype, self._rows[rows])

    def load(self, chunk: int = 1024) -> np.ndarray:
        """All of them, in memory."""
        images = np.empty(self.shape, self.dtype)
        for first in range(0, len(self), chunk):
            images[first : first + chunk] = self[first : first + chunk]
        return images

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        raise InputError(
            f"expected images in memory, found {self.nbytes / 1e6:.0f} MB of them streamed from disk; set "
            f"config.data.memory_mb above that if they fit, or config.data.num_train to take fewer"
        )


def in_chunks(images: np.ndarray | LazyImages, chunk: int = 4096):
    """The images as arrays of at most `chunk`, one after the other."""
    for first in range(0, len(images), chunk):
        yield images[first : first + chunk]
