"""IDX, the file format of MNIST and Fashion-MNIST, plain or gzipped.

A file consists of a magic number (bytes 0, 0, 8 for uint8, number of dimensions), each dimension as a big-endian 32-bit
integer, and the values.
"""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from irl_inr_jax.types import InputError

_IMAGES_MAGIC, _LABELS_MAGIC = 2051, 2049


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
    content = _read_bytes(path)
    num_dims = magic & 0xFF
    header = 4 + 4 * num_dims
    if len(content) < header:
        raise InputError(f"{path}: expected an IDX header of {header} bytes, found a file of {len(content)} bytes")
    found, *shape = struct.unpack(f">{1 + num_dims}I", content[:header])
    if found != magic:
        kinds = {_IMAGES_MAGIC: "images", _LABELS_MAGIC: "labels"}
        raise InputError(
            f"{path}: expected magic number {magic} ({kinds[magic]}), found {found} ({kinds.get(found, 'not IDX')})"
        )
    if len(content) - header != math.prod(shape):
        raise InputError(
            f"{path}: expected {math.prod(shape)} bytes after the header, for shape {tuple(shape)}, "
            f"found {len(content) - header}; download it again"
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def _read_bytes(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if path.suffix == ".gz" else content
    except FileNotFoundError:
        raise InputError(f"{path}: expected an IDX file, found no such file") from None
    except EOFError:
        raise InputError(f"{path}: expected a complete gzip file, found a truncated one; download it again") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path}: expected a gzip file, found another file ({error}); download it again") from None
    except OSError as error:
        raise InputError(f"{path}: expected a readable file, found an error ({error.strerror})") from None
