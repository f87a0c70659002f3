"""The formats of microscopes and telescopes, MRC and FITS: one image of a folder, or a file of many.

Row 0 is the first row stored, which their own viewers draw at the bottom: images come out mirrored alike, all of them.
"""

import threading
import warnings
from pathlib import Path

import mrcfile
import numpy as np
from ml_collections import ConfigDict

from irl_inr_jax.data.readers.stacks import damaged, missing_package, source_name, stack_source
from irl_inr_jax.data.source import Source
from irl_inr_jax.types import InputError


def open_mrc(data: ConfigDict) -> Source:
    """The sections of the MRC file config.data.path as images (N, h, w), mapped.

    Raises InputError for a wrong header, a file that is cut short, and other than two or three dimensions.
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
    """The one image (h, w) of an MRC file. Raises InputError for several, and ValueError for a wrong header."""
    return _only_image(np.array(_map_mrc(path)), path)


def open_fits(data: ConfigDict) -> Source:
    """The images of the first three-dimensional array of the FITS file config.data.path, read as they are asked for.

    Raises InputError for damaged files and those without such an array, saying what there is.
    """
    path = Path(data.path).expanduser()
    fits = _import_fits(path)
    try:
        # Rows are read one by one; what astropy maps, it cannot scale.
        file = fits.open(path, memmap=False)
        shapes = {number: tuple(unit.shape) for number, unit in enumerate(file) if unit.is_image and unit.shape}
        chosen = next((number for number, shape in shapes.items() if len(shape) == 3), None)
        # The last row also shows whether the file is whole.
        last = None if chosen is None else file[chosen].section[shapes[chosen][0] - 1]
    except Exception as error:
        raise damaged(path, "a FITS file", error) from None
    if chosen is None:
        found = ", ".join(str(shape) for shape in shapes.values()) or "no images"
        raise InputError(f"{source_name(path)}: expected an array of shape (N, h, w), found {found}")
    section, lock = file[chosen].section, threading.Lock()

    def read(rows: np.ndarray) -> np.ndarray:
        images = np.empty((len(rows), *last.shape), last.dtype)
        with lock:
            for place, row in enumerate(rows):
                images[place] = section[int(row)]
        return images

    return stack_source(data, path, read, shape=shapes[chosen], dtype=last.dtype)


def read_fits_image(path: Path) -> np.ndarray:
    """The first array of a FITS file that is an image, (h, w).

    Raises InputError for several images in it and without astropy, and what astropy raises for a damaged file.
    """
    fits = _import_fits(path)
    with fits.open(path, memmap=False) as file:
        images = [unit for unit in file if unit.is_image and len(unit.shape) >= 2]
        if not images:
            raise ValueError("expected an array of shape (h, w), found none")
        return _only_image(np.array(images[0].data), path)


def _import_fits(path: Path):
    try:
        # Half a second, which only files of this format cost.
        from astropy.io import fits
    except ImportError:
        raise missing_package(path, "astropy") from None
    return fits


def _map_mrc(path: Path) -> np.memmap:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # for bytes behind the last section, which do no harm
        return mrcfile.mmap(path, permissive=False).data


def _only_image(images: np.ndarray, path: Path) -> np.ndarray:
    """(h, w) of (..., h, w) with nothing before."""
    if images.size != images.shape[-2] * images.shape[-1]:
        raise InputError(
            f"config.data.path: expected one image in {path}, found an array of shape {images.shape}; "
            f"set config.data.path to the file itself, or take it out of the folder"
        )
    return images.reshape(images.shape[-2:])
