"""Anybody's images in a NumPy file: one array in .npy, mapped; several in .npz, with labels, ids and a test split."""

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
    """The images (N, h, w) or (N, h, w, c) of the .npy file config.data.path, mapped. Nothing pickled is ever read.

    Raises InputError for damaged files, Python objects and arrays that are no images.
    """
    path = Path(data.path).expanduser()
    try:
        images = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise damaged(path, "an array written by numpy.save", error) from None
    if not isinstance(images, np.ndarray):
        raise InputError(f"{source_name(path)}: expected one array, found an archive; give its name the ending .npz")
    return stack_source(data, path, lambda rows: images[rows], shape=images.shape, dtype=images.dtype)


def open_npz(data: ConfigDict) -> Source:
    """The arrays config.data.images_key, perhaps with config.data.labels_key and `ids`, of the file config.data.path.

    The same names followed by `_test` are the test split. Without `ids` an image is called by its array and row.
    Raises InputError for damaged files, Python objects, arrays that are no images, and splits that differ in shape.
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
            f"{source_name(path)}: expected test images like the training images, {kinds[0]}, found {kinds[1]}"
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
    """Those arrays of an .npz file that are called as in `keys`. Nothing pickled is ever read.

    Raises InputError if it is no such file, is damaged, has no `images_key`, or holds Python objects.
    """
    name = source_name(path)
    if not zipfile.is_zipfile(path):
        raise InputError(f"{name}: expected an .npz file, found another kind of file or one that is cut short")
    try:
        with np.load(path, allow_pickle=False) as archive:
            if images_key not in archive:
                raise InputError(
                    f"{name}: expected an array called {images_key!r}, found {sorted(archive)}; "
                    f"set config.data.images_key"
                )
            return {key: np.asarray(archive[key]) for key in keys if key in archive}
    except InputError:
        raise
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        found = "Python objects" if "Object arrays" in str(error) else "a damaged one"
        raise InputError(
            f"{name}: expected an .npz file of plain arrays, found {found} ({' '.join(str(error).split())}); "
            f"write it with numpy.savez(path, {images_key}=...)"
        ) from None


def join_labels(splits: list[Split], name: str) -> np.ndarray | None:
    """The labels of all images, '' or -1 for those of a split without labels; None if no split has any.

    Raises InputError for numbers in one split and strings in the other.
    """
    kinds = {split.labels.dtype.kind in "SU" for split in splits if split.labels is not None}
    if not kinds:
        return None
    if len(kinds) > 1:
        raise InputError(f"{name}: expected numbers or strings as labels of both splits, found one of each")
    none = "" if kinds == {True} else -1
    return np.concatenate([np.full(len(split.ids), none) if split.labels is None else split.labels for split in splits])


def _split(arrays: dict[str, np.ndarray], keys: list[str], path: Path) -> Split:
    """The split whose images, labels and ids are called as in `keys`."""
    images, labels, ids = (arrays.get(key) for key in keys)
    name = source_name(path, keys[0])
    check_stack_shape(images.shape, name)
    pixel_dtype(images.dtype, name)
    for values, kind in ((labels, "label"), (ids, "id")):
        if values is not None and values.shape != (len(images),):
            found = len(values) if values.ndim == 1 else f"an array of shape {values.shape}"
            raise InputError(f"{name}: expected one {kind} for each of the {len(images)} images, found {found}")
    return Split(images, row_ids(keys[0], len(images)) if ids is None else ids.astype(str), labels)
