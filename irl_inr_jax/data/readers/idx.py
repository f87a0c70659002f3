"""IDX, the file format of MNIST and Fashion-MNIST, plain or gzipped.

A file consists of a magic number (bytes 0, 0, 8 for uint8, number of dimensions), each dimension as a big-endian 32-bit
integer, and the values.
"""

import gzip
import io
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from irl_inr_jax.data.readers.declared_sizes import check_expansion
from irl_inr_jax.types import InputError

_IMAGES_MAGIC, _LABELS_MAGIC = 2051, 2049
_MOST_EXPANDED = 1100  # bytes that gzip can make of one
_BLOCK_BYTES = 1 << 24


def read_idx_pair(images_path: Path, labels_path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the images (N, h, w) and labels (N,) of one split, both uint8.

    Raises InputError with the file's name if a file is missing, damaged or of the wrong kind, or if the numbers of
    images and labels differ.
    """
    images = read_idx(images_path, magic=_IMAGES_MAGIC)
    labels = read_idx(labels_path, magic=_LABELS_MAGIC)
    if len(images) != len(labels):
        raise InputError(
            f"{labels_path}: expected {len(images)} labels, one for each image in {images_path.name}, "
            f"found {len(labels)}"
        )
    return images, labels


def read_idx(path: Path, *, magic: int) -> np.ndarray:
    """Return the uint8 array of an IDX file with this magic number, which includes its rank. Raises InputError."""
    num_dims = magic & 0xFF
    header = 4 + 4 * num_dims
    with _open_bytes(path) as file:
        start = _read_bytes(file, header, path)
        if len(start) < header:
            raise InputError(f"{path}: expected an IDX header of {header} bytes, found a file of {len(start)} bytes")
        found, *shape = struct.unpack(f">{1 + num_dims}I", start)
        if found != magic:
            kinds = {_IMAGES_MAGIC: "images", _LABELS_MAGIC: "labels"}
            raise InputError(
                f"{path}: expected magic number {magic} ({kinds[magic]}), found {found} ({kinds.get(found, 'not IDX')})"
            )
        length = math.prod(shape)
        stored = path.stat().st_size
        if path.suffix == ".gz":
            check_expansion(min(length, _MOST_EXPANDED * stored), stored, str(path))
        content = _read_bytes(file, length + 1, path)  # one more shows that there are more
    if len(content) != length:
        more = "more" if len(content) > length else len(content)
        raise InputError(
            f"{path}: expected {length} bytes after the header, for shape {tuple(shape)}, found {more}; "
            f"download it again"
        )
    return np.frombuffer(content, np.uint8).reshape(shape)


def _open_bytes(path: Path) -> io.BufferedIOBase:
    try:
        return gzip.open(path) if path.suffix == ".gz" else path.open("rb")
    except FileNotFoundError:
        raise InputError(f"{path}: expected an IDX file, found no such file") from None
    except OSError as error:
        raise InputError(f"{path}: expected a readable file, found an error ({error.strerror})") from None


def _read_bytes(file: io.BufferedIOBase, length: int, path: Path) -> bytes:
    """Return up to `length` bytes, or fewer at the end of the file. Raises InputError."""
    blocks = []
    try:
        while length > 0 and (block := file.read(min(length, _BLOCK_BYTES))):
            blocks.append(block)
            length -= len(block)
    except EOFError:
        raise InputError(f"{path}: expected a complete gzip file, found a truncated one; download it again") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path}: expected a gzip file, found another file ({error}); download it again") from None
    except OSError as error:
        raise InputError(f"{path}: expected a readable file, found an error ({error.strerror})") from None
    return b"".join(blocks)
