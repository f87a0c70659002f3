"""Laws of resampling, and agreement with integrals computed pixel by pixel."""

import itertools

import numpy as np
import pytest

from irl_inr_jax.data.resize import METHODS, resize_image
from irl_inr_jax.types import InputError

RNG = np.random.default_rng(0)
DTYPES = (bool, np.uint8, np.uint16, np.float32)
SIZES = [((12, 12), (4, 6)), ((45, 48), (32, 32)), ((7, 9), (16, 11)), ((1, 5), (3, 2)), ((22, 15), (32, 32))]


def random_image(shape, dtype, channels=2):
    if dtype == np.float32:
        return RNG.normal(size=(*shape, channels)).astype(np.float32)
    return RNG.integers(0, 2 if dtype is bool else np.iinfo(dtype).max + 1, (*shape, channels)).astype(dtype)


def overlaps(old, new):
    """overlaps(old, new)[i, j]: the length of old pixel j under new pixel i, in units of the whole edge."""
    new_ends, old_ends = np.linspace(0, 1, new + 1), np.linspace(0, 1, old + 1)
    shared = np.zeros((new, old))
    for i, j in itertools.product(range(new), range(old)):
        shared[i, j] = min(new_ends[i + 1], old_ends[j + 1]) - max(new_ends[i], old_ends[j])
    return np.where(shared > 1e-9, shared, 0.0)


@pytest.mark.parametrize("method", METHODS)
def test_shape_type_and_range_are_kept(method):
    for dtype, (old, new) in itertools.product(DTYPES, SIZES):
        image = random_image(old, dtype)
        resized = resize_image(image, *new, method=method)
        assert resized.shape == (*new, 2) and resized.dtype == dtype
        assert resized.min() >= image.min() and resized.max() <= image.max()


@pytest.mark.parametrize("method", METHODS)
def test_a_constant_image_stays_constant(method):
    values = (True, np.uint8(255), np.uint8(101), np.uint16(65535), np.float32(0.1))
    for value, (old, new) in itertools.product(values, SIZES):
        resized = resize_image(np.full((*old, 1), value), *new, method=method)
        np.testing.assert_array_equal(resized, np.full((*new, 1), value))


@pytest.mark.parametrize("method", METHODS)
def test_equal_size_changes_nothing(method):
    for dtype in DTYPES:
        image = random_image((9, 13), dtype)
        np.testing.assert_array_equal(resize_image(image, 9, 13, method=method), image)


@pytest.mark.parametrize("method", METHODS)
def test_resizing_commutes_with_rotations_by_90_degrees_and_reflections(method):
    """With 'nearest' a new pixel's centre on a border is a tie; these sizes have none."""
    sizes = [((27, 45), (9, 15)), ((31, 17), (8, 10)), ((5, 7), (16, 16))]
    for dtype, (old, new) in itertools.product(DTYPES, sizes):
        image = random_image(old, dtype)
        resized = resize_image(image, *new, method=method)
        rotated = resize_image(np.rot90(image), new[1], new[0], method=method)
        reflected = resize_image(image[:, ::-1], *new, method=method)
        tolerance = 1e-6 if dtype == np.float32 else 0
        np.testing.assert_allclose(rotated, np.rot90(resized), rtol=0, atol=tolerance)
        np.testing.assert_allclose(reflected, resized[:, ::-1], rtol=0, atol=tolerance)


def test_area_is_the_integral_and_keeps_the_mean():
    for old, new in SIZES:
        image = random_image(old, np.float32)
        resized = resize_image(image, *new, method="area")
        rows, columns = overlaps(old[0], new[0]) * new[0], overlaps(old[1], new[1]) * new[1]
        expected = np.einsum("yh,xw,hwc->yxc", rows, columns, image.astype(np.float64))
        np.testing.assert_allclose(resized, expected, atol=1e-6)
        np.testing.assert_allclose(resized.mean((0, 1)), image.mean((0, 1)), atol=1e-6)


def test_max_is_the_largest_overlapping_value_and_at_least_area():
    for old, new in SIZES:
        image = random_image(old, np.uint8)
        resized = resize_image(image, *new, method="max")
        rows, columns = overlaps(old[0], new[0]) > 0, overlaps(old[1], new[1]) > 0
        expected = [[image[rows[i]][:, columns[j]].max((0, 1)) for j in range(new[1])] for i in range(new[0])]
        np.testing.assert_array_equal(resized, expected)
        assert (resized >= resize_image(image, *new, method="area")).all()


def test_whole_ratios_are_blocks():
    image = np.arange(16, dtype=np.uint8).reshape(4, 4, 1)
    blocks = image.reshape(2, 2, 2, 2)
    np.testing.assert_array_equal(resize_image(image, 2, 2, method="max")[..., 0], blocks.max((1, 3)))
    means = np.floor(blocks.mean((1, 3)) + 0.5)
    np.testing.assert_array_equal(resize_image(image, 2, 2, method="area")[..., 0], means)
    for method in METHODS:
        larger = resize_image(image, 8, 12, method=method)
        np.testing.assert_array_equal(larger, image.repeat(2, 0).repeat(3, 1))


def test_a_line_one_pixel_wide_survives_area_and_max():
    for row in range(45):
        image = np.zeros((45, 48, 1), np.uint8)
        image[row] = 255
        assert (resize_image(image, 32, 32, method="max").max(0) == 255).all()
        # Two new pixels may share it: the larger share is at least half of 32/45.
        assert (resize_image(image, 32, 32, method="area").max(0) >= 90).all()


def test_halves_are_rounded_up():
    image = np.array([[[0], [1]]])
    assert resize_image(image.astype(np.uint8), 1, 1, method="area")[0, 0, 0] == 1
    assert resize_image(image.astype(bool), 1, 1, method="area")[0, 0, 0]


def test_the_result_is_writable():
    image = random_image((6, 6), np.uint8)
    for method in METHODS:
        first = resize_image(image, 4, 4, method=method)
        kept = first.copy()
        first[:] = 0
        np.testing.assert_array_equal(resize_image(image, 4, 4, method=method), kept)


def test_unknown_methods_and_sizes_are_errors():
    image = random_image((6, 6), np.uint8)
    with pytest.raises(
        InputError, match=r"config\.data\.resampling: expected one of area, nearest, max; found 'cubic'"
    ):
        resize_image(image, 4, 4, method="cubic")
    with pytest.raises(InputError, match=r"config\.data\.resize: expected at least 1 pixel a side, found 0x4"):
        resize_image(image, 0, 4, method="area")
