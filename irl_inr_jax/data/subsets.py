"""Selection of images: test split, classes and limits, all determined by config.data.seed.

Selection only removes images. The others keep their order, ids and poses.
"""

import dataclasses
import enum

import jax
import numpy as np
from ml_collections import ConfigDict

from irl_inr_jax.data.labels import find_class
from irl_inr_jax.data.lazy import LazyImages
from irl_inr_jax.types import ImageSet, InputError

NUM_SAMPLED = 1000  # images from which background is estimated, and the scaling of streamed images
SAMPLE_BYTES = 500_000_000  # of the images that are sampled at once, of which at least MIN_SAMPLED
MIN_SAMPLED = 20


class Stream(enum.IntEnum):
    """Random streams of config.data.seed; the numbers of one stream do not depend on those of another."""

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
    """Return the training and test images that `config.data` selects, and the names of the remaining classes.

    Without a test split, `test_fraction` makes one. Then `exclude_classes` are removed, the other classes are
    renumbered, and at most `num_train` and `num_test` images are kept. Which split contains an image depends on none of
    these, and a smaller limit selects a subset of what a larger one selects.

    Raises InputError for values of these keys that are impossible, have no effect or leave a split empty.
    """
    if not 0.0 <= data.test_fraction < 1.0:
        raise InputError(f"config.data.test_fraction: expected a share in [0, 1), found {data.test_fraction}")
    if test is not None and data.test_fraction > 0.0:
        raise InputError(
            f"config.data.test_fraction: expected 0 for images that have a test split already, found "
            f"{data.test_fraction}; leave it out"
        )
    if test is None and data.test_fraction > 0.0:
        kept, held_out = split_rows(train, data.test_fraction, seed=data.seed)
        if len(kept) == 0 or len(held_out) == 0:
            raise InputError(
                f"config.data.test_fraction: expected a share that leaves images in both splits, found "
                f"{data.test_fraction} of {len(train.ids)} images"
            )
        train, test = take(train, kept), take(train, held_out)
    if test is None and data.num_test:
        raise InputError(
            f"config.data.num_test: expected 0 for images without a test split, found {data.num_test}; leave it out or "
            f"make a split with config.data.test_fraction"
        )
    excluded = np.unique([find_class(wanted, class_names) for wanted in data.exclude_classes]).astype(np.int32)
    remaining = tuple(name for number, name in enumerate(class_names) if number not in excluded)
    train = choose_images(train, excluded, data.num_train, seed=data.seed, stream=Stream.TRAIN_LIMIT, key="num_train")
    if test is not None:
        test = choose_images(test, excluded, data.num_test, seed=data.seed, stream=Stream.TEST_LIMIT, key="num_test")
    return train, test, remaining


def split_rows(part: ImageSet, fraction: float, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of the training and of the test split, in increasing order.

    The test split has `fraction` of every class, rounded; at least one image of each class is for training.
    """
    order = make_rng(seed, Stream.SPLIT).permutation(len(part.ids))
    labels = np.zeros(len(order), np.int32) if part.labels is None else part.labels
    held_out = np.zeros(len(order), bool)
    for number in np.unique(labels):
        members = order[labels[order] == number]
        held_out[members[: min(round(len(members) * fraction), len(members) - 1)]] = True
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def choose_images(part: ImageSet, excluded: np.ndarray, limit: int, *, seed: int, stream: int, key: str) -> ImageSet:
    """Return `part` without the classes `excluded`, reduced to `limit` random images; 0 keeps all.

    Labels are renumbered to be consecutive. `key` is the key of the limit in config.data.

    Raises InputError for a negative limit and if no image remains.
    """
    if limit < 0:
        raise InputError(f"config.data.{key}: expected a number of images, or 0 for all, found {limit}")
    # Sampled over the whole split, so that the selection does not depend on the excluded classes.
    order = make_rng(seed, stream).permutation(len(part.ids))
    if part.labels is not None and len(excluded):
        order = order[~np.isin(part.labels[order], excluded)]
    if len(order) == 0:
        raise InputError(
            f"config.data.exclude_classes: expected some of the {len(part.ids)} images to remain, found none; exclude "
            f"fewer classes"
        )
    chosen = take(part, np.sort(order[: limit or None]))
    if chosen.labels is None:
        return chosen
    labels = chosen.labels - np.searchsorted(excluded, chosen.labels).astype(np.int32)
    return dataclasses.replace(chosen, labels=labels)


def keep_classes(
    train: ImageSet, test: ImageSet | None, class_names: tuple[str, ...], num_classes: int
) -> tuple[ImageSet, ImageSet | None, tuple[str, ...]]:
    """Return both splits reduced to the `num_classes` classes with the most training images; 0 keeps all.

    Of two equally large classes the first is preferred. Images without a label are removed. Raises InputError for more
    classes than there are.
    """
    if num_classes == 0:
        return train, test, class_names
    if train.labels is None or num_classes > len(class_names):
        raise InputError(
            f"config.data.num_classes: expected 0 or at most {len(class_names)}, the number of classes, found "
            f"{num_classes}"
        )
    counts = np.bincount(train.labels[train.labels >= 0], minlength=len(class_names))
    kept = np.sort(np.argsort(-counts, kind="stable")[:num_classes])

    def keep(part: ImageSet) -> ImageSet:
        assert part.labels is not None
        rows = np.flatnonzero(np.isin(part.labels, kept))
        labels = np.searchsorted(kept, part.labels[rows]).astype(np.int32)
        return dataclasses.replace(take(part, rows), labels=labels)

    return keep(train), None if test is None else keep(test), tuple(class_names[number] for number in kept)


def limit_classes(
    train: ImageSet, test: ImageSet | None, class_images: tuple[int, ...], *, seed: int
) -> tuple[ImageSet, ImageSet | None]:
    """Keep at most class_images = (training, test) random images of each class; () keeps all.

    Without a test split, the test images are taken from the others; a class that is too small for both has fewer test
    images. Raises InputError unless class_images are two numbers and the images have labels.
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
        assert test.labels is not None
        chosen = random_of_classes(test.labels, num_test, seed=seed)
        limited = take(train, np.sort(np.concatenate(kept)))
        return limited, take(test, np.sort(np.concatenate(chosen))) if num_test else None
    parts = [np.concatenate([rows[cut] for rows in kept]) for cut in (slice(num_train), slice(num_train, None))]
    return take(train, np.sort(parts[0])), take(train, np.sort(parts[1])) if len(parts[1]) else None


def random_of_classes(labels: np.ndarray, limit: int, *, seed: int) -> list[np.ndarray]:
    """Return at most `limit` random rows of each class, in random order; images without a label are in no class."""
    order = make_rng(seed, Stream.CLASS_LIMIT).permutation(len(labels))
    return [order[labels[order] == number][:limit] for number in np.unique(labels[labels >= 0])]


def take(part: ImageSet, rows: np.ndarray) -> ImageSet:
    """Return `part` reduced to `rows`, with ids, labels, poses and columns; lazy images are not read."""
    images = part.images
    return ImageSet(
        images=images.take(rows) if isinstance(images, LazyImages) else images[rows],
        ids=part.ids[rows],
        labels=None if part.labels is None else part.labels[rows],
        pose=jax.tree.map(lambda leaf: leaf[rows], part.pose),
        columns={name: values[rows] for name, values in part.columns.items()},
    )


def make_rng(seed: int, stream: int) -> np.random.Generator:
    """Return the generator of one random stream, independent of all other streams.

    It is NumPy's, so that a data set is the same on every accelerator. Raises InputError for a negative seed.
    """
    if seed < 0:
        raise InputError(f"config.data.seed: expected 0 or a positive integer, found {seed}")
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(stream,)))


def sample_row_indices(num_images: int, seed: int, *, most: int = NUM_SAMPLED) -> np.ndarray:
    """Return at most `most` random rows, in increasing order."""
    if num_images <= most:
        return np.arange(num_images)
    return np.sort(make_rng(seed, Stream.SAMPLE).choice(num_images, most, replace=False))


def sample_size(image_bytes: int, most: int) -> int:
    """Return how many images of this size are sampled at once: at most `most`, and `SAMPLE_BYTES` of them."""
    return min(most, max(MIN_SAMPLED, SAMPLE_BYTES // max(image_bytes, 1)))
