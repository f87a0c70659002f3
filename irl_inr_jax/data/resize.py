"""One image brought to another size: its average or its largest value under each new pixel, or the pixel in its middle.

A new pixel covers a rectangle of the old ones, in fractions. Along an axis of `old` pixels that becomes `new`, old
pixels are `new` and new pixels `old` units long, so that all their overlaps are whole numbers and rounding has no say.
"""

import functools

import numpy as np
from jaxtyping import Float, Int, Shaped

from irl_inr_jax.types import InputError

METHODS = ("area", "nearest", "max")


def resize_image(
    image: Shaped[np.ndarray, "h w c"], height: int, width: int, *, method: str
) -> Shaped[np.ndarray, "y x c"]:
    """`image` as (height, width, c) of the same type: bool, whole numbers (halves are rounded up) or finite floats.

    area: the average over each new pixel, which keeps the mean and has no aliases. Enlarging, it blends the two old
        pixels where a new one lies across their border, and is flat elsewhere.
    max: the largest of the old pixels that a new one overlaps at all; bright lines stay as bright and grow wider.
    nearest: the old pixel in the middle; of two or four that meet there, the one further down and to the right.

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
        return image[_middles(old_height, height)[:, None], _middles(old_width, width)]
    if method == "max":
        rows = image[_overlapped(old_height, height)].max(1)
        return rows[:, _overlapped(old_width, width)].max(2)
    planes = np.moveaxis(image, 2, 0).astype(np.float64)
    sums = _overlaps(old_height, height) @ planes @ _overlaps(old_width, width).T
    means = np.moveaxis(sums, 0, 2) / (old_height * old_width)
    return (means if image.dtype.kind == "f" else np.floor(means + 0.5)).astype(image.dtype)


@functools.lru_cache(maxsize=1024)
def _overlaps(old: int, new: int) -> Float[np.ndarray, "y h"]:
    """How many units of each old pixel every new one covers: whole numbers, `old` in a row and `new` in a column."""
    old_starts, new_starts = np.arange(old) * new, np.arange(new)[:, None] * old
    shared = np.minimum(old_starts + new, new_starts + old) - np.maximum(old_starts, new_starts)
    return _frozen(np.maximum(shared, 0).astype(np.float64))


@functools.lru_cache(maxsize=1024)
def _overlapped(old: int, new: int) -> Int[np.ndarray, "y m"]:
    """The old pixels that every new one overlaps; where they are fewer than elsewhere the last is repeated."""
    starts = np.arange(new) * old
    first, last = starts // new, (starts + old - 1) // new
    return _frozen(np.minimum(first[:, None] + np.arange((last - first).max() + 1), last[:, None]))


@functools.lru_cache(maxsize=1024)
def _middles(old: int, new: int) -> Int[np.ndarray, "y"]:
    """The old pixel under the middle of every new one."""
    return _frozen((2 * np.arange(new) + 1) * old // (2 * new))


def _frozen(array: np.ndarray) -> np.ndarray:
    """`array` as it is kept for the next caller, who is not to write into it."""
    array.flags.writeable = False
    return array
