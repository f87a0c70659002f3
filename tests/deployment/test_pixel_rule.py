"""Values of new images: the same values in another type are recognised, other ranges are refused with both ranges."""

import numpy as np
import pytest

from irl_inr_jax.deployment.model_bundle import InputRule
from irl_inr_jax.deployment.pixel_rule import check_contrast, choose_conversion
from irl_inr_jax.types import Fit, InputError

FIT = Fit(8, 8, "area", np.zeros(1), False, False)
BYTES = InputRule("uint8", 1, (0.0, 255.0), (150.0, 255.0), FIT)
WORDS = InputRule("uint16", 1, (0.0, 4095.0), (2000.0, 4095.0), FIT)
DIES = InputRule("uint8", 1, (0.0, 2.0), (2.0, 2.0), FIT)
MASKS = InputRule("uint8", 1, (0.0, 1.0), (1.0, 1.0), FIT)
FLOATS = InputRule("float32", 1, (0.0, 1.0), (0.6, 1.0), FIT)
COUNTS = InputRule("float32", 1, (-3.0, 900.0), (200.0, 900.0), FIT)


def levels(greatest, dtype):
    """Six images whose values cover 0 ... greatest."""
    values = np.random.default_rng(0).integers(0, greatest + 1, (6, 8, 8, 1))
    values[:, 0, 0], values[:, 1, 1] = 0, greatest
    return values.astype(dtype)


def convert(rule, images):
    sample = list(images)
    function = choose_conversion(rule, sample)
    check_contrast(rule, sample, function)
    return function(images)


@pytest.mark.parametrize("rule", [BYTES, WORDS, DIES, MASKS], ids=["bytes", "words", "dies", "masks"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int64", "float32", "float64", "bool"])
def test_equal_integers_in_any_type_are_the_stored_values(rule, dtype):
    greatest = int(rule.values[1])
    if greatest > (1 if dtype == "bool" else np.iinfo(dtype).max if "int" in dtype else np.inf):
        pytest.skip("the type does not hold these values")
    converted = convert(rule, levels(greatest, dtype))
    assert converted.dtype == rule.dtype
    np.testing.assert_array_equal(converted, levels(greatest, rule.dtype))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("rule", "limit"), [(BYTES, 255), (WORDS, 65535)])
def test_integers_divided_by_the_largest_of_the_type_are_recognised_exactly(rule, limit, dtype):
    stored = levels(int(rule.values[1]), rule.dtype)
    np.testing.assert_array_equal(convert(rule, (stored / limit).astype(dtype)), stored)


def test_floats_are_taken_as_they_are():
    images = np.random.default_rng(0).random((6, 8, 8, 1))
    np.testing.assert_array_equal(convert(FLOATS, images), images.astype(np.float32))
    np.testing.assert_array_equal(convert(FLOATS, images > 0.5), (images > 0.5).astype(np.float32))
    assert convert(COUNTS, (900 * images).astype(np.uint16)).dtype == np.float32


@pytest.mark.parametrize(
    ("rule", "images", "found"),
    [
        (BYTES, np.random.default_rng(0).random((6, 8, 8, 1)), "float64 from 0.0"),
        (BYTES, levels(255, np.float32) - 128, "float32 from -128 to 127"),
        (BYTES, levels(1, np.uint8), "uint8 from 0 to 1"),
        (BYTES, levels(65535, np.uint16), "uint16 from 0 to 65535"),
        (BYTES, levels(255, np.float32) + 0.5, "float32 from 0.5 to 255.5"),
        (WORDS, levels(255, np.uint8), "uint8 from 0 to 255"),
        (DIES, levels(255, np.uint8), "uint8 from 0 to 255"),
        (DIES, levels(2, np.float32) / 2, "float32 from 0 to 1"),
        (FLOATS, levels(255, np.uint8), "uint8 from 0 to 255"),
        (FLOATS, levels(255, np.float32), "float32 from 0 to 255"),
        (COUNTS, levels(900, np.float32) / 900, "float32 from 0 to 1"),
    ],
)
def test_another_range_is_refused_with_both_ranges(rule, images, found):
    with pytest.raises(InputError) as error:
        convert(rule, images)
    low, high = rule.values
    assert f"expected {rule.dtype} images with values from {low:g} to {high:g}" in str(error.value)
    assert f"found {found}" in str(error.value) and "\n" not in str(error.value)


def test_values_that_the_sample_did_not_show_are_refused_too():
    function = choose_conversion(BYTES, list(levels(255, np.float32)))
    for bad in (np.nan, -1.0, 256.0, np.inf):
        with pytest.raises(InputError):
            function(np.full((2, 8, 8, 1), bad, np.float32))


def test_blank_and_faint_images_of_the_same_type_are_accepted():
    assert convert(BYTES, np.zeros((3, 8, 8, 1), np.uint8)).max() == 0
    assert convert(BYTES, levels(25, np.uint8)).max() == 25
