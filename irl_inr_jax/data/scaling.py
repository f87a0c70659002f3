"""Scaling of stored pixels to network inputs: background is 0, and the value furthest from it has magnitude 1.

A stored value v becomes v * scale + offset. If the background is at the dark end of the range, results are from 0 to 1.
If it is at the bright end (ink on paper, plankton), scale is negative, so that objects are bright and background is 0.
If it is in between (particles, textures), results are from -1 to 1. An image translated on a background of 0 therefore
has no visible border, and its centre of mass is that of the object.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Num

from irl_inr_jax.types import InputError, Scaling

PERCENTILES = (0.1, 99.9)
MAX_PIXELS = 10_000_000  # from which percentiles are computed, evenly spread
# A background closer to an end of the range than this share of it is taken to be at that end.
_END = 0.25


def to_unit(scaling: Scaling, stored: np.ndarray | jax.Array) -> jax.Array:
    """Convert stored pixels to float32 in [low, 1], 0 for background."""
    return jnp.asarray(stored).astype(jnp.float32) * scaling.scale + scaling.offset


def to_display(scaling: Scaling, unit: np.ndarray | jax.Array) -> np.ndarray:
    """Convert values in [low, 1] to [0, 1] for figures, in which stored bright pixels are bright."""
    shown = (np.asarray(unit) - scaling.low) / (1 - scaling.low)
    return 1 - shown if scaling.scale < 0 else shown


def find_scaling(
    images: Num[np.ndarray, "n h w c"], *, mode: str, background: float, source: str, invert: bool = False
) -> Scaling:
    """Return the scaling for all images, estimated from some of them. background: its stored value.

    mode: 'type' uses the range of an integer type, or [0, 1] for floats within it; 'extremes' the smallest and the
    largest value; 'percentiles' the 0.1st and the 99.9th percentile, for data with outliers. 'auto' is 'type' if the
    values use more than half of that range, else 'extremes'. invert: reverse the sign, if values are on both sides of
    the background.

    Raises InputError for images without variation, and for `invert` if the background is at an end of the range.
    """
    least, greatest = float(images.min()), float(images.max())
    if least == greatest:
        raise InputError(
            f"{source}: expected images with some variation, found {images.flat[0]} at every pixel of all "
            f"{len(images)} training images; check how they were written"
        )
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
    description = f"{images.dtype} {low:g} to {high:g} ({origin}), background {background:g}{comment}"
    return Scaling(scale, -background * scale + 0.0, bottom, description)


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
