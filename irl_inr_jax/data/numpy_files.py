"""Anybody's images in a NumPy file: one array in .npy, mapped; several in .npz, with labels, ids and a test split."""

import zipfile
import zlib
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict

from irl_inr_jax.data.arrays import row_ids
from irl_inr_jax.data.pixels import check_stack_shape, pixel_dtype
from irl_inr_jax.data.source import Source
from irl_inr_jax.data.stacks import damaged, source_name, stack_source
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
    key = data.images_key
    kinds = ("images", "labels", "ids")
    keys = dict(zip(kinds, (key, data.labels_key, "ids"), strict=True))
    train, test = ({kind: name + suffix for kind, name in keys.items()} for suffix in ("", "_test"))
    arrays = read_npz(path, images_key=key, keys=(*train.values(), *test.values()))
    splits = [train, test] if test["images"] in arrays else [train]
    parts = [_part(arrays, names, path) for names in splits]
    shapes = [f"{images.dtype} of shape {images.shape[1:]}" for images, _, _ in parts]
    if len(set(shapes)) > 1:
        raise InputError(
            f"{source_name(path)}: expected test images like the training images, {shapes[0]}, found {shapes[1]}"
        )
    images = np.concatenate([images for images, _, _ in parts]) if len(parts) > 1 else parts[0][0]
    return stack_source(
        data,
        path,
        lambda rows: images[rows],
        shape=images.shape,
        dtype=images.dtype,
        ids=np.concatenate([ids for _, _, ids in parts]),
        labels=join_labels([(labels, len(ids)) for _, labels, ids in parts], source_name(path)),
        test=np.repeat([False, True], [len(ids) for _, _, ids in parts]) if len(parts) > 1 else None,
    )


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


def join_labels(parts: list[tuple[np.ndarray | None, int]], name: str) -> np.ndarray | None:
    """(labels or None, number of images) of each split -> the labels of all images, '' or -1 where a split has none.

    Raises InputError for numbers in one split and strings in the other.
    """
    given = [labels for labels, _ in parts if labels is not None]
    if not given:
        return None
    is_text = [labels.dtype.kind in "SU" for labels in given]
    if len(set(is_text)) > 1:
        raise InputError(f"{name}: expected numbers or strings as labels of both splits, found one of each")
    none = np.array("" if is_text[0] else -1, given[0].dtype if is_text[0] else np.int64)
    return np.concatenate([np.full(num_images, none) if labels is None else labels for labels, num_images in parts])


def _part(
    arrays: dict[str, np.ndarray], names: dict[str, str], path: Path
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
    """The images, the labels or None, and the ids of one split."""
    images = arrays[names["images"]]
    name = source_name(path, names["images"])
    check_stack_shape(images.shape, name)
    pixel_dtype(images.dtype, name)
    labels, ids = arrays.get(names["labels"]), arrays.get(names["ids"])
    for values, kind in ((labels, "label"), (ids, "id")):
        if values is not None and values.shape != (len(images),):
            found = len(values) if values.ndim == 1 else f"an array of shape {values.shape}"
            raise InputError(f"{name}: expected one {kind} for each of the {len(images)} images, found {found}")
    return images, labels, row_ids(names["images"], len(images)) if ids is None else ids.astype(str)
