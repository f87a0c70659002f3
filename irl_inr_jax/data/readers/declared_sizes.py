"""Checks of the size that a file declares, before memory is allocated for it."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from irl_inr_jax.types import InputError

_MAX_EXPANSION = 250  # bytes from one compressed byte; images with anything on them stay below, zeros reach 1,000
_NEGLIGIBLE = 256e6  # bytes that may be expanded in any case
_MEMORY = 1e9  # bytes that a compressed array may have with any config.data.memory_mb


def read_npy_header(stream: Any) -> tuple[tuple[int, ...], np.dtype, bool]:
    """Return shape, type and whether the order is Fortran's, and advance the stream to the first value.

    Raises ValueError if it is no header of an .npy file, or for a negative length.
    """
    version = np.lib.format.read_magic(stream)
    # Version 3 differs from 2 in the encoding of field names.
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    try:
        shape, is_fortran, dtype = read(stream)
    except Exception as error:  # NumPy parses the header as Python text, which fails in many ways
        raise ValueError(f"no header of an array: {error}") from None
    if any(length < 0 for length in shape):
        raise ValueError(f"a negative length in the shape {shape}")
    return shape, dtype, is_fortran


def check_npy_size(path: Path) -> None:
    """Raise ValueError if an .npy file is shorter than its header declares."""
    with path.open("rb") as file:
        shape, dtype, _ = read_npy_header(file)
        start = file.tell()
    declared, found = array_bytes(shape, dtype), path.stat().st_size - start
    if declared > found:
        raise ValueError(f"{found} bytes of values for the shape {shape}, which needs {declared}")


def array_bytes(shape: tuple[int, ...], dtype: np.dtype) -> int:
    """Return the exact number of bytes of an array, of any size."""
    return math.prod(shape) * dtype.itemsize


def is_expansion(num_bytes: int, stored: int) -> bool:
    """Return True if `stored` compressed bytes expand to so many that they can only repeat one value."""
    return num_bytes > _NEGLIGIBLE and num_bytes > _MAX_EXPANSION * max(stored, 1)


def check_expansion(num_bytes: int, stored: int, name: str) -> None:
    """Raise InputError for `is_expansion`."""
    if is_expansion(num_bytes, stored):
        raise InputError(
            f"{name}: expected compressed images, found {stored} bytes that expand to {num_bytes}, which can only be "
            f"repetitions; check how the file was written"
        )


def check_memory(num_bytes: int, memory_mb: int | float, name: str) -> None:
    """Raise InputError if a compressed array, which is read whole, has more than config.data.memory_mb megabytes."""
    if num_bytes > max(memory_mb * 1e6, _MEMORY):
        raise InputError(
            f"{name}: expected at most config.data.memory_mb={memory_mb:g} megabytes in a compressed array, which is "
            f"read whole, found {num_bytes / 1e6:.0f}; write it with numpy.save, which leaves images on disk, or set "
            f"config.data.memory_mb"
        )
