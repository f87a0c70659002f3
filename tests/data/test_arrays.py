import numpy as np
import pytest

from irl_inr_jax.data.arrays import make_image_dataset, make_image_set, row_ids
from irl_inr_jax.types import InputError

RNG = np.random.default_rng(0)


def image_set(images, ids=None, labels=None, side=0):
    ids = row_ids("a", len(images)) if ids is None else ids
    return make_image_set(images, ids, labels, source="config.data.path (x)", side=side)


def dataset(train, test=None):
    parts = image_set(train), None if test is None else image_set(test)
    return make_image_dataset("a", *parts, class_names=(), description="d", source="config.data.path (x)")


@pytest.mark.parametrize("shape", [(3, 8, 8), (3, 8, 8, 1), (3, 8, 8, 3), (3, 8, 8, 5)])
def test_images_of_any_number_of_channels_keep_their_pixels(shape):
    images = RNG.integers(0, 256, shape, dtype=np.uint8)
    stored = image_set(images).images
    assert stored.dtype == np.uint8 and stored.ndim == 4
    np.testing.assert_array_equal(stored.reshape(shape), images)


@pytest.mark.parametrize(("height", "width"), [(5, 9), (9, 5), (4, 9)])
def test_oblong_images_are_bordered_and_not_stretched(height, width):
    images = RNG.integers(1, 256, (2, height, width), dtype=np.uint8)
    stored = image_set(images).images[..., 0]
    assert stored.shape == (2, 9, 9)
    rows, columns = np.nonzero(stored[0])
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (height, width)
    assert abs((rows.min() + rows.max()) / 2 - 4) <= 0.5 and abs((columns.min() + columns.max()) / 2 - 4) <= 0.5
    np.testing.assert_array_equal(stored[stored > 0], images.ravel())


def test_a_side_larger_than_the_images_centres_them_and_a_smaller_one_is_an_error():
    images = RNG.integers(1, 256, (2, 8, 8), dtype=np.uint8)
    np.testing.assert_array_equal(image_set(images, side=12).images[:, 2:10, 2:10, 0], images)
    assert image_set(images, side=12).images.sum() == images.sum()
    with pytest.raises(InputError, match=r"config\.data\.canvas: expected 0 or at least 8 .*found 7"):
        image_set(images, side=7)


@pytest.mark.parametrize(
    ("images", "stored_as", "scale", "offset"),
    [
        (np.array([0, 7, 255], np.uint8), np.uint8, 1 / 255, 0.0),
        (np.array([0, 300, 65535], np.uint16), np.uint16, 1 / 65535, 0.0),
        (np.array([0, 300, 65535], ">u2"), np.uint16, 1 / 65535, 0.0),
        (np.array([False, True, True]), np.uint8, 1.0, 0.0),
        (np.array([0.1, 0.5, 1.0], np.float64), np.float32, 1.0, 0.0),
        (np.array([0.1, 0.5, 1.0], np.float16), np.float32, 1.0, 0.0),
        (np.array([-1.0, 0.0, 3.0], ">f4"), np.float32, 0.25, 0.25),
        (np.array([-100, 0, 100], np.int16), np.float32, 1 / 200, 0.5),
        (np.array([0, 128, 256], np.int64), np.float32, 1 / 256, 0.0),
    ],
)
def test_stored_pixels_scale_into_the_unit_interval(images, stored_as, scale, offset):
    result = dataset(images.reshape(3, 1, 1))
    assert result.train.images.dtype == stored_as and result.train.images.dtype.isnative
    np.testing.assert_array_equal(result.train.images.ravel().astype(np.float64), images.astype(np.float32))
    assert (result.scale, result.offset) == pytest.approx((scale, offset))
    unit = result.train.images * result.scale + result.offset
    assert unit.min() >= 0.0 and unit.max() <= 1.0


def test_the_border_of_images_far_from_zero_lies_in_the_unit_interval_too():
    result = dataset(RNG.uniform(50.0, 60.0, (2, 3, 5)))
    unit = result.train.images * result.scale + result.offset
    assert unit.min() == pytest.approx(0.0, abs=1e-6) and unit.max() == pytest.approx(1.0, abs=1e-6)


def test_the_scaling_is_that_of_the_train_part():
    result = dataset(np.array([0.0, 4.0]).reshape(2, 1, 1), np.array([2.0, 8.0]).reshape(2, 1, 1))
    np.testing.assert_allclose(result.test.images.ravel() * result.scale + result.offset, [0.5, 2.0])


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((4, 4)), r"expected images of shape \(N, h, w\) or \(N, h, w, c\), found an array of shape \(4, 4\)"),
        (np.zeros((1, 2, 4, 4, 1)), r"found an array of shape \(1, 2, 4, 4, 1\)"),
        (np.zeros((0, 4, 4)), r"at least one image, found an array of shape \(0, 4, 4\)"),
        (np.zeros((7, 3, 28, 28)), r"found \(7, 3, 28, 28\), which looks like \(N, c, h, w\).*transpose\(0, 2, 3, 1\)"),
        (np.zeros((2, 4, 4), complex), r"expected images of real numbers, found type complex128"),
        (np.full((2, 4, 4), "a"), r"expected images of real numbers, found type <U1"),
    ],
)
def test_what_is_no_stack_of_images_is_an_error(images, message):
    with pytest.raises(InputError, match=r"^config\.data\.path \(x\): .*" + message):
        image_set(images)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e300])
def test_numbers_that_are_not_finite_are_counted_and_the_first_is_named(bad):
    images = np.zeros((6, 4, 4))
    images[[2, 5], 1, 1] = bad
    with pytest.raises(InputError, match=r"NaN or infinity in 2 of 6 images, first in a/00002"):
        image_set(images)


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (np.array(["a", "b"]), r"expected 3 ids .*found shape \(2,\)"),
        (np.array([0.1, 0.2, 0.3]), r"found shape \(3,\) and type float64"),
        (np.array(["a", "b", "b"]), r"without repeats, found 'b' more than once"),
    ],
)
def test_ids_that_do_not_tell_the_images_apart_are_an_error(ids, message):
    with pytest.raises(InputError, match=message):
        image_set(np.zeros((3, 4, 4)), ids=ids)


def test_ids_that_are_numbers_become_strings():
    assert list(image_set(np.zeros((2, 4, 4)), ids=np.array([17, 4])).ids) == ["17", "4"]


def test_labels_of_another_length_are_an_error():
    with pytest.raises(InputError, match="one label for each of the 3 images, found 4"):
        image_set(np.zeros((3, 4, 4)), labels=np.zeros(4, np.int32))


def test_images_without_variation_are_an_error_though_one_blank_image_is_not():
    with pytest.raises(InputError, match=r"something on them, found 7 at every pixel of all 3 training images"):
        dataset(np.full((3, 4, 4), 7, np.uint8))
    images = np.zeros((3, 4, 4), np.uint8)
    images[1, 2, 2] = 9
    assert dataset(images).train.images.max() == 9


@pytest.mark.parametrize(
    "test", [np.ones((2, 5, 5), np.uint8), np.ones((2, 4, 4), np.uint16), np.ones((2, 4, 4, 3), np.uint8)]
)
def test_a_test_split_of_another_kind_is_an_error(test):
    with pytest.raises(InputError, match=r"expected test images like the training images, uint8 of shape \(4, 4, 1\)"):
        dataset(np.eye(4, dtype=np.uint8)[None], test)
