"""The common part of all readers of files with many images of one size."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict

from irl_inr_jax.data.labels import flatten_labels, to_text
from irl_inr_jax.data.pixels import as_pixels, check_stack_shape, pixel_dtype
from irl_inr_jax.data.readers.label_files import read_labels
from irl_inr_jax.data.source import Source, row_ids
from irl_inr_jax.types import InputError

MAX_IMAGES = 10_000_000  # ids of more need more than a gigabyte


def stack_source(
    data: ConfigDict,
    path: Path,
    read: Callable[[np.ndarray], np.ndarray],
    *,
    shape: tuple[int, ...],
    dtype: np.dtype,
    ids: np.ndarray | None = None,
    labels: np.ndarray | None = None,
    test: np.ndarray | None = None,
    notes: tuple[str, ...] = (),
    part: str = "",
) -> Source:
    """Return the `Source` of the file `path`; default ids consist of its stem and the row.

    read: rows (n,) -> images (n, h, w) or (n, h, w, c) as stored. shape, dtype: those of the whole stack as stored.
    labels: labels of the file as `flatten_labels` accepts them; config.data.labels_path overrides them. notes: as in
    `Source`. part: name of the part of the file, for messages.

    Raises InputError for another rank, an empty stack, values other than real numbers, and a wrong number of labels or
    ids.
    """
    name = source_name(path, part)
    check_stack_shape(shape, name)
    num_images, height, width, channels = shape if len(shape) == 4 else (*shape, 1)
    if num_images > MAX_IMAGES:
        raise InputError(
            f"{name}: expected at most {MAX_IMAGES} images in one file, found {num_images}; check its shape "
            f"{shape}, or write a part of it"
        )
    ids = row_ids(path.stem, num_images) if ids is None else to_text(np.asarray(ids), name)
    if ids.shape != (num_images,):
        raise InputError(f"{name}: expected one id for each of the {num_images} images, found shape {ids.shape}")
    if data.labels_path:
        labels = read_labels(data, ids)
    return Source(
        name=name,
        ids=ids,
        sizes=np.broadcast_to(np.array([height, width], np.int32), (num_images, 2)),
        channels=channels,
        dtype=pixel_dtype(np.dtype(dtype), name),
        read=lambda rows: as_pixels(read(rows), name).reshape(len(rows), height, width, channels),
        labels=None if labels is None else flatten_labels(labels, num_images, name),
        test=test,
        notes=notes,
        files=np.full(num_images, str(path)),
        pages=np.arange(num_images),
    )


def keep_only_image(images: np.ndarray, path: Path) -> np.ndarray:
    """Return (h, w) of an array (..., h, w) with one image. Raises InputError for several."""
    if images.size != images.shape[-2] * images.shape[-1]:
        raise InputError(
            f"config.data.path: expected one image in {path}, found an array of shape {images.shape}; "
            f"set config.data.path to the file itself, or remove it from the folder"
        )
    return images.reshape(images.shape[-2:])


def source_name(path: Path, part: str = "") -> str:
    """Return the name used in messages: the configuration's key, the file and optionally its part."""
    return f"config.data.path ({path}{f', {part}' if part else ''})"


def damaged(path: Path, kind: str, error: Exception) -> InputError:
    """Return the InputError for a file that cannot be read as `kind`."""
    reason = "it is empty" if path.is_file() and path.stat().st_size == 0 else " ".join(str(error).split())
    return InputError(
        f"{source_name(path)}: expected {kind}, found another kind of file or a damaged one ({reason}); write it again"
    )


def missing_package(path: Path, package: str) -> InputError:
    """Return the InputError for a file whose format needs a package that is not installed."""
    return InputError(
        f"{source_name(path)}: expected the package {package}, which reads this format, found none; "
        f"install it with: pip install {package}"
    )
