"""Faults of a set of images that spoil a run: fixed marks, wrong backgrounds, blank images and duplicates."""

import hashlib
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped
from scipy import ndimage

from irl_inr_jax.data.fitting import border_medians
from irl_inr_jax.data.lazy import LazyImages, in_chunks

MIN_IMAGES = 20  # fewer do not show what is fixed
FIXED_SHARE = 0.95  # of the images that have the same value at a pixel
TOLERANCE = 0.03  # of the range, for equal values
MIN_CONTRAST = 0.15  # of the range, to the background and to the other pixels at this radius
MIN_PIXELS = 3
GAP = 5  # pixels between the letters of a mark
MIN_DARKNESS = 2.0  # standard deviations over images; 6.3 for noisy particles, with the opposite sign
FRAME_SHARE = 0.9  # of the length of a frame that is fixed and differs from the pixels inside it
RING_SHARE = 0.5  # of a circle about the centre; what fills more is symmetric under rotations


class Box(NamedTuple):
    """Pixels of an image: rows top ... bottom and columns left ... right, all included."""

    top: int
    bottom: int
    left: int
    right: int


def find_frame(unit: Float[np.ndarray, "n h w c"]) -> int:
    """Return the width in pixels of a frame along the border that nearly all images have; 0 without one.

    A frame is of fixed values, and the pixels just inside it differ from it on nearly all of its length. Its value is
    that of the border, so that it may be taken for the background.
    """
    if len(unit) < MIN_IMAGES:
        return 0
    values, fixed = median_and_fixed(unit)
    rows, columns = (np.minimum(np.arange(size), np.arange(size)[::-1]) for size in values.shape[:2])
    depth = np.minimum(rows[:, None], columns)  # 0 on the border
    for width in range(1, min(values.shape[:2]) // 8 + 1):
        outside, inside = depth == width - 1, depth == width
        if fixed[outside].mean() < FRAME_SHARE:
            return 0
        step = np.abs(values[inside] - np.median(values[outside], axis=0))
        if (step >= MIN_CONTRAST).any(axis=1).mean() >= FRAME_SHARE:
            return width
    return 0


def median_and_fixed(
    unit: Float[np.ndarray, "n h w c"],
) -> tuple[Float[np.ndarray, "h w c"], Bool[np.ndarray, "h w c"]]:
    """Return the median of the images, and whether `FIXED_SHARE` of them have about this value."""
    values = np.median(unit, axis=0)
    return values, (np.abs(unit - values) <= TOLERANCE).mean(axis=0) >= FIXED_SHARE


def find_fixed_mark(unit: Float[np.ndarray, "n h w c"]) -> Box | None:
    """Return the box around all of `find_fixed_boxes`; None without any."""
    boxes = find_fixed_boxes(unit)
    if not boxes:
        return None
    tops, bottoms, lefts, rights = zip(*boxes, strict=True)
    return Box(min(tops), max(bottoms), min(lefts), max(rights))


def find_fixed_boxes(unit: Float[np.ndarray, "n h w c"]) -> list[Box]:
    """Return boxes around what nearly all images show at the same place, such as a scale bar and a time stamp.

    unit: values in [low, 1], 0 for background. A pixel is fixed if `FIXED_SHARE` of the images have about the same
    value there, other than background. What is symmetric under rotations about the centre is no mark: the disc of a
    wafer looks the same in every pose. Pixels at most `GAP` apart are in one box. There are none for fewer than
    `MIN_IMAGES` images.
    """
    if len(unit) < MIN_IMAGES:
        return []
    values, fixed = median_and_fixed(unit)
    marked = np.zeros(values.shape[:2], bool)
    for channel in range(values.shape[2]):
        marked |= asymmetric_pixels(values[:, :, channel], fixed[:, :, channel])
    if marked.sum() < MIN_PIXELS:
        return []
    regions, _ = ndimage.label(ndimage.binary_dilation(marked, np.ones((GAP, GAP))), np.ones((3, 3)))
    regions[~marked] = 0
    found = [places for places in ndimage.find_objects(regions) if places is not None]
    return [Box(rows.start, rows.stop - 1, columns.start, columns.stop - 1) for rows, columns in found]


def asymmetric_pixels(values: Float[np.ndarray, "s s"], fixed: Bool[np.ndarray, "s s"]) -> Bool[np.ndarray, "s s"]:
    """Return the fixed pixels of regions that no circle about the centre contains for the most part.

    values: of the fixed pixels. A region consists of neighbouring fixed pixels of about one value; an ellipse is one
    region with the disc in it.
    """
    height, width = values.shape
    y, x = (np.arange(size) - (size - 1) / 2 for size in (height, width))
    ring = np.hypot(y[:, None], x).round().astype(int)
    visible = fixed & (np.abs(values) >= MIN_CONTRAST)
    marked = np.zeros_like(visible)
    for level in np.unique((values[visible] / MIN_CONTRAST).round()):
        near = visible & (np.abs(values / MIN_CONTRAST - level) <= 1)
        counts, sizes = np.bincount(ring[near], minlength=ring.max() + 1), np.bincount(ring.ravel())
        inside = ring <= min(height, width) / 2
        symmetric = near & inside & (counts > RING_SHARE * sizes)[ring]
        regions, _ = ndimage.label(near, np.ones((3, 3)))
        marked |= near & ~np.isin(regions, np.unique(regions[symmetric]))
    return marked


def find_opposite_backgrounds(unit: Float[np.ndarray, "n h w c"]) -> Int[np.ndarray, "rows"]:
    """Return the rows of images whose border is closer to the value of objects than to that of the background."""
    return np.flatnonzero((np.abs(border_medians(unit)) > 0.5).any(axis=1))


def is_darker_inside(unit: Float[np.ndarray, "n h w c"]) -> bool:
    """Return True if the middle of nearly all images is darker than their corners, as with dark objects.

    The mean difference over images is compared with its standard deviation, so noise on single pixels averages out.
    """
    height, width = unit.shape[1:3]
    y, x = (2 * (np.arange(size) + 0.5) / size - 1 for size in (height, width))
    radius = np.hypot(y[:, None], x)
    difference = (unit[:, radius < 0.5].mean(axis=1) - unit[:, radius > 0.9].mean(axis=1)).mean(axis=1)
    return bool(difference.mean() < -MIN_DARKNESS * difference.std())


def find_blank(images: Shaped[np.ndarray, "n h w c"] | LazyImages) -> Int[np.ndarray, "rows"]:
    """Return the rows of stored images with one value at every pixel."""
    blank = []
    for chunk in in_chunks(images):
        flat = chunk.reshape(len(chunk), -1)
        blank.append((flat == flat[:, :1]).all(axis=1))
    return np.flatnonzero(np.concatenate(blank))


def find_duplicates(images: Shaped[np.ndarray, "n h w c"] | LazyImages) -> dict[int, int]:
    """Return for each image that is equal to an earlier one, and not blank, the row of the first of them."""
    first: dict[bytes, int] = {}
    duplicates, row = {}, 0
    for chunk in in_chunks(images):
        for image in chunk:
            digest = hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).digest()
            earlier = first.setdefault(digest, row)
            if earlier != row and not (image == image.flat[0]).all():
                duplicates[row] = earlier
            row += 1
    return duplicates
