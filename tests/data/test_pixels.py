import numpy as np
import pytest

from irl_inr_jax.data.pixels import apply_orientation, as_pixels, check_stack_shape, composite_on_black, pixel_dtype
from irl_inr_jax.types import InputError

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("dtype", ["?", "u1", "<u2", ">u2"])
def test_types_that_are_unchanged(dtype):
    values = RNG.integers(0, 2 if dtype == "?" else 250, (2, 3)).astype(dtype)
    pixels = as_pixels(values, "here")
    assert pixels.dtype == values.dtype.newbyteorder("=") and pixels.dtype.isnative
    np.testing.assert_array_equal(pixels, values)


@pytest.mark.parametrize("dtype", ["i1", "<i2", ">i4", "i8", "u4", "f2", ">f4", "f8"])
def test_other_numbers_become_float32(dtype):
    values = RNG.integers(0, 100, (2, 3)).astype(dtype)
    pixels = as_pixels(values, "here")
    assert pixels.dtype == np.float32 and pixels.dtype.isnative
    np.testing.assert_array_equal(pixels, values)


@pytest.mark.parametrize(("dtype", "found"), [("c8", "type complex64"), ("U3", "type <U3"), ("O", "Python objects")])
def test_other_types_are_errors(dtype, found):
    with pytest.raises(InputError, match=f"^here: expected images of real numbers, found {found}"):
        pixel_dtype(np.dtype(dtype), "here")


def test_shapes_of_stacks():
    (
        check_stack_shape((1, 1, 1), "here"),
        check_stack_shape((5, 13, 14, 9), "here"),
        check_stack_shape((5, 3, 9, 3), "here"),
    )
    for shape, message in [
        ((6, 6), r"found an array of shape \(6, 6\)"),
        ((), r"found an array of shape \(\)"),
        ((0, 6, 6), r"expected at least one image"),
        ((9, 5, 32, 32), r"looks like \(N, c, h, w\)"),
        ((9, 32, 40, 64), r"looks like \(N, c, h, w\)"),
        ((9, 32, 32, 32), r"looks like \(N, c, h, w\)"),
        ((64, 48, 3), r"looks like one image \(h, w, c\); write all images to one array"),
        ((9, 3, 6, 6), r"looks like \(N, c, h, w\); move the channels last"),
    ]:
        with pytest.raises(InputError, match=message):
            check_stack_shape(shape, "here")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_opaque_pixels_are_unchanged_and_transparent_ones_black(dtype):
    full = 1.0 if dtype == np.float32 else np.iinfo(dtype).max
    colours = (RNG.random((4, 5, 3)) * full).astype(dtype)
    for alpha in (1.0, 0.0):
        composite = composite_on_black(colours, np.full((4, 5), full * alpha, dtype))
        assert composite.dtype == dtype
        np.testing.assert_array_equal(composite, colours * dtype(alpha))


def test_every_orientation_tag_is_undone():
    image = RNG.integers(0, 256, (4, 5, 3))
    # The stored image for each value: where the standard places its first row and first column.
    stored = {
        1: image,
        2: np.fliplr(image),
        3: np.rot90(image, 2),
        4: np.flipud(image),
        5: image.transpose(1, 0, 2),
        6: np.rot90(image),
        7: np.rot90(image, 2).transpose(1, 0, 2),
        8: np.rot90(image, -1),
    }
    for orientation, pixels in stored.items():
        np.testing.assert_array_equal(apply_orientation(pixels, orientation), image)
    np.testing.assert_array_equal(apply_orientation(image, 99), image)
