"""Images rotated and shifted upright by their poses, in their own type, and the means of clusters before and after."""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Float32, Float64, Int, Shaped
from ml_collections import ConfigDict

from irl_inr_jax.data.assembly import make_fit
from irl_inr_jax.data.fitting import Fit, as_type, border_medians, fit_images
from irl_inr_jax.data.lazy import LazyImages
from irl_inr_jax.data.source import Source
from irl_inr_jax.geometry.coords import invert_pose
from irl_inr_jax.geometry.warps import transform_images
from irl_inr_jax.types import Pose

_BATCH_BYTES = 64_000_000


class Canvas(NamedTuple):
    """The squares on which images are placed before and after they are aligned.

    fit: the steps to squares, with 0 for background. side: of the aligned images in pixels. background: (c,) its stored
    value, or None for the median of each image's own border.
    """

    fit: Fit
    side: int
    background: np.ndarray | None


class Aligned(NamedTuple):
    """A batch before and after its alignment, both on the canvas: (b, s, s, c) relative to `background` (b, c)."""

    before: Float32[np.ndarray, "b s s c"]
    after: Float32[np.ndarray, "b s s c"]
    background: Float32[np.ndarray, "b c"]

    def stored(self, dtype: np.dtype) -> Shaped[np.ndarray, "b s s c"]:
        """Return the aligned images as stored values, rounded and clipped to an integer type."""
        return as_type(self.after + self.background[:, None, None, :], dtype)


class ClusterMeans(NamedTuple):
    """Means of the images of each of k clusters, before and after alignment.

    before, after: (k, s, s, c) relative to the background. background: (k, c) its mean. counts: (k,).
    sharpness: of the means before and after, see `measure_sharpness`.
    """

    before: Float64[np.ndarray, "k s s c"]
    after: Float64[np.ndarray, "k s s c"]
    background: Float64[np.ndarray, "k c"]
    counts: Int[np.ndarray, "k"]
    sharpness: tuple[float, float]


def make_canvas(data: ConfigDict, source: Source, side: int) -> Canvas:
    """Return the canvas of `side` pixels; 0 is the side of the padded originals, or `config.data.resize` without one.

    Neither the images' levels nor their corners are changed as they are for training: the pixels stay the user's.
    """
    return canvas_of(make_fit(data, source), source.channels, side)


def canvas_of(fit: Fit, channels: int, side: int) -> Canvas:
    """Return the canvas of images that `fit` makes squares; side: as in `make_canvas`."""
    side = side or fit.side or fit.out_side
    # Originals are averaged down to the canvas before they are rotated, and interpolated up while they are.
    work_side = min(side, fit.side) if fit.side else side
    return Canvas(
        fit._replace(out_side=work_side, background=np.zeros(channels), level=False, circle=False),
        side,
        None if fit.level else fit.background,
    )


def batch_size_of(canvas: Canvas, channels: int) -> int:
    """Return the number of images that are aligned at once, so that memory does not depend on the data set."""
    pixels = max(canvas.side, canvas.fit.side, canvas.fit.out_side) ** 2 * channels
    return int(np.clip(_BATCH_BYTES // (4 * pixels), 1, 256))


def align_batch(images: Sequence[Shaped[np.ndarray, "_ _ c"]], pose: Pose, canvas: Canvas, *, size: int) -> Aligned:
    """Align images (h, w, c), as stored, by their poses. size: at least their number, of the compiled batch."""
    background = np.stack(
        [border_medians(image[None])[0] if canvas.background is None else canvas.background for image in images]
    ).astype(np.float32)
    relative = [image.astype(np.float32) - level for image, level in zip(images, background, strict=True)]
    squares = np.asarray(fit_images(relative, canvas.fit))
    rows = np.minimum(np.arange(size), len(images) - 1)
    padded = jax.tree.map(lambda leaf: np.asarray(leaf, np.float32)[rows], pose)
    before = squares
    if squares.shape[1] != canvas.side:
        unposed = jax.tree.map(np.zeros_like, padded)
        before = np.asarray(_remove_pose(squares[rows], unposed, canvas.side))[: len(images)]
    after = np.asarray(_remove_pose(squares[rows], padded, canvas.side))[: len(images)]
    return Aligned(before, after, background)


@functools.partial(jax.jit, static_argnums=2)
def _remove_pose(images, pose, side):
    return transform_images(
        images,
        invert_pose(pose),
        interpolation="bilinear",
        fill=0.0,
        canvas=(side, side),
        zoom=side / images.shape[1],
    )


class MeanSums:
    """Sums over the batches that `add` is given, from which `finish` computes the means of `num_clusters` clusters."""

    def __init__(self, num_clusters: int, side: int, channels: int):
        self._sums = np.zeros((2, num_clusters, side, side, channels))
        self._background = np.zeros((num_clusters, channels))
        self._counts = np.zeros(num_clusters, np.int64)
        self._energy = np.zeros(2)

    def add(self, batch: Aligned, clusters: Int[np.ndarray, "b"]) -> None:
        """Add the images of a batch; those of noise, -1, are left out."""
        kept = clusters >= 0
        member = (clusters[kept] == np.arange(len(self._counts))[:, None]).astype(np.float64)
        for number, images in enumerate((batch.before[kept], batch.after[kept])):
            flat = images.reshape(len(images), -1).astype(np.float64)
            self._sums[number] += (member @ flat).reshape(self._sums.shape[1:])
            self._energy[number] += float((flat**2).sum())
        self._background += member @ batch.background[kept].astype(np.float64)
        self._counts += member.sum(axis=1).astype(np.int64)

    def finish(self) -> ClusterMeans:
        """Return the means of the clusters; zeros for one without images."""
        divisor = np.maximum(self._counts, 1)
        means = self._sums / divisor[:, None, None, None]
        before, after = (measure_sharpness(means[i], self._counts, float(self._energy[i])) for i in range(2))
        return ClusterMeans(means[0], means[1], self._background / divisor[:, None], self._counts, (before, after))


def measure_sharpness(means: Float[np.ndarray, "k s s c"], counts: Int[np.ndarray, "k"], energy: float) -> float:
    """Return the share, in [0, 1], of the images' energy that the mean of their cluster has; 1 if all are equal.

    energy: sum of the squares of all images. Means of images that are not aligned are blurred and have a small share.
    """
    shared = float((counts * (means**2).sum(axis=(1, 2, 3))).sum())
    return shared / energy if energy else 0.0


def upright_images(images: Float[np.ndarray, "n h w c"] | LazyImages, pose: Pose, *, fill: float) -> LazyImages:
    """Return the images without their pose, computed when they are read; outside the image is `fill`."""

    def read(rows: np.ndarray) -> np.ndarray:
        size = 1 << max(len(rows) - 1, 0).bit_length()  # few shapes are compiled
        padded = rows[np.minimum(np.arange(size), len(rows) - 1)]
        poses = jax.tree.map(lambda leaf: np.asarray(leaf)[padded], pose)
        return np.asarray(_remove_pose(np.asarray(images[padded]) - fill, poses, images.shape[1])[: len(rows)]) + fill

    return LazyImages(read, images.shape[1:], np.dtype(np.float32), np.arange(len(images)))
