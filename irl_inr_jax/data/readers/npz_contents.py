"""The arrays of an .npz file, each read on request."""

import contextlib
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from irl_inr_jax.data.readers.declared_sizes import array_bytes, check_expansion, check_memory, read_npy_header
from irl_inr_jax.types import InputError

# NumPy, zipfile and zlib raise these for damaged, encrypted and unsupported archives.
_ERRORS = (
    ValueError,
    KeyError,
    OSError,
    EOFError,
    RuntimeError,
    MemoryError,
    SyntaxError,
    zipfile.BadZipFile,
    zlib.error,
)


def read_npz_labels(path: Path, key: str, *, requested: bool, name: str) -> np.ndarray:
    """Return the array `key` of an .npz file of labels, or its only array if `key` is not requested.

    Raises InputError, which starts with `name`, for a missing array and a damaged file.
    """
    with open_archive(path, name) as archive:
        found = sorted(archive)
        if key not in found and len(found) == 1 and not requested:
            key = found[0]
        if key not in found:
            raise InputError(f"{name}: expected an array {key!r}, found {found}; set config.data.labels_key")
        return read_member(archive, key, name)


@contextlib.contextmanager
def open_archive(path: Path, name: str) -> Iterator[Any]:
    """Open an .npz file without reading its arrays. Raises InputError for another kind of file and a damaged one."""
    if not zipfile.is_zipfile(path):
        raise InputError(f"{name}: expected an .npz file, found another kind of file or a truncated one")
    try:
        archive = np.load(path, allow_pickle=False)
    except _ERRORS as error:
        raise _damaged_archive(name, error) from None
    with archive:
        yield archive


def read_member(archive: Any, key: str, name: str, *, memory_mb: int | float = 0.0) -> np.ndarray:
    """Return one array of an open .npz file. Pickled objects are never loaded.

    memory_mb: config.data.memory_mb, for a compressed array of more than 1 GB. Raises InputError for a damaged or a
    larger array, by its declared size before it is read.
    """
    try:
        _check_member(archive.zip, f"{key}.npy", name, memory_mb=memory_mb)
        return np.asarray(archive[key])
    except InputError:
        raise
    except _ERRORS as error:
        raise _damaged_archive(name, error) from None


def _check_member(archive: zipfile.ZipFile, member: str, name: str, *, memory_mb: int | float) -> None:
    """Raise ValueError if a member is shorter than its header declares, InputError if compressed and too large."""
    if member not in archive.namelist():
        raise ValueError(f"{member.removesuffix('.npy')} is not an array")
    info = archive.getinfo(member)
    with archive.open(info) as stream:
        shape, dtype, _ = read_npy_header(stream)
    declared = array_bytes(shape, dtype)
    if declared > info.file_size and not dtype.hasobject:
        raise ValueError(f"{info.file_size} bytes for {member} of shape {shape}, which needs {declared}")
    if info.compress_type != zipfile.ZIP_STORED:
        check_expansion(info.file_size, info.compress_size, name)
        check_memory(info.file_size, memory_mb, name)


def _damaged_archive(name: str, error: Exception) -> InputError:
    found = "Python objects" if "Object arrays" in str(error) else "a damaged file"
    return InputError(
        f"{name}: expected an .npz file of plain arrays, found {found} ({' '.join(str(error).split())}); "
        f"write it with numpy.savez"
    )
