import numpy as np
import pytest
from sklearn.datasets import load_digits

from irl_inr_jax.data.datasets import make_dataset
from irl_inr_jax.types import InputError


@pytest.fixture
def digits(data):
    def make(**keys):
        data.update(name="digits_u", canvas=24, translation_px=1.5)
        data.update(**keys)
        return make_dataset(data)

    return make


def rows_of(part):
    return np.array([int(name.removeprefix("digits/")) for name in part.ids])


def assert_same_images(some, others):
    """Images that are in both have the same pixels and pose."""
    _, left, right = np.intersect1d(some.ids, others.ids, return_indices=True)
    assert len(left) == min(len(some.ids), len(others.ids))
    np.testing.assert_array_equal(some.images[left], others.images[right])
    np.testing.assert_array_equal(some.pose.theta[left], others.pose.theta[right])
    np.testing.assert_array_equal(some.pose.tau[left], others.pose.tau[right])


def test_the_whole_set(digits):
    dataset = digits()
    assert dataset.train.images.shape == (1797, 24, 24, 1) and dataset.train.images.dtype == np.uint8
    assert dataset.test is None and dataset.class_names == tuple("0123456789")
    assert dataset.scaling[:3] == (1 / 255, 0.0, 0.0)
    np.testing.assert_array_equal(rows_of(dataset.train), np.arange(1797))
    np.testing.assert_array_equal(dataset.train.labels, load_digits().target)
    assert "24x24" in dataset.description and "1.5 px" in dataset.description


def test_the_ink_of_a_digit_stays_on_the_canvas(digits):
    dataset = digits(translation_px=0.0, canvas=32)
    ink = dataset.train.images.sum((1, 2, 3), dtype=np.int64)
    expected = load_digits().images.sum((1, 2)) * 255 / 16 * 4  # each pixel covers two by two
    np.testing.assert_allclose(ink, expected, rtol=0.05)


def test_the_pose_of_an_image_does_not_depend_on_the_selection(digits):
    whole = digits().train
    assert_same_images(digits(num_train=30).train, whole)
    assert_same_images(digits(num_train=30, exclude_classes=(9, 0)).train, whole)
    held_out = digits(test_fraction=0.3, num_train=0, exclude_classes=())
    assert_same_images(held_out.train, whole)
    assert_same_images(held_out.test, whole)


def test_the_seed_determines_the_poses(digits):
    first, again, other = (digits(num_train=40, seed=seed).train for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.images, again.images)
    assert list(first.ids) == list(again.ids) and not np.isin(first.pose.theta, other.pose.theta).any()


def test_split_and_excluded_class(digits):
    dataset = digits(test_fraction=0.2, exclude_classes=(3,))
    target = load_digits().target
    assert dataset.class_names == ("0", "1", "2", "4", "5", "6", "7", "8", "9")
    for part in (dataset.train, dataset.test):
        names = [int(dataset.class_names[label]) for label in part.labels]
        np.testing.assert_array_equal(names, target[rows_of(part)])
    sizes = np.bincount(target)[[0, 1, 2, 4, 5, 6, 7, 8, 9]]
    np.testing.assert_allclose(np.bincount(dataset.test.labels), 0.2 * sizes, atol=0.5)


def test_canvas_0_is_the_enlarged_digit_and_a_smaller_one_is_an_error(digits):
    assert digits(canvas=0, num_train=5).train.images.shape == (5, 16, 16, 1)
    with pytest.raises(InputError, match=r"config\.data\.canvas: expected 0 or at least 16 for digits_u, found 15"):
        digits(canvas=15)
