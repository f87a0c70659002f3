"""How stored pixels become the numbers that a network sees: 0 is the background, 1 is as far from it as they go.

A stored v stands for v * scale + offset. Where the background lies at the dark end, that runs from 0 to 1; at the
bright end (ink on paper, plankton) it is negative, so that what is depicted is bright and an empty corner is 0; in
between (particles, textures) values go both ways, from -1 to 1. So an image moved on a ground of 0 shows no seam, and
centres of mass are those of what is depicted.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Num

from irl_inr_jax.types import InputError, Scaling

SCALINGS = ("auto", "type", "extremes", "percentiles")
PERCENTILES = (0.1, 99.9)
MAX_PIXELS = 10_000_000  # that percentiles are taken of, evenly spread
# A background nearer than this share of the range to one end counts as lying at that end.
_END = 0.25


def to_unit(scaling: Scaling, stored: np.ndarray | jax.Array) -> jax.Array:
    """What stored pixels stand for, float32: 0 for background, in [low, 1]."""
    return jnp.asarray(stored).astype(jnp.float32) * scaling.scale + scaling.offset


def to_display(scaling: Scaling, unit: np.ndarray | jax.Array) -> np.ndarray:
    """Values in [low, 1] as values in [0, 1] for pictures: what was stored as bright is bright."""
    shown = (np.asarray(unit) - scaling.low) / (1 - scaling.low)
    return 1 - shown if scaling.scale < 0 else shown


def find_scaling(
    images: Num[np.ndarray, "n h w c"], *, mode: str, background: float, source: str, invert: bool = False
) -> Scaling:
    """The scaling of all images from some of them. background: the stored value of empty ground.

    mode: 'type' takes the range of whole-number types, and [0, 1] for float values in it; 'extremes' the least and the
    greatest value found; 'percentiles' the 0.1st and the 99.9th, for values with a few stray ones. 'auto' is 'type'
    where the values use more than half of that range and 'extremes' where they do not. invert: values on both sides of
    the background change places.

    Raises InputError for images without any variation, and for `invert` where the background lies at an end.
    """
    least, greatest = float(images.min()), float(images.max())
    if least == greatest:
        raise InputError(
            f"{source}: expected images with something on them, found {images.flat[0]} at every pixel of all "
            f"{len(images)} training images; check how they were written"
        )
    low, high, ranged = _find_range(images, mode, least, greatest)
    background = min(max(background, low), high)
    place = (background - low) / (high - low)
    if place < _END:
        scale, bottom, turned = 1.0 / (high - background), 0.0, ""
    elif place > 1 - _END:
        scale, bottom, turned = 1.0 / (low - background), 0.0, ", bright ground made dark"
    else:
        scale, bottom, turned = 1.0 / max(high - background, background - low), -1.0, ", both ways from the ground"
    if invert and bottom == 0:
        raise InputError(
            "config.data.invert: expected False, as a ground at the dark or the bright end is made 0 anyway, found True"
        )
    if invert:
        scale, turned = -scale, turned + ", inverted"
    description = f"{images.dtype} {low:g} to {high:g} ({ranged}), ground {background:g}{turned}"
    return Scaling(scale, -background * scale + 0.0, bottom, description)


def _find_range(images: np.ndarray, mode: str, least: float, greatest: float) -> tuple[float, float, str]:
    """(low, high, how they were found)."""
    whole = images.dtype.kind in "iu"
    type_low, type_high = (0.0, float(np.iinfo(images.dtype).max)) if whole else (0.0, 1.0)
    fits = type_low <= least and greatest <= type_high
    used = (greatest - least) / (type_high - type_low)
    if fits and (mode == "type" or (mode == "auto" and used > 0.5)):
        return type_low, type_high, "range of the type"
    if mode == "percentiles":
        pixels = images.reshape(-1)
        low, high = np.percentile(pixels[:: max(1, len(pixels) // MAX_PIXELS)], PERCENTILES)
        if low < high:
            return float(low), float(high), "percentiles"
    return (min(0.0, least) if whole else least), greatest, "extremes"
