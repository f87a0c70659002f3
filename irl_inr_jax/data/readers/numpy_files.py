"""Images in NumPy files: one memory-mapped array in .npy; images, labels, ids and a test split in .npz."""

import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from ml_collections import ConfigDict

from irl_inr_jax.data.pixels import check_stack_shape, pixel_dtype
from irl_inr_jax.data.readers.stacks import damaged, source_name, stack_source
from irl_inr_jax.data.source import Source, row_ids
from irl_inr_jax.types import InputError


def open_npy(data: ConfigDict) -> Source:
    """Return the memory-mapped images (N, h, w) or (N, h, w, c) of the .npy file config.data.path.

    Pickled objects are never loaded. Raises InputError for damaged files, Python objects and arrays of other shapes.
    """
    path = Path(data.path).expanduser()
    try:
        images = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise damaged(path, "an array written by numpy.save", error) from None
    if not isinstance(images, np.ndarray):
        raise InputError(f"{source_name(path)}: expected one array, found an archive; rename it to .npz")
    return stack_source(data, path, lambda rows: images[rows], shape=images.shape, dtype=images.dtype)


def open_npz(data: ConfigDict) -> Source:
    """Return the images, labels and ids of the .npz file config.data.path.

    They are the arrays config.data.images_key, config.data.labels_key (optional) and `ids` (optional); the same names
    with the suffix `_test` are the test split. Default ids consist of the array's name and the row.

    Raises InputError for damaged files, Python objects, arrays of other shapes, and splits of unequal shape or type.
    """
    path = Path(data.path).expanduser()
    names, test_names = (
        [key + suffix for key in (data.images_key, data.labels_key, "ids")] for suffix in ("", "_test")
    )
    arrays = read_npz(path, images_key=data.images_key, keys=(*names, *test_names))
    splits = [_split(arrays, keys, path) for keys in (names, test_names) if keys[0] in arrays]
    kinds = [f"{split.images.dtype} of shape {split.images.shape[1:]}" for split in splits]
    if len(set(kinds)) > 1:
        raise InputError(
            f"{source_name(path)}: expected test images as the training images, {kinds[0]}, found {kinds[1]}"
        )
    images = np.concatenate([split.images for split in splits]) if len(splits) > 1 else splits[0].images
    return stack_source(
        data,
        path,
        lambda rows: images[rows],
        shape=images.shape,
        dtype=images.dtype,
        ids=np.concatenate([split.ids for split in splits]),
        labels=join_labels(splits, source_name(path)),
        test=np.repeat([False, True], [len(split.ids) for split in splits]) if len(splits) > 1 else None,
    )


class Split(NamedTuple):
    """One split of an .npz file: images (N, h, w) or (N, h, w, c), ids (N,), labels (N,) or None."""

    images: np.ndarray
    ids: np.ndarray
    labels: np.ndarray | None


def read_npz(path: Path, *, images_key: str, keys: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Return the arrays of an .npz file whose names are in `keys`. Pickled objects are never loaded.

    Raises InputError for another kind of file, a damaged file, a missing `images_key` and Python objects.
    """
    name = source_name(path)
    if not zipfile.is_zipfile(path):
        raise InputError(f"{name}: expected an .npz file, found another kind of file or a truncated one")
    try:
        with np.load(path, allow_pickle=False) as archive:
            if images_key not in archive:
                raise InputError(
                    f"{name}: expected an array {images_key!r}, found {sorted(archive)}; set config.data.images_key"
                )
            return {key: np.asarray(archive[key]) for key in keys if key in archive}
    except InputError:
        raise
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        found = "Python objects" if "Object arrays" in str(error) else "a damaged file"
        raise InputError(
            f"{name}: expected an .npz file of plain arrays, found {found} ({' '.join(str(error).split())}); "
            f"write it with numpy.savez(path, {images_key}=...)"
        ) from None


def join_labels(splits: list[Split], name: str) -> np.ndarray | None:
    """Return the labels of all images, or None if no split has labels. A split without labels has '' or -1.

    Raises InputError for numbers in one split and strings in the other.
    """
    kinds = {split.labels.dtype.kind in "SU" for split in splits if split.labels is not None}
    if not kinds:
        return None
    if len(kinds) > 1:
        raise InputError(f"{name}: expected labels of one type in both splits, found numbers and strings")
    none = "" if kinds == {True} else -1
    return np.concatenate([np.full(len(split.ids), none) if split.labels is None else split.labels for split in splits])


def _split(arrays: dict[str, np.ndarray], keys: list[str], path: Path) -> Split:
    """Return the split whose images, labels and ids have the names `keys`."""
    images, labels, ids = arrays[keys[0]], arrays.get(keys[1]), arrays.get(keys[2])
    name = source_name(path, keys[0])
    check_stack_shape(images.shape, name)
    pixel_dtype(images.dtype, name)
    for values, kind in ((labels, "label"), (ids, "id")):
        if values is not None and values.shape != (len(images),):
            found = len(values) if values.ndim == 1 else f"an array of shape {values.shape}"
            raise InputError(f"{name}: expected one {kind} for each of the {len(images)} images, found {found}")
    return Split(images, row_ids(keys[0], len(images)) if ids is None else ids.astype(str), labels)
