"""The recorded meaning of pixel values: recognise the same values in another type, refuse values of another range."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Shaped

from irl_inr_jax.deployment.model_bundle import InputRule
from irl_inr_jax.types import InputError

# Of new images to those of the training, or the reverse. The factors of wrong scalings are 16 and more; a single image
# of the same type may be faint.
MAX_CONTRAST_RATIO, MAX_RATIO_OF_TYPE = 4.0, 8.0
FEW_LEVELS = 16  # a range of integers below this is one of labels, such as the dies of a wafer, not of brightness
TOLERANCE = 0.02  # in levels, of floats that are levels divided by the largest one

Convert = Callable[[Shaped[np.ndarray, "*any"]], Shaped[np.ndarray, "*any"]]


class PixelFacts(NamedTuple):
    """Type and values of some images. is_integer: whether all values are integers, in any type."""

    dtype: np.dtype
    least: float
    greatest: float
    is_integer: bool


def choose_conversion(rule: InputRule, images: Sequence[Shaped[np.ndarray, "_ _ c"]]) -> Convert:
    """Return the conversion of images, of which some are given, to the stored values of the rule.

    For integers: the same integers in any type, or, unless the range is one of labels, floats in [0, 1] that are
    exactly these integers divided by the greatest of their type. For floats: the same numbers in any type. Raises
    InputError for other values.
    """
    facts = measure_pixels(images)
    dtype = np.dtype(rule.dtype)
    if dtype.kind == "f":
        return lambda pixels: _to_floats(pixels, dtype)
    limit, has_labels = float(np.iinfo(dtype).max), rule.values[1] < FEW_LEVELS
    is_unit = 0 <= facts.least and facts.greatest <= 1 and facts.dtype != dtype
    if is_unit and not has_labels and facts.dtype.kind in "fb":
        if all(_are_levels(image, limit) for image in images):
            return lambda pixels: _from_unit(rule, pixels, limit)
        raise refuse_range(rule, facts, f"round and convert them: (images * {limit:.0f}).round().astype('{dtype}')")
    if facts.is_integer and 0 <= facts.least and facts.greatest <= limit:
        return lambda pixels: _to_integers(rule, pixels, limit)
    raise refuse_range(rule, facts, "scale and convert them as the images of the training were")


def measure_pixels(images: Sequence[Shaped[np.ndarray, "_ _ c"]]) -> PixelFacts:
    """Return the facts of images of one type."""
    is_integer = all(image.dtype.kind in "biu" or bool((image == np.rint(image)).all()) for image in images)
    least, greatest = min(float(image.min()) for image in images), max(float(image.max()) for image in images)
    return PixelFacts(images[0].dtype, least, greatest, is_integer)


def check_contrast(rule: InputRule, images: Sequence[Shaped[np.ndarray, "_ _ c"]], convert: Convert) -> None:
    """Raise InputError if the converted images deviate from background much more or less than those of the training.

    The largest deviation of an image's pixels is compared, and of several images the median; blank ones do not count.
    """
    background = rule.fit.background
    largest = np.array([np.abs(convert(image).astype(np.float64) - background).max() for image in images])
    largest = largest[largest > 0]
    if not len(largest):
        return
    least, greatest = rule.contrast
    median = float(np.median(largest))
    ratio = MAX_RATIO_OF_TYPE if images[0].dtype == np.dtype(rule.dtype) else MAX_CONTRAST_RATIO
    if not least / ratio <= median <= greatest * ratio:
        raise refuse_range(rule, measure_pixels(images), "scale them as the images of the training were")


def check_finite_pixels(images: Shaped[np.ndarray, "*any"], place: str) -> None:
    """Raise InputError for NaN and infinity."""
    if images.dtype.kind == "f" and not np.isfinite(images).all():
        raise InputError(f"expected finite numbers, found NaN or infinity in {place}; replace or leave out the image")


def refuse_range(rule: InputRule, facts: PixelFacts, advice: str) -> InputError:
    """Return the error that names both ranges."""
    low, high = rule.values
    return InputError(
        f"expected {rule.dtype} images with values from {low:g} to {high:g}, as in training, found {facts.dtype} from "
        f"{facts.least:g} to {facts.greatest:g}; {advice}"
    )


def _are_levels(image: Shaped[np.ndarray, "_ _ c"], limit: float) -> bool:
    levels = image.astype(np.float64) * limit
    return bool((np.abs(levels - np.rint(levels)) <= TOLERANCE).all())


def _to_floats(pixels: Shaped[np.ndarray, "*any"], dtype: np.dtype) -> Float[np.ndarray, "*any"]:
    check_finite_pixels(pixels, "the new images")
    return pixels.astype(dtype, copy=False)


def _from_unit(rule: InputRule, pixels: Shaped[np.ndarray, "*any"], limit: float) -> Shaped[np.ndarray, "*any"]:
    return _to_integers(rule, np.rint(pixels.astype(np.float64) * limit), limit)


def _to_integers(rule: InputRule, pixels: Shaped[np.ndarray, "*any"], limit: float) -> Shaped[np.ndarray, "*any"]:
    """Convert, after a check of what the sample of images did not show."""
    dtype = np.dtype(rule.dtype)
    if pixels.dtype == dtype:
        return pixels
    check_finite_pixels(pixels, "the new images")
    if pixels.size and (pixels.min() < 0 or pixels.max() > limit):
        facts = PixelFacts(pixels.dtype, float(pixels.min()), float(pixels.max()), False)
        raise refuse_range(rule, facts, "scale and convert them as the images of the training were")
    return np.rint(pixels).astype(dtype) if pixels.dtype.kind == "f" else pixels.astype(dtype)
