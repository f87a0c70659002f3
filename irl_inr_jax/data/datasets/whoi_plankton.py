"""WHOI-Plankton: 3.4 million photographs of plankton in folders YEAR/CLASS/, reduced to ten balanced classes.

The paper does not name its ten classes. Here they are the largest ones, without folders that are not taxa. Images that
are not selected are never opened.
"""

import dataclasses
import fnmatch
import zlib
from pathlib import Path, PurePosixPath

import numpy as np
from ml_collections import ConfigDict

from irl_inr_jax.data.readers.file_search import find_files
from irl_inr_jax.data.readers.files_source import source_of_files
from irl_inr_jax.data.readers.folder_layout import find_split_word
from irl_inr_jax.data.readers.image_files import EXTENSIONS
from irl_inr_jax.data.source import Source, readable_names
from irl_inr_jax.data.subsets import make_rng
from irl_inr_jax.types import InputError

NO_TAXA = ("mix", "mix_elongated", "detritus", "bad", "other*")  # folders of mixtures, debris and other remains


def read_whoi_plankton(data: ConfigDict) -> Source:
    """Return the images of config.data.path, or of config.data.root/whoi_plankton; ids are paths relative to it.

    The folder of an image is its class, and a folder of four digits above that is its year, a column (-1 without one).
    The config.data.num_classes largest classes with enough images are selected, and of each the numbers of training and
    test images in config.data.class_images, sampled by config.data.seed independently of other classes. 0 selects all
    classes with enough images; class_images () selects all images, without a test split.

    Raises InputError if there are no such images, or too few classes with enough images.
    """
    root = Path(data.path).expanduser() if data.path else Path(data.root).expanduser() / "whoi_plankton"
    name = f"config.data.{'path' if data.path else 'root'} ({root})"
    found = list_classes(root, name)
    num_train, num_test = check_class_images(data)
    classes = choose_classes(
        {label: len(paths) for label, paths in found.items()},
        data.num_classes,
        (num_train, num_test),
        name,
    )
    paths, labels, is_test = [], [], []
    for label in classes:
        # A random stream for each class, so that the selection of one does not depend on the others.
        order = make_rng(data.seed, zlib.crc32(label.encode())).permutation(len(found[label]))
        order = order[: num_train + num_test or None]
        paths += [found[label][row] for row in order]
        labels += [label] * len(order)
        is_test += (np.arange(len(order)) >= len(order) - num_test).tolist()
    order = np.argsort(paths)
    paths, labels = np.array(paths)[order], np.array(labels)[order]
    years = np.array([find_year(path) for path in paths])
    source = source_of_files(
        name,
        root,
        list(paths),
        data=data,
        ids=readable_names(paths),
        labels=readable_names(labels),
        columns={"year": years} if (years >= 0).any() else {},
        test=np.array(is_test)[order] if num_test else None,
        is_kept=True,
    )
    description = "WHOI-Plankton: the largest classes, with equal numbers of images; see docs/data.md"
    return dataclasses.replace(source, description=description)


def list_classes(root: Path, name: str) -> dict[str, list[str]]:
    """Return class -> sorted paths of its image files relative to `root`, over all years; without `NO_TAXA`.

    Hidden files and folders and files in `root` itself are ignored. Raises InputError if there are no images, and for
    images in folders of several splits.
    """
    found: dict[str, list[str]] = {}
    omitted, splits = set(), {}

    def is_left_out(folder: str) -> bool:
        omitted.update([folder] if is_no_taxon(folder) else [])
        return is_no_taxon(folder)

    for path in find_files(root, is_left_out=is_left_out):
        *folders, file = path.split("/")
        if folders and file.lower().endswith(EXTENSIONS):
            found.setdefault(folders[-1], []).append(path)
            splits |= {word: folder for folder in folders if (word := find_split_word(folder))}
    if len(splits) > 1:
        raise InputError(
            f"{name}: expected images in folders YEAR/CLASS/ or CLASS/, found the splits {', '.join(splits.values())}; "
            f"set config.data.path to one of them, or use config.data.name=images, which reads splits"
        )
    if not found:
        others = f" except {', '.join(sorted(omitted))}" if omitted else ""
        raise InputError(
            f"{name}: expected images in folders YEAR/CLASS/ or CLASS/, found "
            f"{f'none{others}' if root.is_dir() else 'no such folder'}; unpack the years there or set config.data.path"
        )
    return {label: sorted(paths) for label, paths in sorted(found.items())}


def is_no_taxon(folder: str) -> bool:
    """Return True if `folder` matches one of `NO_TAXA`."""
    return any(fnmatch.fnmatchcase(folder.lower(), pattern) for pattern in NO_TAXA)


def check_class_images(data: ConfigDict) -> tuple[int, int]:
    """Return config.data.class_images as (training, test), (0, 0) for all. Raises InputError for anything else."""
    given = tuple(data.class_images)
    if not given:
        return 0, 0
    if len(given) != 2 or given[0] < 1 or given[1] < 0:
        raise InputError(
            f"config.data.class_images: expected (training images, test images) of each class, or () for all, "
            f"found {given}"
        )
    return given


def choose_classes(counts: dict[str, int], num_classes: int, class_images: tuple[int, int], name: str) -> list[str]:
    """Return the `num_classes` largest classes (0: all) that have at least the sum of `class_images`.

    Classes of equal size are in alphabetical order. counts: class -> number of images. Raises InputError, with the
    counts and values that are possible, if there are too few.
    """
    largest = sorted(counts, key=lambda label: (-counts[label], label))
    if not 0 <= num_classes <= len(largest):
        raise InputError(
            f"config.data.num_classes: expected 0 or at most the {len(largest)} classes in {name}, found {num_classes}"
        )
    enough = [label for label in largest if counts[label] >= sum(class_images)]
    wanted = num_classes or max(len(enough), 1)
    if len(enough) < wanted:
        smallest = counts[largest[wanted - 1]]
        num_test = smallest * class_images[1] // sum(class_images)
        listed = ", ".join(f"{label} {counts[label]}" for label in largest[: wanted + 2])
        raise InputError(
            f"config.data.class_images: expected {wanted} classes with at least {sum(class_images)} images in {name}, "
            f"found {len(enough)} ({listed}{', ...' if len(largest) > wanted + 2 else ''}); set it to "
            f"({smallest - num_test}, {num_test}) or less, or config.data.num_classes to {len(enough) or 1}"
        )
    return enough[:wanted]


def find_year(path: str) -> int:
    """Return the last folder of four digits above an image's class as a number; -1 without one."""
    years = [part for part in PurePosixPath(path).parts[:-2] if len(part) == 4 and part.isdigit()]
    return int(years[-1]) if years else -1
