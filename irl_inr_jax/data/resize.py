"""Resize one image by the average, the maximum or the central pixel of the area under each new pixel.

A new pixel covers a rectangle of fractions of old pixels. Along an axis resized from `old` to `new` pixels, old pixels
are `new` units long and new pixels `old` units, so that all overlaps are integers and no rounding occurs.
"""

import functools

import numpy as np
from jaxtyping import Float, Int, Shaped

from irl_inr_jax.types import InputError

METHODS = ("area", "nearest", "max")


def resize_image(
    image: Shaped[np.ndarray, "h w c"], height: int, width: int, *, method: str
) -> Shaped[np.ndarray, "y x c"]:
    """Return `image` resized to (height, width, c) in its type: bool, integers (halves round up) or finite floats.

    area: the average over each new pixel; preserves the mean and avoids aliasing. When it enlarges, a new pixel across
        the border of two old ones blends them.
    max: the largest old pixel that overlaps the new one; bright lines keep their brightness and become wider.
    nearest: the old pixel at the centre; if the centre is on a border, the one further down and to the right.

    Raises InputError for a method that is not in METHODS and for a size below 1.
    """
    if method not in METHODS:
        raise InputError(f"config.data.resampling: expected one of {', '.join(METHODS)}; found {method!r}")
    if min(height, width) < 1:
        raise InputError(f"config.data.resize: expected at least 1 pixel a side, found {height}x{width}")
    old_height, old_width = image.shape[:2]
    if (old_height, old_width) == (height, width):
        return image
    if method == "nearest":
        return image[_centres(old_height, height)[:, None], _centres(old_width, width)]
    if method == "max":
        rows = image[_overlapped(old_height, height)].max(1)
        return rows[:, _overlapped(old_width, width)].max(2)
    planes = np.moveaxis(image, 2, 0).astype(np.float64)
    sums = _overlaps(old_height, height) @ planes @ _overlaps(old_width, width).T
    means = np.moveaxis(sums, 0, 2) / (old_height * old_width)
    return (means if image.dtype.kind == "f" else np.floor(means + 0.5)).astype(image.dtype)


@functools.lru_cache(maxsize=1024)
def _overlaps(old: int, new: int) -> Float[np.ndarray, "y h"]:
    """Return the overlap of new and old pixels in units: integers with row sums `old` and column sums `new`."""
    old_starts, new_starts = np.arange(old) * new, np.arange(new)[:, None] * old
    shared = np.minimum(old_starts + new, new_starts + old) - np.maximum(old_starts, new_starts)
    return _frozen(np.maximum(shared, 0).astype(np.float64))


@functools.lru_cache(maxsize=1024)
def _overlapped(old: int, new: int) -> Int[np.ndarray, "y m"]:
    """Return the old pixels under each new one; the last is repeated if there are fewer than for other pixels."""
    starts = np.arange(new) * old
    first, last = starts // new, (starts + old - 1) // new
    return _frozen(np.minimum(first[:, None] + np.arange((last - first).max() + 1), last[:, None]))


@functools.lru_cache(maxsize=1024)
def _centres(old: int, new: int) -> Int[np.ndarray, "y"]:
    """Return the old pixel under the centre of each new one."""
    return _frozen((2 * np.arange(new) + 1) * old // (2 * new))


def _frozen(array: np.ndarray) -> np.ndarray:
    """Return `array` as read-only, because it is cached."""
    array.flags.writeable = False
    return array
