"""Anybody's images as files in a folder: subfolders are classes, and folders called train and test are splits."""

import os
from pathlib import Path, PurePosixPath

import numpy as np
from ml_collections import ConfigDict

from irl_inr_jax.data.arrays import make_image_dataset, make_image_set, pad_to_square
from irl_inr_jax.data.image_files import read_image
from irl_inr_jax.data.labels import encode_labels
from irl_inr_jax.data.pose import forbid_translation
from irl_inr_jax.data.subsets import make_splits
from irl_inr_jax.types import Dataset, InputError

EXTENSIONS = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".gif", ".webp")


def make_folder(data: ConfigDict) -> Dataset:
    """The image files under config.data.path as they are, smaller ones centred among 0 on the largest one's square.

    Ids are paths relative to the folder. Classes are the subfolders, if every image lies in one. If all images lie in
    two folders `train` and `test`, these are the splits and their subfolders the classes. Raises InputError.
    """
    forbid_translation(data)
    root = Path(data.path).expanduser()
    source = f"config.data.path ({root})"
    ids = list_images(root)
    images = stack_images([read_image(root / name) for name in ids], ids, side=data.canvas, source=source)
    splits = find_splits(ids)
    all_labels, class_names = encode_labels([class_folders(rows, ids, depth) for rows, depth in splits], source=source)
    ids = np.array(ids)
    parts = [
        make_image_set(images[rows], ids[rows], labels, source=source)
        for (rows, _), labels in zip(splits, all_labels, strict=True)
    ]
    train, test = parts if len(parts) == 2 else (parts[0], None)
    train, test, class_names = make_splits(data, train, test, class_names)
    return make_image_dataset(
        data.name, train, test, class_names=class_names, description=f"image files of {root}", source=source
    )


def list_images(root: Path) -> list[str]:
    """The image files below `root`, sorted, as paths relative to it with '/'; hidden files and folders are skipped.

    Raises InputError if there is no such folder or no image in it.
    """
    if not root.is_dir():
        raise InputError(
            f"config.data.path: expected a folder of images, found {'a file' if root.exists() else 'nothing'} at {root}"
        )
    names = []
    for folder, subfolders, files in os.walk(root):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        names += [
            (Path(folder) / name).relative_to(root).as_posix()
            for name in files
            if name.lower().endswith(EXTENSIONS) and not name.startswith(".")
        ]
    if not names:
        raise InputError(f"config.data.path: expected files ending in {', '.join(EXTENSIONS)} in {root}, found none")
    return sorted(names)


def find_splits(ids: list[str]) -> list[tuple[np.ndarray, int]]:
    """For each split its rows of `ids` and how many folders deep its class folders lie: train and test, or all."""
    tops = np.array([PurePosixPath(name).parts[0] for name in ids])
    if set(tops) == {"train", "test"}:
        return [(np.flatnonzero(tops == split), 1) for split in ("train", "test")]
    return [(np.arange(len(ids)), 0)]


def class_folders(rows: np.ndarray, ids: list[str], depth: int) -> np.ndarray | None:
    """The folder at `depth` of each of `rows`; None if any of them lies in no such folder."""
    parts = [PurePosixPath(ids[row]).parts for row in rows]
    if any(len(part) < depth + 2 for part in parts):
        return None
    return np.array([part[depth] for part in parts])


def stack_images(images: list[np.ndarray], ids: list[str], *, side: int, source: str) -> np.ndarray:
    """Images (h, w, c) of any sizes as one array (N, s, s, c): grey if all of them are, else RGB.

    `side` is the smallest s. Raises InputError for images of different types, and for a side that is not 0 and too
    small.
    """
    for image, name in zip(images, ids, strict=True):
        if image.dtype != images[0].dtype:
            raise InputError(
                f"{source}: expected images of one type, found {images[0].dtype} in {ids[0]} and "
                f"{image.dtype} in {name}; save all of them with the same number of bits"
            )
    channels = max(image.shape[2] for image in images)
    side = side or max(max(image.shape[:2]) for image in images)
    stacked = np.empty((len(images), side, side, channels), images[0].dtype)
    for row, (image, name) in enumerate(zip(images, ids, strict=True)):
        stacked[row] = pad_to_square(image[None], side, source=name)[0]
    return stacked
