"""FITS, the file format of telescopes, with one image or many.

Row 0 is the first stored row. Viewers of this format display it at the bottom, so all images are mirrored relative to
them. Pixels without a value (NaN, or BLANK of integers) become background.
"""

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Num, Shaped
from ml_collections import ConfigDict

from irl_inr_jax.data.readers.stacks import damaged, keep_only_image, missing_package, source_name, stack_source
from irl_inr_jax.data.source import Source
from irl_inr_jax.types import InputError

FITS_ENDINGS = tuple(f".{stem}{packed}" for stem in ("fits", "fit", "fts") for packed in ("", ".gz", ".bz2", ".fz"))
MAX_BANDS = 32  # a first axis of at most this length that is shorter than both others is one of bands
# Names of extensions with uncertainties, weights and flags beside an image.
_NO_IMAGES = frozenset(
    {
        *("ERR", "ERROR", "RMS", "SIGMA", "NOISE", "UNCERT", "VAR", "VARIANCE", "IVAR", "INVVAR", "WHT", "WEIGHT"),
        *("DQ", "MASK", "FLAGS", "CTX", "SAMP", "TIME", "PSF", "BKG"),
    }
)
_STORED_TYPES = {8: np.uint8, 16: np.int16, 32: np.int32, 64: np.int64}


def open_fits(data: ConfigDict) -> Source:
    """Return the images of the FITS file config.data.path, read on request.

    They are the planes of its first array (N, h, w) or (N, bands, h, w), whose bands become channels, or else its
    arrays (h, w), without those whose name is of an uncertainty, a weight or a mask. Notes name the arrays that are not
    read.

    Raises InputError for damaged files and files without such arrays.
    """
    path = Path(data.path).expanduser()
    fits = _import_fits(path)
    try:
        # Rows are read one by one: astropy cannot scale memory-mapped arrays.
        file = fits.open(path, memmap=False)
        units = [unit for unit in file if unit.is_image and unit.shape]
        chosen = _choose_units(units)
        # Reading the last row detects a truncated file.
        last = np.zeros(0) if not chosen else _read_row(chosen, _count_rows(chosen) - 1)
    except Exception as error:
        raise damaged(path, "a FITS file", error) from None
    if not chosen:
        found = ", ".join(str(unit.shape) for unit in units) or "no images"
        raise InputError(f"{source_name(path)}: expected an array of shape (N, h, w), found {found}")
    others = [f"{unit.name or 'unnamed'} {unit.shape}" for unit in units if not any(unit is one for one in chosen)]
    return stack_source(
        data,
        path,
        _make_read(chosen, last),
        shape=(_count_rows(chosen), *last.shape),
        dtype=last.dtype,
        notes=(f"{path.name}: not read: {', '.join(others)}",) if others else (),
    )


def read_fits_image(path: Path) -> Shaped[np.ndarray, "..."]:
    """Return the only image of a FITS file, (h, w) or (h, w, bands).

    Extensions with uncertainties, weights and masks are no images. Raises InputError if it contains several images and
    without astropy, ValueError if no pixel has a value, and astropy's errors for a damaged file.
    """
    fits = _import_fits(path)
    with fits.open(path, memmap=False) as file:
        images = [unit for unit in file if unit.is_image and len(unit.shape) >= 2 and unit.name not in _NO_IMAGES]
        if not images:
            raise ValueError("expected an array of shape (h, w), found none")
        if len(images) > 1 and len({unit.shape for unit in images}) == 1:
            raise InputError(
                f"config.data.path: expected one image in {path}, found {len(images)} arrays of shape "
                f"{images[0].shape}; set config.data.path to the file itself, or remove it from the folder"
            )
        pixels = np.array(images[0].data)
        pixels = np.moveaxis(pixels, 0, -1) if has_bands(pixels.shape) else keep_only_image(pixels, path)
        pixels = _as_stored(fill_missing(pixels), images[0])
    if pixels.dtype.kind == "f" and np.isnan(pixels).all():
        raise ValueError("no pixel has a value")
    return pixels


def has_bands(shape: tuple[int, ...]) -> bool:
    """Return True for the shape (bands, h, w) of one image."""
    return len(shape) == 3 and 1 < shape[0] <= MAX_BANDS and shape[0] < min(shape[1:])


def fill_missing(pixels: Num[np.ndarray, "..."]) -> Num[np.ndarray, "..."]:
    """Return an image (h, w) or (h, w, c) with the median of its border in place of NaN.

    The median is that of the border's values in each channel, of all values if the border has none; an image without
    values is returned as it is.
    """
    if pixels.dtype.kind != "f" or not np.isnan(pixels).any():
        return pixels
    filled = np.array(pixels.reshape(*pixels.shape[:2], -1))
    for channel in range(filled.shape[2]):
        plane = filled[:, :, channel]
        border = np.concatenate([plane[0], plane[-1], plane[:, 0], plane[:, -1]])
        known = border[~np.isnan(border)] if not np.isnan(border).all() else plane[~np.isnan(plane)]
        if len(known):
            plane[np.isnan(plane)] = np.median(known)
    return filled.reshape(pixels.shape)


def _choose_units(units: list[Any]) -> list[Any]:
    """Return the extension whose planes are the images, or the extensions that are one image each."""
    stacks = [unit for unit in units if len(unit.shape) == 3 or (len(unit.shape) == 4 and has_bands(unit.shape[1:]))]
    if stacks:
        return stacks[:1]
    images = [unit for unit in units if len(unit.shape) == 2 and unit.name not in _NO_IMAGES]
    return images if len(images) > 1 and len({unit.shape for unit in images}) == 1 else []


def _count_rows(units: list[Any]) -> int:
    return len(units) if len(units[0].shape) == 2 else units[0].shape[0]


def _read_row(units: list[Any], row: int) -> np.ndarray:
    """Return one image, (h, w) or (h, w, bands)."""
    if len(units[0].shape) == 2:
        return _as_stored(fill_missing(np.asarray(units[row].section[:])), units[row])
    pixels = np.asarray(units[0].section[row])
    return _as_stored(fill_missing(np.moveaxis(pixels, 0, -1) if pixels.ndim == 3 else pixels), units[0])


def _make_read(units: list[Any], last: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    lock = threading.Lock()

    def read(rows: np.ndarray) -> np.ndarray:
        images = np.empty((len(rows), *last.shape), last.dtype)
        with lock:
            for index, row in enumerate(rows):
                images[index] = _read_row(units, int(row))
        return images

    return read


def _as_stored(pixels: np.ndarray, unit: Any) -> np.ndarray:
    """Return `pixels` in the integer type that the file has, which astropy converts to floats because of BLANK."""
    header = unit.header
    dtype = _STORED_TYPES.get(header.get("BITPIX"))
    is_scaled = header.get("BSCALE", 1) != 1 or header.get("BZERO", 0) != 0
    if pixels.dtype.kind != "f" or dtype is None or is_scaled or not np.isfinite(pixels).all():
        return pixels
    return np.rint(pixels).astype(dtype)


def _import_fits(path: Path) -> Any:
    try:
        # This import takes half a second and is needed only for this format.
        from astropy.io import fits
    except ImportError:
        raise missing_package(path, "astropy") from None
    # It warns of every fault that it repairs; what matters is an error of this reader.
    logging.getLogger("astropy").setLevel(logging.ERROR)
    return fits
