"""MRC and FITS, the file formats of electron microscopes and telescopes, with one image or many.

Row 0 is the first stored row. Viewers of these formats display it at the bottom, so all images are mirrored relative to
them.
"""

import threading
import warnings
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
from ml_collections import ConfigDict

from irl_inr_jax.data.readers.stacks import damaged, missing_package, source_name, stack_source
from irl_inr_jax.data.source import Source
from irl_inr_jax.types import InputError


def open_mrc(data: ConfigDict) -> Source:
    """Return the sections of the MRC file config.data.path as memory-mapped images (N, h, w).

    Raises InputError for an invalid header, a truncated file, and arrays that are not two- or three-dimensional.
    """
    path = Path(data.path).expanduser()
    try:
        images = _map_mrc(path)
    except Exception as error:
        raise damaged(path, "an MRC file", error) from None
    images = images[None] if images.ndim == 2 else images
    if images.ndim != 3:
        raise InputError(f"{source_name(path)}: expected a stack of shape (N, h, w), found shape {images.shape}")
    return stack_source(data, path, lambda rows: images[rows], shape=images.shape, dtype=images.dtype)


def read_mrc_image(path: Path) -> np.ndarray:
    """Return the only image (h, w) of an MRC file. Raises InputError for several, ValueError for an invalid header."""
    return _only_image(np.array(_map_mrc(path)), path)


def read_pixel_size(path: Path) -> float:
    """Return the pixel size in angstroms that the header of an MRC file states; 0 if none, or for another file."""
    try:
        with mrcfile.open(path, header_only=True, permissive=True) as file:
            return float(file.voxel_size.x)
    except (OSError, ValueError):
        return 0.0


def open_fits(data: ConfigDict) -> Source:
    """Return the images of the first three-dimensional array of the FITS file config.data.path, read on request.

    Raises InputError for damaged files and files without such an array.
    """
    path = Path(data.path).expanduser()
    fits = _import_fits(path)
    try:
        # Rows are read one by one: astropy cannot scale memory-mapped arrays.
        file = fits.open(path, memmap=False)
        shapes = {number: tuple(unit.shape) for number, unit in enumerate(file) if unit.is_image and unit.shape}
        chosen = next((number for number, shape in shapes.items() if len(shape) == 3), None)
        # Reading the last row detects a truncated file.
        last = np.zeros(0) if chosen is None else np.asarray(file[chosen].section[shapes[chosen][0] - 1])
    except Exception as error:
        raise damaged(path, "a FITS file", error) from None
    if chosen is None:
        found = ", ".join(str(shape) for shape in shapes.values()) or "no images"
        raise InputError(f"{source_name(path)}: expected an array of shape (N, h, w), found {found}")
    section, lock = file[chosen].section, threading.Lock()

    def read(rows: np.ndarray) -> np.ndarray:
        images = np.empty((len(rows), *last.shape), last.dtype)
        with lock:
            for index, row in enumerate(rows):
                images[index] = section[int(row)]
        return images

    return stack_source(data, path, read, shape=shapes[chosen], dtype=last.dtype)


def read_fits_image(path: Path) -> np.ndarray:
    """Return the first array of a FITS file with at least two dimensions as an image (h, w).

    Raises InputError if it contains several images and without astropy, and astropy's errors for a damaged file.
    """
    fits = _import_fits(path)
    with fits.open(path, memmap=False) as file:
        images = [unit for unit in file if unit.is_image and len(unit.shape) >= 2]
        if not images:
            raise ValueError("expected an array of shape (h, w), found none")
        return _only_image(np.array(images[0].data), path)


def _import_fits(path: Path) -> Any:
    try:
        # This import takes half a second and is needed only for this format.
        from astropy.io import fits
    except ImportError:
        raise missing_package(path, "astropy") from None
    return fits


def _map_mrc(path: Path) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # for harmless bytes after the last section
        images = mrcfile.mmap(path, permissive=False).data
    if images is None:
        raise ValueError("no data")
    return images


def _only_image(images: np.ndarray, path: Path) -> np.ndarray:
    """Return (h, w) of an array (..., h, w) with one image. Raises InputError for several."""
    if images.size != images.shape[-2] * images.shape[-1]:
        raise InputError(
            f"config.data.path: expected one image in {path}, found an array of shape {images.shape}; "
            f"set config.data.path to the file itself, or remove it from the folder"
        )
    return images.reshape(images.shape[-2:])
