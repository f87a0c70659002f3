"""Fit images of any size to squares of one size, so that no corner or border reveals their orientation.

Sides that differ are padded with background, never stretched: a rotation must not change a shape.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Shaped

from irl_inr_jax.data.resize import resize_image
from irl_inr_jax.types import Fit


def fit_images(images: np.ndarray | Sequence[np.ndarray], fit: Fit) -> Shaped[np.ndarray, "n s s c"]:
    """Return images (h, w, c) of one type as squares of that type, as specified by `fit`."""
    if not isinstance(images, np.ndarray):
        return np.concatenate([fit_images(image[None], fit) for image in images])
    if fit.level:
        images = level_images(images, fit.background)
    images = pad_to_square(images, fit.side or max(images.shape[1:3]), fit.background)
    if images.shape[1] != fit.out_side:
        images = np.stack([resize_image(image, fit.out_side, fit.out_side, method=fit.resampling) for image in images])
    if fit.circle:
        images = np.where(inside_circle(fit.out_side)[:, :, None], images, as_type(fit.background, images.dtype))
    return images


def border_medians(images: Shaped[np.ndarray, "n h w c"]) -> Float[np.ndarray, "n c"]:
    """Return the median over the outermost pixels of each image by channel: the background of most images."""
    rows = np.concatenate([images[:, 0], images[:, -1]], axis=1)
    columns = np.concatenate([images[:, :, 0], images[:, :, -1]], axis=1)
    return np.median(np.concatenate([rows, columns], axis=1), axis=1).astype(np.float64)


def level_images(images: Shaped[np.ndarray, "n h w c"], background: np.ndarray) -> Shaped[np.ndarray, "n h w c"]:
    """Add a constant to each image and channel so that the median of its border is `background` (c,).

    Values outside the range of an integer type are clipped.
    """
    shift = background - border_medians(images)
    return as_type(images.astype(np.float64) + shift[:, None, None, :], images.dtype)


def pad_to_square(
    images: Shaped[np.ndarray, "n h w c"], side: int, background: np.ndarray
) -> Shaped[np.ndarray, "n s s c"]:
    """Centre images on squares of `side` pixels of `background` (c,); an odd remainder is added at bottom and right."""
    height, width = images.shape[1:3]
    if (height, width) == (side, side):
        return images
    padded = np.empty((len(images), side, side, images.shape[3]), images.dtype)
    padded[:] = as_type(background, images.dtype)
    top, left = (side - height) // 2, (side - width) // 2
    padded[:, top : top + height, left : left + width] = images
    return padded


def inside_circle(side: int) -> Bool[np.ndarray, "s s"]:
    """Return a mask of the pixels whose centre is in the inscribed circle, which every rotation keeps in view."""
    middle = (np.arange(side) + 0.5) * 2 / side - 1
    return middle[:, None] ** 2 + middle**2 <= 1


def as_type(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Convert numbers to `dtype`; for an integer type they are rounded and clipped to its range."""
    if dtype.kind not in "iu":
        return values.astype(dtype)
    limits = np.iinfo(dtype)
    return np.clip(np.rint(values), limits.min, limits.max).astype(dtype)
