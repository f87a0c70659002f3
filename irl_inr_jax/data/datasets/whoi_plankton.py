"""WHOI-Plankton: 3.4 million photographs of plankton in folders YEAR/CLASS/, of which ten balanced classes are taken.

The paper does not say which ten. Here they are the largest, without the folders that are no taxon; these and all other
images that do not take part are never opened.
"""

import fnmatch
import os
import zlib
from pathlib import Path, PurePosixPath

import numpy as np
from ml_collections import ConfigDict

from irl_inr_jax.data.assembly import make_source_dataset
from irl_inr_jax.data.readers.files_source import source_of_files
from irl_inr_jax.data.source import Source
from irl_inr_jax.data.subsets import make_rng
from irl_inr_jax.types import Dataset, InputError

NO_TAXA = ("mix", "mix_elongated", "detritus", "bad", "other*")  # folders of mixtures, debris and what is left over
_EXTENSIONS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")


def make_whoi_plankton(data: ConfigDict) -> Dataset:
    """The largest classes of WHOI-Plankton, as many images of each. Raises InputError."""
    return make_source_dataset(
        data, read_whoi_plankton(data), description="WHOI-Plankton: the largest classes, balanced; see docs/data.md"
    )


def read_whoi_plankton(data: ConfigDict) -> Source:
    """Images of config.data.path, or of config.data.root/whoi_plankton, called by their paths below it.

    The folder that an image lies in is its class, and a folder of four digits above that its year, a column (-1
    without one). Taken are the config.data.num_classes largest classes with images enough, and of each as many images
    as config.data.class_images says, for training and for testing, by a choice that depends on config.data.seed and on
    no other class. 0 classes are all that have enough, and class_images () all images, with no test split.

    Raises InputError if there are no such images, or too few classes with enough.
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
        # A stream for each class, so that what is taken of one does not depend on the others.
        order = make_rng(data.seed, zlib.crc32(label.encode())).permutation(len(found[label]))
        order = order[: num_train + num_test or None]
        paths += [found[label][row] for row in order]
        labels += [label] * len(order)
        is_test += (np.arange(len(order)) >= len(order) - num_test).tolist()
    order = np.argsort(paths)
    paths, labels = np.array(paths)[order], np.array(labels)[order]
    years = np.array([find_year(path) for path in paths])
    return source_of_files(
        name,
        root,
        list(paths),
        data=data,
        labels=labels,
        columns={"year": years} if (years >= 0).any() else {},
        test=np.array(is_test)[order] if num_test else None,
    )


def list_classes(root: Path, name: str) -> dict[str, list[str]]:
    """Class -> the paths below `root` of its image files, sorted, over all years; without `NO_TAXA`.

    Hidden files and folders are passed over, and so is what lies in `root` itself. Raises InputError for no images.
    """
    found: dict[str, list[str]] = {}
    left_out = set()
    for folder, subfolders, files in os.walk(root):
        kept = [sub for sub in subfolders if not sub.startswith(".") and not is_no_taxon(sub)]
        left_out |= {sub for sub in subfolders if is_no_taxon(sub)}
        subfolders[:] = kept
        relative = Path(folder).relative_to(root).as_posix()
        images = [file for file in files if file.lower().endswith(_EXTENSIONS) and not file.startswith(".")]
        if relative != "." and images:
            found.setdefault(PurePosixPath(relative).name, []).extend(f"{relative}/{file}" for file in images)
    if not found:
        besides = f" besides {', '.join(sorted(left_out))}" if left_out else ""
        raise InputError(
            f"{name}: expected images in folders YEAR/CLASS/ or CLASS/, found "
            f"{f'none{besides}' if root.is_dir() else 'no such folder'}; unpack the years there or set config.data.path"
        )
    return {label: sorted(paths) for label, paths in sorted(found.items())}


def is_no_taxon(folder: str) -> bool:
    """Whether a folder of this name is one of `NO_TAXA`."""
    return any(fnmatch.fnmatchcase(folder.lower(), pattern) for pattern in NO_TAXA)


def check_class_images(data: ConfigDict) -> tuple[int, int]:
    """config.data.class_images as (training, test), (0, 0) for all. Raises InputError for anything else."""
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
    """The `num_classes` largest classes, 0 for all, that have the sum of `class_images`; equals in alphabetical order.

    counts: class -> images. Raises InputError if there are not so many, with the counts and what would do.
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
    """The last folder of four digits above an image's class, as a number; -1 without one."""
    years = [part for part in PurePosixPath(path).parts[:-2] if len(part) == 4 and part.isdigit()]
    return int(years[-1]) if years else -1
