"""Images in NumPy files: one memory-mapped array in .npy; images, labels, ids and a test split in .npz."""

import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from ml_collections import ConfigDict

from irl_inr_jax.data.keys import is_requested
from irl_inr_jax.data.labels import flatten_labels, to_text
from irl_inr_jax.data.pixels import check_stack_shape, pixel_dtype
from irl_inr_jax.data.readers.declared_sizes import check_npy_size
from irl_inr_jax.data.readers.named_arrays import check_labels_key, unread_note
from irl_inr_jax.data.readers.npz_contents import open_archive, read_member
from irl_inr_jax.data.readers.stacks import damaged, source_name, stack_source
from irl_inr_jax.data.source import Source, row_ids
from irl_inr_jax.types import InputError


def open_npy(data: ConfigDict) -> Source:
    """Return the memory-mapped images (N, h, w) or (N, h, w, c) of the .npy file config.data.path.

    Pickled objects are never loaded. Raises InputError for damaged files, Python objects and arrays of other shapes.
    """
    path = Path(data.path).expanduser()
    try:
        if not zipfile.is_zipfile(path):
            check_npy_size(path)
        images = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError, SyntaxError) as error:
        raise damaged(path, "an array written by numpy.save", error) from None
    if not isinstance(images, np.ndarray):
        raise InputError(f"{source_name(path)}: expected one array, found an archive; rename it to .npz")
    return stack_source(data, path, lambda rows: images[rows], shape=images.shape, dtype=images.dtype)


def open_npz(data: ConfigDict) -> Source:
    """Return the images, labels and ids of the .npz file config.data.path.

    They are the arrays config.data.images_key, config.data.labels_key (which may be missing if it is the default) and
    `ids` (optional); the same names with the suffix `_test`, or with `test` for `train`, are the test split. Default
    ids consist of the array's name and the row. A note lists the other arrays.

    Raises InputError for damaged files, Python objects, requested arrays that are missing, arrays of other shapes, and
    splits of unequal shape or type.
    """
    path = Path(data.path).expanduser()
    name = source_name(path)
    check_labels_key(data, path)
    labels_key = "" if data.labels_path else data.labels_key
    names = (data.images_key, labels_key, "ids")
    test_names = tuple(find_test_name(key) for key in names)
    with open_archive(path, name) as archive:
        found = sorted(archive)
        if data.images_key not in archive:
            raise InputError(
                f"{name}: expected an array {data.images_key!r}, found {found}; set config.data.images_key"
            )
        if labels_key and is_requested(data, "labels_key") and not {labels_key, test_names[1]} & set(found):
            raise InputError(
                f"{name}: expected an array {labels_key!r}, as config.data.labels_key requests, found {found}; "
                f"set config.data.labels_key to one of these"
            )
        arrays = {
            key: read_member(archive, key, name, memory_mb=data.memory_mb)
            for key in (*names, *test_names)
            if key in archive
        }
    splits = [_split(arrays, keys, path) for keys in (names, test_names) if keys[0] in arrays]
    kinds = [f"{split.images.dtype} of shape {split.images.shape[1:]}" for split in splits]
    if len(set(kinds)) > 1:
        raise InputError(f"{name}: expected test images as the training images, {kinds[0]}, found {kinds[1]}")
    images = np.concatenate([split.images for split in splits]) if len(splits) > 1 else splits[0].images
    used = {key for keys in (names, test_names) if keys[0] in arrays for key in keys}
    return stack_source(
        data,
        path,
        lambda rows: images[rows],
        shape=images.shape,
        dtype=images.dtype,
        ids=np.concatenate([split.ids for split in splits]),
        labels=join_labels(splits, name),
        test=np.repeat([False, True], [len(split.ids) for split in splits]) if len(splits) > 1 else None,
        notes=unread_note([key for key in found if key not in used], "arrays", path),
    )


class Split(NamedTuple):
    """One split of an .npz file: images (N, h, w) or (N, h, w, c), ids (N,), labels (N,) or None."""

    images: np.ndarray
    ids: np.ndarray
    labels: np.ndarray | None


def find_test_name(key: str) -> str:
    """Return the name of the test split's array: x_test for x_train, images_test for images, '' for ''."""
    if not key:
        return ""
    return "test".join(key.rsplit("train", 1)) if "train" in key else f"{key}_test"


def join_labels(splits: list[Split], name: str) -> np.ndarray | None:
    """Return the labels of all images, or None if no split has labels. A split without labels has '' or -1.

    Raises InputError for numbers in one split and strings in the other.
    """
    kinds = {split.labels.dtype.kind == "U" for split in splits if split.labels is not None}
    if not kinds:
        return None
    if len(kinds) > 1:
        raise InputError(f"{name}: expected labels of one type in both splits, found numbers and strings")
    none = "" if kinds == {True} else -1
    return np.concatenate([np.full(len(split.ids), none) if split.labels is None else split.labels for split in splits])


def _split(arrays: dict[str, np.ndarray], keys: tuple[str, ...], path: Path) -> Split:
    """Return the split whose images, labels and ids have the names `keys`."""
    images, labels, ids = arrays[keys[0]], arrays.get(keys[1]), arrays.get(keys[2])
    name = source_name(path, keys[0])
    check_stack_shape(images.shape, name)
    pixel_dtype(images.dtype, name)
    if ids is not None and ids.shape != (len(images),):
        found = len(ids) if ids.ndim == 1 else f"an array of shape {ids.shape}"
        raise InputError(f"{name}: expected one id for each of the {len(images)} images, found {found}")
    return Split(
        images,
        row_ids(keys[0], len(images)) if ids is None else to_text(ids, name),
        None if labels is None else flatten_labels(labels, len(images), name),
    )
