"""Which images take part: the test split, the excluded classes and the limits, each fixed by config.data.seed.

All three only take images away. What is left keeps its order, its id and its pose.
"""

import dataclasses
import enum

import jax
import numpy as np
from ml_collections import ConfigDict

from irl_inr_jax.data.labels import find_class
from irl_inr_jax.data.lazy import LazyImages
from irl_inr_jax.types import ImageSet, InputError


class Stream(enum.IntEnum):
    """What a draw from config.data.seed is for; the draws for one purpose do not depend on those for another."""

    SPLIT = 0
    TRAIN_LIMIT = 1
    TEST_LIMIT = 2
    TRAIN_POSE = 3
    TEST_POSE = 4
    SAMPLE = 5
    CLASS_LIMIT = 6
    WAFERS = 7
    GALAXIES = 8


def make_splits(
    data: ConfigDict, train: ImageSet, test: ImageSet | None, class_names: tuple[str, ...]
) -> tuple[ImageSet, ImageSet | None, tuple[str, ...]]:
    """The train and test part that `config.data` asks for, and the names of the classes that are left.

    Without a publisher's test split, `test_fraction` makes one. Then `exclude_classes` go, the others being numbered
    anew, and then all but `num_train` and `num_test` images. Whether an image is in the test split depends on neither,
    and a smaller limit takes a subset of what a larger one takes.

    Raises InputError for values of these keys that cannot be met or leave a split empty.
    """
    if not 0.0 <= data.test_fraction < 1.0:
        raise InputError(f"config.data.test_fraction: expected a share in [0, 1), found {data.test_fraction}")
    if test is None and data.test_fraction > 0.0:
        kept, held_out = split_rows(train, data.test_fraction, seed=data.seed)
        if len(kept) == 0 or len(held_out) == 0:
            raise InputError(
                f"config.data.test_fraction: expected a share that leaves images on both sides, found "
                f"{data.test_fraction} of {len(train.ids)} images"
            )
        train, test = take(train, kept), take(train, held_out)
    excluded = np.unique([find_class(wanted, class_names) for wanted in data.exclude_classes]).astype(np.int32)
    left = tuple(name for number, name in enumerate(class_names) if number not in excluded)
    train = choose_images(train, excluded, data.num_train, seed=data.seed, stream=Stream.TRAIN_LIMIT, key="num_train")
    if test is not None:
        test = choose_images(test, excluded, data.num_test, seed=data.seed, stream=Stream.TEST_LIMIT, key="num_test")
    return train, test, left


def split_rows(part: ImageSet, fraction: float, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows for training and rows for testing, each in increasing order; `fraction` of every class is for testing.

    A class is rounded to whole images and keeps at least one for training.
    """
    order = make_rng(seed, Stream.SPLIT).permutation(len(part.ids))
    labels = np.zeros(len(order), np.int32) if part.labels is None else part.labels
    held_out = np.zeros(len(order), bool)
    for number in np.unique(labels):
        members = order[labels[order] == number]
        held_out[members[: min(round(len(members) * fraction), len(members) - 1)]] = True
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def choose_images(part: ImageSet, excluded: np.ndarray, limit: int, *, seed: int, stream: int, key: str) -> ImageSet:
    """`part` without the classes `excluded`, and at most `limit` random images of it; 0 is all.

    The labels are renumbered to close the gaps. `key` is the limit's key in config.data.

    Raises InputError for a negative limit, and if nothing is left.
    """
    if limit < 0:
        raise InputError(f"config.data.{key}: expected a number of images, or 0 for all, found {limit}")
    # Drawn over the whole split, so that the choice among other classes does not depend on those excluded.
    order = make_rng(seed, stream).permutation(len(part.ids))
    if part.labels is not None and len(excluded):
        order = order[~np.isin(part.labels[order], excluded)]
    if len(order) == 0:
        raise InputError(
            f"config.data.exclude_classes: expected some of the {len(part.ids)} images to be left, found none"
        )
    chosen = take(part, np.sort(order[: limit or None]))
    if chosen.labels is None:
        return chosen
    labels = chosen.labels - np.searchsorted(excluded, chosen.labels).astype(np.int32)
    return dataclasses.replace(chosen, labels=labels)


def keep_classes(
    train: ImageSet, test: ImageSet | None, class_names: tuple[str, ...], num_classes: int
) -> tuple[ImageSet, ImageSet | None, tuple[str, ...]]:
    """Both splits with the `num_classes` classes alone that have the most training images; 0 keeps all.

    The first of two equally large classes is the larger one. Images without a label go as well. Raises InputError for
    more classes than there are.
    """
    if num_classes == 0:
        return train, test, class_names
    if num_classes > len(class_names):
        raise InputError(
            f"config.data.num_classes: expected 0 or at most the {len(class_names)} classes there are, found "
            f"{num_classes}"
        )
    counts = np.bincount(train.labels[train.labels >= 0], minlength=len(class_names))
    kept = np.sort(np.argsort(-counts, kind="stable")[:num_classes])

    def keep(part: ImageSet) -> ImageSet:
        left = take(part, np.flatnonzero(np.isin(part.labels, kept)))
        return dataclasses.replace(left, labels=np.searchsorted(kept, left.labels).astype(np.int32))

    return keep(train), None if test is None else keep(test), tuple(class_names[number] for number in kept)


def limit_classes(
    train: ImageSet, test: ImageSet | None, class_images: tuple[int, ...], *, seed: int
) -> tuple[ImageSet, ImageSet | None]:
    """At most class_images = (for training, for testing) random images of each class; () keeps all.

    Where the publisher made no test split the images for testing are taken from the others; a class with too few for
    both has fewer for testing. Raises InputError for other than two numbers, and for images without labels.
    """
    if not class_images:
        return train, test
    if len(class_images) != 2 or min(class_images) < 0 or class_images[0] < 1 or train.labels is None:
        raise InputError(
            f"config.data.class_images: expected (training images, test images) of each class, for images with labels, "
            f"found {class_images}{' and no labels' if train.labels is None else ''}"
        )
    num_train, num_test = class_images
    kept = random_of_classes(train.labels, num_train if test is not None else num_train + num_test, seed=seed)
    if test is not None:
        chosen = random_of_classes(test.labels, num_test, seed=seed)
        return take(train, np.sort(np.concatenate(kept))), take(test, np.sort(np.concatenate(chosen)))
    parts = [np.concatenate([rows[cut] for rows in kept]) for cut in (slice(num_train), slice(num_train, None))]
    return take(train, np.sort(parts[0])), take(train, np.sort(parts[1])) if len(parts[1]) else None


def random_of_classes(labels: np.ndarray, limit: int, *, seed: int) -> list[np.ndarray]:
    """For each class `limit` random rows of it at most, in random order. Images without a label are in none."""
    order = make_rng(seed, Stream.CLASS_LIMIT).permutation(len(labels))
    return [order[labels[order] == number][:limit] for number in np.unique(labels[labels >= 0])]


def take(part: ImageSet, rows: np.ndarray) -> ImageSet:
    """The images of `part` in `rows`, with all that belongs to them; images on disk stay there."""
    images = part.images
    return ImageSet(
        images=images.take(rows) if isinstance(images, LazyImages) else images[rows],
        ids=part.ids[rows],
        labels=None if part.labels is None else part.labels[rows],
        pose=jax.tree.map(lambda leaf: leaf[rows], part.pose),
        columns={name: values[rows] for name, values in part.columns.items()},
    )


def make_rng(seed: int, stream: int) -> np.random.Generator:
    """The random numbers of one purpose, independent of those of any other stream.

    NumPy's rather than JAX's: a data set must be the same on every accelerator. Raises InputError for a negative seed.
    """
    if seed < 0:
        raise InputError(f"config.data.seed: expected 0 or a positive whole number, found {seed}")
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(stream,)))
