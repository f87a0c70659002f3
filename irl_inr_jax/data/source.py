"""The record that every reader returns: images with everything their publisher states about them.

A reader reads one layout on disk; padding, scaling and splits follow in `assembly.py`, which turns any `Source` into a
`Dataset`.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from irl_inr_jax.data.lazy import CHUNK_BYTES
from irl_inr_jax.types import Pose


@dataclasses.dataclass(frozen=True)
class Source:
    """`N` images in the publisher's order.

    name: the name used in messages, such as "config.data.path (wafers.npy)".
    ids: (N,) unique strings that do not change between readings.
    sizes: (N, 2) heights and widths in pixels. channels, dtype: of all images.
    read: rows (n,) of integers -> their images as stored: an array (n, h, w, channels), or a list of arrays
        (h, w, channels) if sizes differ. It may be called from several threads and reads only the requested rows.
    description: one line; what the images are.
    labels: (N,) integers or strings as published, -1 or '' for an image without a label; None without labels.
    class_names: names of the classes 0..k-1 if `labels` are their numbers; () to derive the classes from `labels`.
    test: (N,) True for images of the publisher's test split; None if there is no such split.
    columns: other published properties, name -> (N,) array; they are copied to the tables of results.
    pose: the true pose, theta (N,) and tau (N, 2), or None.
    background: the stored value of background if it is known; None to estimate it from the images' borders.
    skipped: one line for each file that could not be read.
    notes: further lines on what was read and what was not.
    files: (N,) path of the file that contains each image as it is read, or None. pages: (N,) the image's number in that
        file, from 0; None if each file has one image.
    """

    name: str
    ids: np.ndarray
    sizes: np.ndarray
    channels: int
    dtype: np.dtype
    read: Callable[[np.ndarray], np.ndarray | Sequence[np.ndarray]]
    description: str = ""
    labels: np.ndarray | None = None
    class_names: tuple[str, ...] = ()
    test: np.ndarray | None = None
    columns: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    pose: Pose | None = None
    background: float | None = None
    skipped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    files: np.ndarray | None = None
    pages: np.ndarray | None = None


def row_ids(prefix: str, num_images: int) -> np.ndarray:
    """Return the ids 'prefix/00012' (num_images,), numbered in the publisher's order."""
    return np.array([f"{prefix}/{row:05d}" for row in range(num_images)])


def split_by_bytes(source: Source, rows: np.ndarray, *, side: int = 0) -> list[np.ndarray]:
    """Split `rows` (n,) into consecutive parts whose images take at most `CHUNK_BYTES`, or are one image.

    side: images count as squares of at least that many pixels a side, to which they are padded.
    """
    pixels = np.maximum(source.sizes[rows].astype(np.int64).prod(axis=1), side**2)
    ends = np.cumsum(pixels * source.channels * source.dtype.itemsize)
    if len(rows) == 0 or ends[-1] <= CHUNK_BYTES:
        return [rows]
    parts, start, before = [], 0, 0
    while start < len(rows):
        stop = max(start + 1, int(np.searchsorted(ends, before + CHUNK_BYTES, side="right")))
        parts.append(rows[start:stop])
        start, before = stop, ends[stop - 1]
    return parts


def readable_names(names: Sequence[str] | np.ndarray) -> np.ndarray:
    """Return names of files as text (N,) that can be written anywhere: bytes that are not UTF-8 become \\xe9."""
    return np.array([str(name).encode(errors="surrogateescape").decode(errors="backslashreplace") for name in names])


def array_source(name: str, images: np.ndarray, ids: np.ndarray, **known) -> Source:
    """Return a `Source` of images (N, h, w) or (N, h, w, c) in one array, in memory or mapped.

    known: further fields of `Source`.
    """
    images = images if images.ndim == 4 else images[..., None]
    return Source(
        name=name,
        ids=ids,
        sizes=np.broadcast_to(np.array(images.shape[1:3], np.int32), (len(images), 2)),
        channels=images.shape[3],
        dtype=images.dtype,
        read=lambda rows: images[rows],
        **known,
    )
