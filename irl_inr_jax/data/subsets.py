"""Which images take part: the test split, the excluded classes and the limits, each fixed by config.data.seed.

All three only take images away. What is left keeps its order, its id and its pose.
"""

import jax
import numpy as np
from ml_collections import ConfigDict

from irl_inr_jax.data.labels import find_class
from irl_inr_jax.types import ImageSet, InputError

# Which of the independent random streams of config.data.seed a draw comes from.
_SPLIT_STREAM, _TRAIN_STREAM, _TEST_STREAM = 0, 1, 2


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
    train = choose_images(train, excluded, data.num_train, seed=data.seed, stream=_TRAIN_STREAM, key="num_train")
    if test is not None:
        test = choose_images(test, excluded, data.num_test, seed=data.seed, stream=_TEST_STREAM, key="num_test")
    return train, test, left


def split_rows(part: ImageSet, fraction: float, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows for training and rows for testing, each in increasing order; `fraction` of every class is for testing.

    A class is rounded to whole images and keeps at least one for training.
    """
    order = make_rng(seed, _SPLIT_STREAM).permutation(len(part.ids))
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
    return ImageSet(images=chosen.images, ids=chosen.ids, labels=labels, pose=chosen.pose)


def take(part: ImageSet, rows: np.ndarray) -> ImageSet:
    """The images of `part` in `rows`, with all that belongs to them."""
    return ImageSet(
        images=part.images[rows],
        ids=part.ids[rows],
        labels=None if part.labels is None else part.labels[rows],
        pose=jax.tree.map(lambda leaf: leaf[rows], part.pose),
    )


def make_rng(seed: int, stream: int) -> np.random.Generator:
    """The random numbers of one purpose, independent of those of any other stream.

    NumPy's rather than JAX's: a data set must be the same on every accelerator. Raises InputError for a negative seed.
    """
    if seed < 0:
        raise InputError(f"config.data.seed: expected 0 or a positive whole number, found {seed}")
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(stream,)))
