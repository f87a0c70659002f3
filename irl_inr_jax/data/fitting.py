"""Images of any sizes onto squares of one size, so that neither a corner nor a border tells how they lay.

Sides that differ are padded, never stretched: a turn must not change a shape. Padding is background, which is seen on
an image's own border.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Shaped

from irl_inr_jax.data.resize import resize_image


class Fit(NamedTuple):
    """What is done to every image.

    side: of the square that images are centred on, 0 for each its own longer edge. out_side: of the result; equal to
        `side` where nothing is resized. resampling: as in resize.py.
    ground: (c,) the stored value of background. level: whether each image's own border is brought to it first.
    circle: whether what lies outside the inscribed circle becomes background.
    """

    side: int
    out_side: int
    resampling: str
    ground: np.ndarray
    level: bool
    circle: bool


def fit_images(images: np.ndarray | Sequence[np.ndarray], fit: Fit) -> Shaped[np.ndarray, "n s s c"]:
    """Images (h, w, c) of one type as `fit` asks, in that type."""
    if not isinstance(images, np.ndarray):
        return np.concatenate([fit_images(image[None], fit) for image in images])
    if fit.level:
        images = level_images(images, fit.ground)
    images = pad_to_square(images, fit.side or max(images.shape[1:3]), fit.ground)
    if images.shape[1] != fit.out_side:
        images = np.stack([resize_image(image, fit.out_side, fit.out_side, method=fit.resampling) for image in images])
    if fit.circle:
        images = np.where(inside_circle(fit.out_side)[:, :, None], images, as_type(fit.ground, images.dtype))
    return images


def border_medians(images: Shaped[np.ndarray, "n h w c"]) -> Float[np.ndarray, "n c"]:
    """The median over the outermost pixels of each image, channel by channel: its background, for most images."""
    rows = np.concatenate([images[:, 0], images[:, -1]], axis=1)
    columns = np.concatenate([images[:, :, 0], images[:, :, -1]], axis=1)
    return np.median(np.concatenate([rows, columns], axis=1), axis=1).astype(np.float64)


def level_images(images: Shaped[np.ndarray, "n h w c"], ground: np.ndarray) -> Shaped[np.ndarray, "n h w c"]:
    """Each image made brighter or darker as a whole, so that the median of its border is `ground` (c,).

    What leaves the range of a whole-number type is cut off there.
    """
    shift = ground - border_medians(images)
    return as_type(images.astype(np.float64) + shift[:, None, None, :], images.dtype)


def pad_to_square(
    images: Shaped[np.ndarray, "n h w c"], side: int, ground: np.ndarray
) -> Shaped[np.ndarray, "n s s c"]:
    """Images in the middle of squares of `side` pixels on `ground` (c,); an odd rest goes to the bottom and right."""
    height, width = images.shape[1:3]
    if (height, width) == (side, side):
        return images
    padded = np.empty((len(images), side, side, images.shape[3]), images.dtype)
    padded[:] = as_type(ground, images.dtype)
    top, left = (side - height) // 2, (side - width) // 2
    padded[:, top : top + height, left : left + width] = images
    return padded


def inside_circle(side: int) -> Bool[np.ndarray, "s s"]:
    """Which pixels of a square have their middle in the inscribed circle, all of which every turn keeps in view."""
    middle = (np.arange(side) + 0.5) * 2 / side - 1
    return middle[:, None] ** 2 + middle**2 <= 1


def as_type(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Numbers as `dtype`, rounded into the range of a whole-number type."""
    if dtype.kind not in "iu":
        return values.astype(dtype)
    limits = np.iinfo(dtype)
    return np.clip(np.rint(values), limits.min, limits.max).astype(dtype)
