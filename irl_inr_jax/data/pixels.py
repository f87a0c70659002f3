"""What holds for the pixels of every file format: their types, the shapes of many, transparency and the way up."""

import numpy as np

from irl_inr_jax.types import InputError

_KEPT_TYPES = (np.dtype(bool), np.dtype(np.uint8), np.dtype(np.uint16))

# How an image is brought upright for each value of EXIF's and TIFF's Orientation; 1 and unknown values leave it.
_UPRIGHT = {
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: pixels[::-1, ::-1].swapaxes(0, 1),
    8: lambda pixels: np.rot90(pixels),
}


def pixel_dtype(dtype: np.dtype, source: str) -> np.dtype:
    """The type that pixels stored as `dtype` are given out in: bool, uint8 and uint16 as they are, others float32.

    Raises InputError for what are no real numbers.
    """
    if dtype.kind not in "biuf":
        found = "Python objects" if dtype.kind == "O" else f"type {dtype}"
        raise InputError(f"{source}: expected images of real numbers, found {found}; write them as a plain array")
    native = dtype.newbyteorder("=")
    return native if native in _KEPT_TYPES else np.dtype(np.float32)


def as_pixels(images: np.ndarray, source: str) -> np.ndarray:
    """`images` in the type that `pixel_dtype` says."""
    # A float64 too large for float32 becomes infinity, which is reported where all values are at hand.
    with np.errstate(over="ignore"):
        return np.asarray(images).astype(pixel_dtype(images.dtype, source), copy=False)


def check_stack_shape(shape: tuple[int, ...], source: str) -> None:
    """Raises InputError unless `shape` is that of at least one image, (N, h, w) or (N, h, w, c)."""
    expected = "expected images of shape (N, h, w) or (N, h, w, c)"
    if len(shape) not in (3, 4):
        raise InputError(f"{source}: {expected}, found an array of shape {shape}")
    if 0 in shape:
        raise InputError(f"{source}: expected at least one image, found an array of shape {shape}")
    if len(shape) == 4 and shape[1] <= 4 < min(shape[2:]):
        raise InputError(
            f"{source}: {expected}, found {shape}, which looks like (N, c, h, w); "
            f"move the channels last with images.transpose(0, 2, 3, 1)"
        )


def composite_on_black(pixels: np.ndarray, opacity: np.ndarray) -> np.ndarray:
    """(h, w, c) colours under (h, w) opacity, on black, in their own type; opacity is full at the type's largest."""
    if pixels.dtype.kind == "f":
        return pixels * opacity[:, :, None]
    share = opacity[:, :, None] / np.float64(np.iinfo(pixels.dtype).max)
    return np.rint(pixels * share).astype(pixels.dtype)


def apply_orientation(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Pixels (h, w) or (h, w, c) the way up that EXIF's or TIFF's number `orientation` says they are meant."""
    return _UPRIGHT.get(orientation, lambda same: same)(pixels)
