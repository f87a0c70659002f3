"""Pixels of every file format: types, shapes of stacks, transparency and the orientation tag of cameras."""

import numpy as np

from irl_inr_jax.types import InputError

_LEAST_COLUMNS = 8  # of an image whose channels are recognised by the shape
_KEPT_TYPES = (np.dtype(bool), np.dtype(np.uint8), np.dtype(np.uint16))

# The transformation to the intended orientation for each value of the Orientation tag of EXIF and TIFF; 1 and unknown
# values mean none.
_ORIENTATIONS = {
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: pixels[::-1, ::-1].swapaxes(0, 1),
    8: lambda pixels: np.rot90(pixels),
}


def pixel_dtype(dtype: np.dtype, source: str) -> np.dtype:
    """Return the type to which pixels stored as `dtype` are converted: bool, uint8 and uint16 stay, others are float32.

    Raises InputError unless they are real numbers.
    """
    if dtype.kind not in "biuf":
        found = "Python objects" if dtype.kind == "O" else f"type {dtype}"
        raise InputError(f"{source}: expected images of real numbers, found {found}; write them as a plain array")
    native = dtype.newbyteorder("=")
    return native if native in _KEPT_TYPES else np.dtype(np.float32)


def as_pixels(images: np.ndarray, source: str) -> np.ndarray:
    """Convert `images` to the type returned by `pixel_dtype`."""
    # A float64 too large for float32 becomes infinity, which `assembly.py` reports with the image.
    with np.errstate(over="ignore"):
        return np.asarray(images).astype(pixel_dtype(images.dtype, source), copy=False)


def check_stack_shape(shape: tuple[int, ...], source: str) -> None:
    """Raise InputError unless `shape` is (N, h, w) or (N, h, w, c) with at least one image.

    Shapes with the channels first are refused, and that of one colour image.
    """
    expected = "expected images of shape (N, h, w) or (N, h, w, c)"
    if len(shape) not in (3, 4):
        raise InputError(f"{source}: {expected}, found an array of shape {shape}")
    if 0 in shape:
        raise InputError(f"{source}: expected at least one image, found an array of shape {shape}")
    if len(shape) == 4 and is_channels_first(shape[1:]):
        raise InputError(
            f"{source}: {expected}, found {shape}, which looks like (N, c, h, w); "
            f"move the channels last with images.transpose(0, 2, 3, 1)"
        )
    if len(shape) == 3 and shape[2] <= 4 < min(shape[:2]):
        raise InputError(
            f"{source}: {expected}, found {shape}, which looks like one image (h, w, c); write all images to one "
            f"array, or set config.data.path to a folder of such files"
        )


def is_channels_first(shape: tuple[int, ...]) -> bool:
    """Return True for the shape of an image that has to be (c, h, w), since (h, w, c) would have too many channels.

    A last axis of 8 or more is one of columns unless it is shorter than both others. A shorter one is, if it follows
    more rows of the same number and at most four channels.
    """
    first, second, last = shape
    if last >= _LEAST_COLUMNS:
        return last >= min(first, second)
    return first <= 4 and first < second == last


def composite_on_black(pixels: np.ndarray, opacity: np.ndarray) -> np.ndarray:
    """Return colours (h, w, c) with alpha (h, w) composited on black, in their type; its maximum is opaque."""
    if pixels.dtype.kind == "f":
        return pixels * opacity[:, :, None]
    share = opacity[:, :, None] / np.float64(np.iinfo(pixels.dtype).max)
    return np.rint(pixels * share).astype(pixels.dtype)


def apply_orientation(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Apply the value `orientation` of the Orientation tag of EXIF or TIFF to pixels (h, w) or (h, w, c)."""
    return _ORIENTATIONS.get(orientation, lambda unchanged: unchanged)(pixels)
