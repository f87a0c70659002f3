"""Scaling of stored pixels to network inputs: background is 0, and the value furthest from it has magnitude 1.

A stored value v becomes v * scale + offset. If the background is at the dark end of the range, results are from 0 to 1.
If it is at the bright end (ink on paper, plankton), scale is negative, so that objects are bright and background is 0.
If it is in between (particles, textures), results are from -1 to 1. An image translated on a background of 0 therefore
has no visible border, and its centre of mass is that of the object.
"""

from collections.abc import Iterable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Num

from irl_inr_jax.types import InputError, Scaling

PERCENTILES = (0.1, 99.9)
MAX_PIXELS = 10_000_000  # from which percentiles are computed, evenly spread
# A background closer to an end of the range than this share of it is taken to be at that end.
_END = 0.25
# Images of at most this many values are of categories. Beyond three of them, values that are rarer than this share of
# the pixels are errors of the file, such as the dies of value 3 in MixedWM38.
MAX_CATEGORIES = 16
MAX_STRAY_SHARE = 1e-4
_CHUNK = 256  # images whose values are collected at once


def to_unit(scaling: Scaling, stored: np.ndarray | jax.Array) -> jax.Array:
    """Convert stored pixels to float32 in [low, 1], 0 for background."""
    return jnp.asarray(stored).astype(jnp.float32) * scaling.scale + scaling.offset


def to_display(scaling: Scaling, unit: np.ndarray | jax.Array) -> np.ndarray:
    """Convert values in [low, 1] to [0, 1] for figures, in which stored bright pixels are bright."""
    shown = (np.asarray(unit) - scaling.low) / (1 - scaling.low)
    return 1 - shown if scaling.scale < 0 else shown


def find_scaling(
    images: Num[np.ndarray, "n h w c"],
    *,
    mode: str,
    background: float,
    source: str,
    invert: bool = False,
    categories: tuple[float, float] | None = None,
) -> Scaling:
    """Return the scaling for all images, estimated from some of them. background: its stored value.

    mode: 'type' uses the range of an integer type, or [0, 1] for floats within it; 'extremes' the smallest and the
    largest value; 'percentiles' the 0.1st and the 99.9th percentile, for data with outliers. 'auto' is 'type' if the
    values use more than half of that range, else 'extremes'. Stray values of categories do not count; see
    `find_categories`. invert: reverse the sign, if values are on both sides of
    the background. categories: of `find_categories`, of images that are resized; None finds those of `images`.

    Raises InputError for images without variation, and for `invert` if the background is at an end of the range.
    """
    least, greatest = float(images.min()), float(images.max())
    if least == greatest:
        raise InputError(
            f"{source}: expected images with some variation, found {images.flat[0]} at every pixel of all "
            f"{len(images)} training images; check how they were written"
        )
    kept = find_categories(_in_parts(images)) if categories is None else categories
    strays = ""
    if kept is not None and (kept[0] > least or kept[1] < greatest):
        number = int(((images < kept[0]) | (images > kept[1])).sum())
        strays = f", without {number} pixel{'s' * (number > 1)} beyond {kept[0]:g} to {kept[1]:g}"
        least, greatest = kept
    low, high, origin = _find_range(images, mode, least, greatest)
    background = min(max(background, low), high)
    position = (background - low) / (high - low)
    if position < _END:
        scale, bottom, comment = 1.0 / (high - background), 0.0, ""
    elif position > 1 - _END:
        scale, bottom, comment = 1.0 / (low - background), 0.0, ", bright background becomes 0"
    else:
        scale, bottom, comment = 1.0 / max(high - background, background - low), -1.0, ", values on both sides of it"
    if invert and bottom == 0:
        raise InputError(
            "config.data.invert: expected False for a background at the dark or the bright end of the range, which "
            "becomes 0 in either case, found True; leave it out"
        )
    if invert:
        scale, comment = -scale, comment + ", inverted"
    description = f"{images.dtype} {low:g} to {high:g} ({origin}{strays}), background {background:g}{comment}"
    return Scaling(scale, -background * scale + 0.0, bottom, description)


def find_categories(parts: Iterable[Num[np.ndarray, "..."]]) -> tuple[float, float] | None:
    """Return the smallest and the largest value of images of categories, without stray ones; None for other images.

    parts: the images, in arrays of any shape, of which no more are read than are needed. Categories are at most
    `MAX_CATEGORIES` values, of which at least three have a share of `MAX_STRAY_SHARE`.
    """
    counts: dict[float, int] = {}
    for part in parts:
        values, numbers = np.unique(part, return_counts=True)
        for value, number in zip(values[: MAX_CATEGORIES + 1].tolist(), numbers.tolist(), strict=False):
            counts[value] = counts.get(value, 0) + number
        if len(counts) > MAX_CATEGORIES:
            return None
    total = sum(counts.values())
    frequent = [value for value, number in counts.items() if number >= MAX_STRAY_SHARE * total]
    return (float(min(frequent)), float(max(frequent))) if len(frequent) >= 3 else None


def _in_parts(images: Num[np.ndarray, "n h w c"]) -> Iterator[np.ndarray]:
    """Yield the images in chunks; the first one alone, which is enough to tell photographs."""
    yield images[:1]
    for first in range(1, len(images), _CHUNK):
        yield images[first : first + _CHUNK]


def _find_range(images: np.ndarray, mode: str, least: float, greatest: float) -> tuple[float, float, str]:
    """Return (low, high, their origin)."""
    is_integer = images.dtype.kind in "iu"
    type_low, type_high = (0.0, float(np.iinfo(images.dtype).max)) if is_integer else (0.0, 1.0)
    is_within = type_low <= least and greatest <= type_high
    used = (greatest - least) / (type_high - type_low)
    if is_within and (mode == "type" or (mode == "auto" and used > 0.5)):
        return type_low, type_high, "range of the type"
    if mode == "percentiles":
        pixels = images.reshape(-1)
        low, high = np.percentile(pixels[:: max(1, len(pixels) // MAX_PIXELS)], PERCENTILES)
        if low < high:
            return float(low), float(high), "percentiles"
    return (min(0.0, least) if is_integer else least), greatest, "extremes"
