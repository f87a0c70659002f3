"""The arrays of an .npz file, each read on request."""

import contextlib
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

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


def read_member(archive: Any, key: str, name: str) -> np.ndarray:
    """Return one array of an open .npz file. Pickled objects are never loaded. Raises InputError for a damaged one."""
    try:
        return np.asarray(archive[key])
    except _ERRORS as error:
        raise _damaged_archive(name, error) from None


def _damaged_archive(name: str, error: Exception) -> InputError:
    found = "Python objects" if "Object arrays" in str(error) else "a damaged file"
    return InputError(
        f"{name}: expected an .npz file of plain arrays, found {found} ({' '.join(str(error).split())}); "
        f"write it with numpy.savez"
    )
