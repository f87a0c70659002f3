"""MRC, the file format of electron microscopes, with one image or many.

Row 0 is the first stored row. Viewers of this format display it at the bottom, so all images are mirrored relative to
them.
"""

import math
import warnings
from pathlib import Path
from typing import NamedTuple

import mrcfile
import numpy as np
from ml_collections import ConfigDict
from mrcfile import utils

from irl_inr_jax.data.readers.stacks import damaged, keep_only_image, source_name, stack_source
from irl_inr_jax.data.source import Source
from irl_inr_jax.types import InputError

COMPRESSED_MRC_ENDINGS = (".mrc.gz", ".mrc.bz2", ".mrcs.gz", ".mrcs.bz2")
_HEADER_BYTES = 1024
_IMOD_STAMP, _IMOD_SIGNED = 1146047817, 1  # of the two integers at byte 152


class MrcArray(NamedTuple):
    """Place, type and shape of the array in an MRC file, from its header.

    dtype, shape: of the array, with the byte order of the file. offset: its first byte. notes: what is unusual.
    """

    dtype: np.dtype
    shape: tuple[int, ...]
    offset: int
    notes: tuple[str, ...]


def open_mrc(data: ConfigDict) -> Source:
    """Return the sections of the MRC file config.data.path as memory-mapped images (N, h, w).

    A compressed file is read to memory. Raises InputError for an invalid header, a truncated file, arrays that are not
    two- or three-dimensional, and a compressed file of more than config.data.memory_mb.
    """
    path = Path(data.path).expanduser()
    try:
        found = find_array(path)
        num_megabytes = math.prod(found.shape) * found.dtype.itemsize / 1e6
        if path.name.lower().endswith(COMPRESSED_MRC_ENDINGS) and num_megabytes > data.memory_mb:
            raise InputError(
                f"{source_name(path)}: expected at most config.data.memory_mb={data.memory_mb} in a compressed file, "
                f"found {num_megabytes:.0f} MB; decompress the file, so that it can be streamed"
            )
        images = _map_array(path, found)
    except InputError:
        raise
    except Exception as error:
        raise damaged(path, "an MRC file", error) from None
    images = images[None] if images.ndim == 2 else images
    if images.ndim != 3:
        raise InputError(f"{source_name(path)}: expected a stack of shape (N, h, w), found shape {images.shape}")
    notes = tuple(f"{path.name}: {note}" for note in found.notes)
    return stack_source(data, path, lambda rows: images[rows], shape=images.shape, dtype=images.dtype, notes=notes)


def read_mrc_image(path: Path) -> np.ndarray:
    """Return the only image (h, w) of an MRC file. Raises InputError for several, ValueError for an invalid header."""
    return keep_only_image(np.array(_map_array(path, find_array(path))), path)


def read_pixel_size(path: Path) -> float:
    """Return the pixel size in angstroms that the header of an MRC file states; 0 if none, or for another file."""
    try:
        with mrcfile.open(path, header_only=True, permissive=True) as file:
            return float(file.voxel_size.x)
    except (OSError, ValueError):
        return 0.0


def find_array(path: Path) -> MrcArray:
    """Return the array of an MRC file, also if its machine stamp or its identifier is missing or unusual.

    Such a header is accepted if, in one of both byte orders, it states an array that the file contains. Bytes (mode 0)
    are unsigned if IMOD's stamp says so, or if the greatest value in the header is above 127; otherwise signed.

    Raises ValueError or OSError for other files.
    """
    is_compressed = path.name.lower().endswith(COMPRESSED_MRC_ENDINGS)
    size = math.inf if is_compressed else path.stat().st_size
    try:
        with mrcfile.open(path, header_only=True, permissive=False) as file:
            header, problem = file.header, None
        array = _parse(header, size)
    except ValueError as error:
        problem = error
        header, array = _find_unusual(path, size, error)
    notes = ()
    if problem is not None:
        order = "little" if np.dtype(header["nx"].dtype).newbyteorder("=") == header["nx"].dtype else "big"
        stamp = bytes(header["machst"]).hex()
        notes = (
            f"unusual header (identifier {bytes(header['map'])!r}, machine stamp {stamp}), read as {order}-endian",
        )
    if array.dtype == np.int8 and has_unsigned_bytes(header):
        array = array._replace(dtype=np.dtype(np.uint8))
        notes += ("bytes are unsigned, as the header states",)
    return array._replace(notes=notes)


def has_unsigned_bytes(header: np.ndarray) -> bool:
    """Return True if the header of a file of bytes (mode 0) states that they are unsigned."""
    stamp, flags = np.frombuffer(header["extra2"].tobytes()[40:48], header["nx"].dtype)
    if stamp == _IMOD_STAMP:
        return not flags & _IMOD_SIGNED
    return bool(header["dmin"] >= 0 and 127 < header["dmax"] <= 255)


def _find_unusual(path: Path, size: int | float, problem: ValueError) -> tuple[np.ndarray, MrcArray]:
    """Return the header in the byte order in which the file contains the array it states. Raises `problem`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        try:
            with mrcfile.open(path, header_only=True, permissive=True) as file:
                found = file.header
        except ValueError:
            raise problem from None
    headers = (found, found.view(found.dtype.newbyteorder()))
    for header in headers:
        try:
            return header, _parse(header, size, exact=bytes(found["map"])[:3] != b"MAP")
        except ValueError:
            continue
    raise problem


def _parse(header: np.ndarray, size: int | float, *, exact: bool = False) -> MrcArray:
    """Return the array that a header states. Raises ValueError unless a file of `size` bytes contains it.

    exact: the file must end with the array.
    """
    axes = sorted(int(header[name]) for name in ("mapc", "mapr", "maps"))
    if min(header["nx"], header["ny"], header["nz"]) < 1 or header["nsymbt"] < 0 or axes not in ([1, 2, 3], [0, 0, 0]):
        raise ValueError("its header states no array")
    dtype = utils.data_dtype_from_header(header)
    shape = tuple(int(length) for length in utils.data_shape_from_header(header))
    offset = _HEADER_BYTES + int(header["nsymbt"])
    expected = offset + math.prod(shape) * dtype.itemsize
    if size < expected or (exact and size not in (expected, math.inf)):
        raise ValueError(f"its header states a file size of {expected} bytes, which has {size}")
    return MrcArray(dtype, shape, offset, ())


def _map_array(path: Path, found: MrcArray) -> np.ndarray:
    if not path.name.lower().endswith(COMPRESSED_MRC_ENDINGS):
        return np.memmap(path, found.dtype, "r", offset=found.offset, shape=found.shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        with mrcfile.open(path, permissive=True) as file:
            if file.data is None:
                raise ValueError("it ends before the array that its header states")
            return np.array(file.data).view(found.dtype).reshape(found.shape)
