"""Image files in a folder or matching a pattern: subfolders are classes, `train` and `test` are splits."""

import glob
import os
from pathlib import Path, PurePosixPath

import numpy as np
from ml_collections import ConfigDict

from irl_inr_jax.data.readers.files_source import source_of_files
from irl_inr_jax.data.readers.image_files import EXTENSIONS
from irl_inr_jax.data.source import Source
from irl_inr_jax.types import InputError


def read_folder(data: ConfigDict) -> Source:
    """Return the image files in the folder config.data.path, or matching it if it is a pattern as `lots/**/*.png`.

    Ids are paths relative to the folder, or to the part of the pattern before its first wildcard. Classes are the
    subfolders, if every image is in one. If all images are in two folders `train` and `test`, these are the splits and
    their subfolders are the classes.

    Raises InputError if there is no image, and as `source_of_files`.
    """
    path = Path(data.path).expanduser()
    root, names = match_images(path) if is_pattern(path) else (path, list_images(path))
    is_test, depth = find_split(names)
    return source_of_files(
        f"config.data.path ({path})", root, names, data=data, labels=class_folders(names, depth, is_test), test=is_test
    )


def is_pattern(path: Path) -> bool:
    """Return True if `path` contains one of *?[ and does not exist itself."""
    return _has_wildcard(str(path)) and not path.exists()


def match_images(pattern: Path) -> tuple[Path, list[str]]:
    """Return the part of the pattern before its first wildcard, and the sorted matching image files relative to it.

    Raises InputError if no image file matches.
    """
    num_plain = next(index for index, part in enumerate(pattern.parts) if _has_wildcard(part))
    root = Path(*pattern.parts[:num_plain])
    found = glob.glob(str(Path(*pattern.parts[num_plain:])), root_dir=root, recursive=True)
    names = {Path(name).as_posix() for name in found if name.lower().endswith(EXTENSIONS) and (root / name).is_file()}
    if not names:
        raise InputError(
            f"config.data.path ({pattern}): expected a pattern that matches files ending in {', '.join(EXTENSIONS)}, "
            f"found no match; ** matches folders of any depth, as in {root / '**' / '*.png'}"
        )
    return root, sorted(names)


def list_images(root: Path) -> list[str]:
    """Return the sorted image files below `root` as relative paths with '/', without hidden files and folders.

    Raises InputError if there is none.
    """
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


def find_split(names: list[str]) -> tuple[np.ndarray | None, int]:
    """Return (is_test, depth of class folders): is_test (N,), None unless all images are in `train` and `test`."""
    tops = np.array([PurePosixPath(name).parts[0] for name in names])
    return (tops == "test", 1) if set(tops) == {"train", "test"} else (None, 0)


def class_folders(names: list[str], depth: int, is_test: np.ndarray | None) -> np.ndarray | None:
    """Return the folder (N,) at `depth` of each image, or None without classes.

    In a split where an image is in no such folder, all images have ''.
    """
    parts = [PurePosixPath(name).parts for name in names]
    is_deep = np.array([len(part) > depth + 1 for part in parts])
    folders = np.array([part[depth] for part in parts])
    is_test = np.zeros(len(names), bool) if is_test is None else is_test
    for split in (is_test, ~is_test):
        if not is_deep[split].all():
            folders[split] = ""
    return folders if (folders != "").any() else None


def _has_wildcard(text: str) -> bool:
    return any(character in text for character in "*?[")
