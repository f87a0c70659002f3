"""Files that appear only when they are complete, and JSON and npz files whose damage is noticed.

A file of `write_json` and `write_arrays` has an entry `checksum`, the SHA-256 of all its other content. A file without
the entry, of an earlier version, is read as it is.
"""

import hashlib
import json
import secrets
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

CHECKSUM = "checksum"
# Errors of NumPy, zipfile and zlib for damaged content; EOFError and KeyError are not subclasses of ValueError.
DAMAGE = (
    *(OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, SyntaxError, MemoryError),
    *(zipfile.BadZipFile, zlib.error),
)


class DamagedFile(ValueError):
    """A file that is not as it was written."""


def unfinished_path(path: Path) -> Path:
    """Return a new name beside `path`, for what is written before it becomes `path`.

    It differs from call to call: threads, and processes on hosts that share a folder, may write the same file at once.
    """
    return path.with_name(f".{path.name[:50]}.{secrets.token_hex(8)}.tmp")


@contextmanager
def replace_file(path: Path) -> Iterator[Path]:
    """Yield a path to write to, which becomes `path` when the block ends without an error.

    An interruption leaves the earlier file, or none, and an error also removes what was written. If threads or
    processes write the same file at once, that of the last one to finish stays.
    """
    partial = unfinished_path(path)
    try:
        yield partial
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def write_in_one_step(path: Path, text: str) -> None:
    """Write a text file in UTF-8 so that an interruption leaves the earlier file, or none."""
    with replace_file(path) as partial:
        partial.write_text(text, encoding="utf-8", newline="")


def write_json(path: Path, content: Mapping[str, Any], *, unchecked: Iterable[tuple[str, str]] = ()) -> None:
    """Write a JSON file in one step. unchecked: (block, key) pairs that may be edited, outside the checksum."""
    plain = json.loads(json.dumps(content))
    text = json.dumps({CHECKSUM: checksum_json(plain, unchecked=unchecked), **plain}, indent=2)
    write_in_one_step(path, text + "\n")


def read_json(path: Path, *, unchecked: Iterable[tuple[str, str]] = ()) -> dict[str, Any]:
    """Return the content of a file of `write_json` without the checksum.

    Raises DamagedFile for other content, and OSError if there is no such file.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise DamagedFile(str(error)) from None
    if not isinstance(content, dict):
        raise DamagedFile(f"{type(content).__name__} instead of an object")
    if CHECKSUM in content and content.pop(CHECKSUM) != checksum_json(content, unchecked=unchecked):
        raise DamagedFile("its content does not match its checksum")
    return content


def checksum_json(content: Mapping[str, Any], *, unchecked: Iterable[tuple[str, str]] = ()) -> str:
    """Return the SHA-256 of JSON content, whatever the order of its keys."""
    checked = dict(content)
    for block, key in unchecked:
        if isinstance(checked.get(block), dict):
            checked[block] = {name: value for name, value in checked[block].items() if name != key}
    return hashlib.sha256(json.dumps(checked, sort_keys=True).encode()).hexdigest()


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write an npz file in one step; no array may be of objects."""
    plain = {name: np.asarray(array) for name, array in arrays.items()}
    with replace_file(path) as partial, partial.open("wb") as file:
        np.savez(file, allow_pickle=False, **{CHECKSUM: np.array(checksum_arrays(plain))}, **plain)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Return all arrays of a file of `write_arrays` without the checksum.

    Raises DamagedFile for other content, and OSError if there is no such file.
    """
    with path.open("rb") as opened:  # errors of this line are of the file system
        return _read_opened(opened)


def _read_opened(opened: BinaryIO) -> dict[str, np.ndarray]:
    try:
        with np.load(opened, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file}
    except DAMAGE as error:
        raise DamagedFile(" ".join(str(error).split())) from None
    if not arrays:  # the record at the end of a zip file says how many there are
        raise DamagedFile("no arrays")
    if CHECKSUM in arrays and str(arrays.pop(CHECKSUM)) != checksum_arrays(arrays):
        raise DamagedFile("its content does not match its checksum")
    return arrays


def checksum_arrays(arrays: Mapping[str, np.ndarray]) -> str:
    """Return the SHA-256 of names, types, shapes and values."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name}\0{arrays[name].dtype.str}\0{arrays[name].shape}\0".encode("utf-8", "surrogatepass"))
        digest.update(array.reshape(-1).view(np.uint8).data if array.size else b"")
    return digest.hexdigest()


def checksum_file(path: Path) -> str:
    """Return the SHA-256 of the bytes of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
