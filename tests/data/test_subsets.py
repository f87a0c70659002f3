import itertools

import numpy as np
import pytest

from irl_inr_jax.data.subsets import make_rng, make_splits
from irl_inr_jax.types import ImageSet, InputError, Pose

NAMES = tuple("abcd")


def numbered(count, labels=True, prefix="x"):
    """Images, ids and poses that all contain their row number, so that a mismatch shows."""
    rows = np.arange(count)
    return ImageSet(
        images=rows.astype(np.float32)[:, None, None, None],
        ids=np.array([f"{prefix}{row}" for row in rows]),
        labels=(rows % 4).astype(np.int32) if labels else None,
        pose=Pose(theta=rows.astype(np.float32), tau=np.stack([rows, -rows], 1).astype(np.float32)),
    )


def rows_of(part):
    """The rows that a part came from, after checking that ids and poses match and the order is kept."""
    rows = part.images.ravel().astype(int)
    assert [name[1:] for name in part.ids] == [str(row) for row in rows]
    np.testing.assert_array_equal(part.pose.theta, rows)
    np.testing.assert_array_equal(part.pose.tau, np.stack([rows, -rows], 1))
    assert (np.diff(rows) > 0).all()
    return rows


def splits(data, train, test=None, names=NAMES, **keys):
    data.update(**keys)
    return make_splits(data, train, test, names)


def test_by_default_everything_stays(data):
    train, test, names = splits(data, numbered(10), numbered(6))
    assert len(rows_of(train)) == 10 and len(rows_of(test)) == 6 and names == NAMES
    np.testing.assert_array_equal(train.labels, np.arange(10) % 4)
    assert splits(data, numbered(10))[1] is None


def test_limits_take_that_many_and_larger_ones_contain_smaller_ones(data):
    rows = [rows_of(splits(data, numbered(100), num_train=limit)[0]) for limit in (5, 20, 100, 1000)]
    assert [len(chosen) for chosen in rows] == [5, 20, 100, 100]
    assert all(set(small) < set(large) for small, large in itertools.pairwise(rows[:3]))
    train, test, _ = splits(data, numbered(100), numbered(100), num_train=30, num_test=30)
    assert set(rows_of(train)) != set(rows_of(test))


def test_a_subset_is_fixed_by_the_seed(data):
    first, again = (rows_of(splits(data, numbered(100), num_train=20)[0]) for _ in range(2))
    other = rows_of(splits(data, numbered(100), num_train=20, seed=1)[0])
    np.testing.assert_array_equal(first, again)
    assert set(first) != set(other)


def test_excluded_classes_are_removed_and_the_others_renumbered(data):
    train, test, names = splits(data, numbered(40), numbered(8), exclude_classes=("b", 3))
    assert names == ("a", "c")
    for part in (train, test):
        rows = rows_of(part)
        assert set(rows % 4) == {0, 2} and len(rows) == len(part.labels)
        np.testing.assert_array_equal([names[label] for label in part.labels], [NAMES[row % 4] for row in rows])
        assert part.labels.dtype == np.int32
    assert len(train.ids) == 20


def test_the_random_order_of_images_does_not_depend_on_excluded_classes(data):
    everything = rows_of(splits(data, numbered(100), num_train=40)[0])
    without = rows_of(splits(data, numbered(100), num_train=25, exclude_classes=("d",))[0])
    assert len(without) == 25 and (without % 4 != 3).all()
    assert set(without) <= set(everything[everything % 4 != 3]) or set(everything[everything % 4 != 3]) <= set(without)


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5])
def test_a_split_has_its_share_of_every_class(data, fraction):
    train, test, _ = splits(data, numbered(160), test_fraction=fraction)
    assert sorted([*rows_of(train), *rows_of(test)]) == list(range(160))
    np.testing.assert_array_equal(np.bincount(test.labels), [round(40 * fraction)] * 4)


def test_a_split_without_labels_has_its_share_of_all_images(data):
    train, test, _ = splits(data, numbered(50, labels=False), names=(), test_fraction=0.2)
    assert len(rows_of(test)) == 10 and len(rows_of(train)) == 40 and test.labels is None


def test_the_split_depends_on_neither_limits_nor_excluded_classes(data):
    _, whole, _ = splits(data, numbered(160), test_fraction=0.25)
    train, test, _ = splits(data, numbered(160), num_train=30, num_test=10, exclude_classes=("a",))
    assert set(test.ids) < set(whole.ids) and not set(train.ids) & set(whole.ids)


def test_a_class_keeps_an_image_for_training(data):
    lone = numbered(5)  # class a has two images, every other one
    train, _, _ = splits(data, lone, test_fraction=0.9)
    assert set(train.labels) == {0, 1, 2, 3}


def test_options_without_effect_are_errors(data):
    with pytest.raises(InputError, match=r"test_fraction: expected 0 for images that have a test split .*found 0\.5"):
        splits(data, numbered(40), numbered(8, prefix="y"), test_fraction=0.5)
    with pytest.raises(InputError, match=r"num_test: expected 0 for images without a test split, found 3"):
        splits(data, numbered(40), test_fraction=0.0, num_test=3)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"num_train": -1}, "config.data.num_train: expected a number of images, or 0 for all, found -1"),
        ({"num_test": -5, "test_fraction": 0.5}, "config.data.num_test: .*found -5"),
        ({"test_fraction": 1.0}, r"config.data.test_fraction: expected a share in \[0, 1\), found 1.0"),
        ({"test_fraction": -0.1}, "config.data.test_fraction: .*found -0.1"),
        ({"test_fraction": 0.01}, "leaves images in both splits, found 0.01 of 8 images"),
        ({"exclude_classes": ("e",)}, "config.data.exclude_classes: expected classes among a, b, c, d; found 'e'"),
        ({"exclude_classes": NAMES}, "expected some of the 8 images to remain, found none"),
        ({"seed": -3}, "config.data.seed: .*found -3"),
    ],
)
def test_impossible_options_are_errors(data, keys, message):
    with pytest.raises(InputError, match=message):
        splits(data, numbered(8), **keys)


def test_streams_of_one_seed_and_seeds_of_one_stream_differ():
    draws = {make_rng(seed, stream).integers(1 << 60) for seed in range(3) for stream in range(3)}
    assert len(draws) == 9
    assert make_rng(1, 2).integers(1 << 60) in draws
