"""Images that stay on disk: an array-like object that reads rows when it is indexed."""

from collections.abc import Callable

import numpy as np

from irl_inr_jax.types import InputError

CHUNK_BYTES = 250_000_000  # of images that are read at once


class LazyImages:
    """(N, h, w, c) images of one type, of which only requested rows are in memory.

    `images[rows]` with integers, a mask or a slice is an array, `images[row]` is one image, and `images.take(rows)` is
    lazy. Conversion of all images to one array raises InputError.
    """

    def __init__(
        self,
        read: Callable[[np.ndarray], np.ndarray],
        shape: tuple[int, int, int],
        dtype: np.dtype,
        rows: np.ndarray,
    ):
        """read: rows (n,) -> images (n, *shape) of type dtype, as `Source.read`. rows: (N,) arguments of `read`."""
        self._read = read
        self._rows = rows
        self.dtype = np.dtype(dtype)
        self.shape = (len(rows), *shape)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def image_bytes(self) -> int:
        """Bytes of one image in memory."""
        return int(np.prod(self.shape[1:], dtype=np.int64)) * self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all images in memory."""
        return len(self) * self.image_bytes

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, rows) -> np.ndarray:
        chosen = self._rows[rows]
        if np.ndim(chosen) == 0:
            return self._read(np.array([chosen]))[0]
        return self._read(chosen)

    def take(self, rows: np.ndarray) -> "LazyImages":
        """Return the images in `rows`, without reading them."""
        return LazyImages(self._read, self.shape[1:], self.dtype, self._rows[rows])

    def load(self, chunk: int = 1024) -> np.ndarray:
        """Read all images, at most `chunk` of them at once, and fewer if they take more than `CHUNK_BYTES`."""
        images = np.empty(self.shape, self.dtype)
        chunk = rows_within(CHUNK_BYTES, self.image_bytes, most=chunk)
        for first in range(0, len(self), chunk):
            images[first : first + chunk] = self[first : first + chunk]
        return images

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        raise InputError(
            f"expected images in memory, found {self.nbytes / 1e6:.0f} MB of them streamed from disk; set "
            f"config.data.memory_mb above that if they fit, or config.data.num_train to take fewer"
        )


def rows_within(num_bytes: int, each: int, *, most: int) -> int:
    """Return the number of rows of `each` bytes that `num_bytes` hold: at least 1 and at most `most`."""
    return max(1, min(most, num_bytes // max(each, 1)))


def in_chunks(images: np.ndarray | LazyImages, chunk: int = 4096):
    """Yield the images in order, as arrays of at most `chunk` images, fewer if they take more than `CHUNK_BYTES`."""
    if isinstance(images, LazyImages):
        chunk = rows_within(CHUNK_BYTES, images.image_bytes, most=chunk)
    for first in range(0, len(images), chunk):
        yield images[first : first + chunk]
