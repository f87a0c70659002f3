"""Classes and splits of images in folders, as people have them: CLASS/, train/CLASS/, CLASS/train/, images/CLASS/."""

import re
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int, Shaped

from irl_inr_jax.types import InputError

# Words in names of folders, in lower case, and the split that they mean.
SPLITS = {
    **dict.fromkeys(("train", "training", "trn", "trainset"), "train"),
    **dict.fromkeys(("test", "testing", "tst", "testset"), "test"),
    **dict.fromkeys(("val", "valid", "validation", "validate", "dev", "valset"), "val"),
}
_FILLERS = {"set", "data", "dataset", "image", "images", "img", "imgs", "split", "folder", "seg"}
_NUM_NAMED = 3


class Layout(NamedTuple):
    """Images of a folder with the classes and splits that its subfolders name.

    rows: (n,) the images that are used, in their order: all except those of a validation split. labels: (n,) names of
    the classes or None. test: (n,) True for the test split or None. notes: one line for each choice that was made.
    """

    rows: Int[np.ndarray, "n"]
    labels: Shaped[np.ndarray, "n"] | None
    test: Bool[np.ndarray, "n"] | None
    notes: tuple[str, ...]


def find_layout(names: Sequence[str], source: str) -> Layout:
    """Return the layout of images with the relative paths `names`.

    Folders that contain all images are skipped. If then all images are in folders named as splits, such as train,
    Testing or val, these are the splits and the folders below are the classes; splits may also be below the classes.
    Otherwise the first folders are the classes. Images of a validation split are not used. Without a training split, a
    single split holds all images. There are no classes in a split where an image is in no class folder.

    Raises InputError for split folders that are beside others or at several depths, and without training images.
    """
    parts = [PurePosixPath(name).parts for name in names]
    depth = _common_depth(parts)
    notes = (f"folders in {'/'.join(parts[0][:depth])}/ are the classes or splits",) if depth else ()
    splits, class_depth, split_depth = None, depth, depth
    if _are_splits(parts, depth):
        split_depth, class_depth = depth, depth + 1
        splits = np.array([find_split_word(part[depth]) for part in parts])
    elif _are_splits(parts, depth + 1):
        split_depth = depth + 1
        splits = np.array([find_split_word(part[depth + 1]) for part in parts])
    _check_other_folders(parts, None if splits is None else split_depth, source)
    if splits is None:
        labels = _class_folders(parts, class_depth)
        loose = next((name for name, part in zip(names, parts, strict=True) if len(part) <= class_depth + 1), None)
        if loose is not None and max(map(len, parts)) > class_depth + 1:
            notes += (f"no classes, since {loose} is in no folder of a class",)
        return Layout(np.arange(len(names)), labels, None, notes)
    kinds = set(splits)
    if len(kinds) == 1:
        splits = np.full(len(splits), "train")
    elif "train" not in kinds:
        raise InputError(
            f"{source}: expected training images beside those in {_listed({part[split_depth] for part in parts})}, "
            f"found none; set config.data.path to one of these folders"
        )
    rows = np.flatnonzero(splits != "val")
    if len(rows) < len(names):
        left_out = {parts[row][split_depth] for row in np.flatnonzero(splits == "val")}
        notes += (f"{len(names) - len(rows)} images of the validation split {_listed(left_out)} are not used",)
    test = splits[rows] == "test"
    labels = np.full(len(rows), "", dtype=object)
    for of_split in (~test, test):
        chosen = np.flatnonzero(of_split)
        kept = [parts[rows[row]] for row in chosen]
        below = class_depth + (class_depth > split_depth and _is_wrapped(kept, class_depth))
        of_classes = _class_folders(kept, below)
        if of_classes is not None:
            labels[chosen] = of_classes
    labels = labels.astype(str)
    return Layout(rows, labels if (labels != "").any() else None, test if test.any() else None, notes)


def find_split_word(folder: str) -> str | None:
    """Return train, test or val if that is all that the name of a folder states, as in Training or seg_train."""
    words = [word for word in _words(folder) if word not in _FILLERS]
    return SPLITS.get(words[0]) if len(words) == 1 else None


def _words(folder: str) -> list[str]:
    return re.findall(r"[a-z]+", folder.lower())


def _common_depth(parts: Sequence[tuple[str, ...]]) -> int:
    """Return the number of folders around all images, except a split and a folder with images directly in it.

    A folder around split folders is none of the splits, whatever its name.
    """
    depth = 0
    while (
        len({part[depth] for part in parts}) == 1
        and min(map(len, parts)) > depth + 2
        and (find_split_word(parts[0][depth]) is None or _are_splits(parts, depth + 1))
    ):
        depth += 1
    return depth


def _are_splits(parts: Sequence[tuple[str, ...]], depth: int) -> bool:
    return all(len(part) > depth + 1 and find_split_word(part[depth]) is not None for part in parts)


def _is_wrapped(parts: Sequence[tuple[str, ...]], depth: int) -> bool:
    """Return True if all images of a split are in one more folder, named as the split or as filler, above others."""
    folders = {part[depth] for part in parts}
    if len(folders) != 1 or min(map(len, parts)) <= depth + 2:
        return False
    folder = folders.pop()
    return find_split_word(folder) is not None or set(_words(folder)) <= _FILLERS


def _check_other_folders(parts: Sequence[tuple[str, ...]], split_depth: int | None, source: str) -> None:
    """Raise InputError if folders that mention several splits are among the others, where they would be classes."""
    deepest = max(map(len, parts)) - 1
    for depth in range(deepest):
        if depth == split_depth:
            continue
        folders = {part[depth] for part in parts if len(part) > depth + 1}
        mentioned = {folder: SPLITS[word] for folder in folders for word in _words(folder) if word in SPLITS}
        others = sorted({part[depth] for part in parts if len(part) > depth} - set(mentioned))
        if len(set(mentioned.values())) < 2 and not _share_classes(parts, depth, mentioned):
            continue
        if split_depth is not None and all(_repeats_split(part, depth, split_depth) for part in parts):
            continue
        beside = f" beside {_listed(others)}" if others else ""
        raise InputError(
            f"{source}: expected folders of classes, or all images in folders train, val and test, found "
            f"{_listed(mentioned)}{beside}; move the others away, or set config.data.path to one of the folders"
        )


def _repeats_split(part: tuple[str, ...], depth: int, split_depth: int) -> bool:
    """Return True if the folder at `depth` is named as the image's split, as in train/train/CLASS, or is none."""
    return len(part) <= depth + 1 or find_split_word(part[depth]) == find_split_word(part[split_depth])


def _share_classes(parts: Sequence[tuple[str, ...]], depth: int, mentioned: Iterable[str]) -> bool:
    """Return True if a folder that mentions a split has subfolders of the same names as another folder has."""
    children: dict[str, set[str]] = {}
    for part in parts:
        if len(part) > depth + 2:
            children.setdefault(part[depth], set()).add(part[depth + 1])
    return any(
        children.get(folder, set()) & names
        for folder in mentioned
        for other, names in children.items()
        if other != folder
    )


def _class_folders(parts: Sequence[tuple[str, ...]], depth: int) -> np.ndarray | None:
    """Return the folder (n,) at `depth` of each image; None if an image is in none."""
    if not parts or min(map(len, parts)) <= depth + 1:
        return None
    return np.array([part[depth] for part in parts])


def _listed(folders: Iterable[str]) -> str:
    folders = sorted(folders)
    more = f" and {len(folders) - _NUM_NAMED} more" if len(folders) > _NUM_NAMED else ""
    return ", ".join(folders[:_NUM_NAMED]) + more
