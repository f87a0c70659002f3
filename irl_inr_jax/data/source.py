"""What every reader of files gives: images where they lie, and all that their publisher says of them.

A reader knows one layout on disk and nothing of canvases, scalings or splits by chance; `assemble.py` makes a data set
of what it gives.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from irl_inr_jax.types import Pose


@dataclasses.dataclass(frozen=True)
class Source:
    """`N` images in the order of their publisher.

    name: what messages call them, such as "config.data.path (wafers.npy)".
    ids: (N,) strings without repeats, the same at every reading.
    sizes: (N, 2) heights and widths in pixels. channels, dtype: of all images.
    read: rows (n,) of whole numbers -> their images as stored: an array (n, h, w, channels), or a list of arrays
        (h, w, channels) where sizes differ. It may be called from several threads, and reads no more than it is asked.
    labels: (N,) whole numbers or strings as published, '' or -1 for an image without one; None where nothing is said.
    test: (N,) whether the publisher kept an image for testing; None where no split was made.
    columns: whatever else is known, name -> (N,) array; it travels to the tables of results.
    pose: the true pose, (N,) and (N, 2), or None.
    skipped: a line for each file that could not be read.
    """

    name: str
    ids: np.ndarray
    sizes: np.ndarray
    channels: int
    dtype: np.dtype
    read: Callable[[np.ndarray], np.ndarray | Sequence[np.ndarray]]
    labels: np.ndarray | None = None
    test: np.ndarray | None = None
    columns: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    pose: Pose | None = None
    skipped: tuple[str, ...] = ()


def row_ids(prefix: str, num_images: int) -> np.ndarray:
    """Ids 'prefix/00012' after the row of each image in the publisher's own order."""
    return np.array([f"{prefix}/{row:05d}" for row in range(num_images)])


def array_source(name: str, images: np.ndarray, ids: np.ndarray, **known) -> Source:
    """A `Source` of images (N, h, w) or (N, h, w, c) that lie in one array, in memory or mapped; `known` as there."""
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
