import numpy as np
import pytest

from irl_inr_jax.data.scaling import find_scaling, to_display, to_unit
from irl_inr_jax.types import InputError


def images_of(*values, dtype=np.uint8):
    return np.array(values, dtype).reshape(1, 1, len(values), 1)


def scale(images, mode="auto", background=0.0, invert=False):
    found = find_scaling(images, mode=mode, background=background, source="x", invert=invert)
    return found, np.asarray(images, np.float64).ravel() * found.scale + found.offset


def test_eight_bits_on_black_are_their_share_of_255():
    found, unit = scale(images_of(0, 51, 200))
    np.testing.assert_allclose(unit, [0, 0.2, 200 / 255])
    assert found.low == 0 and (found.scale, found.offset) == (1 / 255, 0)


def test_a_bright_background_becomes_0_and_dark_ink_1():
    found, unit = scale(images_of(250, 0, 125), background=250.0)
    np.testing.assert_allclose(unit, [0, 1, 0.5])
    assert found.low == 0 and found.scale < 0 and "bright background becomes 0" in found.description


def test_values_on_both_sides_of_the_background_keep_their_sign():
    found, unit = scale(images_of(-3.0, 1.0, 5.0, dtype=np.float32), background=1.0)
    np.testing.assert_allclose(unit, [-1, 0, 1], atol=1e-7)
    assert found.low == -1
    _, uneven = scale(images_of(-3.0, 0.0, 5.0, dtype=np.float32))
    np.testing.assert_allclose(uneven, [-0.6, 0, 1], atol=1e-7)


def test_a_small_part_of_the_range_is_stretched_unless_type_is_configured():
    twelve_bits = images_of(0, 2048, 4095, dtype=np.uint16)
    np.testing.assert_allclose(scale(twelve_bits)[1], [0, 2048 / 4095, 1])
    np.testing.assert_allclose(scale(twelve_bits, mode="type")[1], np.array([0, 2048, 4095]) / 65535)
    np.testing.assert_allclose(scale(images_of(0, 1, 2))[1], [0, 0.5, 1])


def test_floats_between_0_and_1_are_unchanged():
    found, unit = scale(images_of(0.0, 0.3, 0.9, dtype=np.float32))
    np.testing.assert_allclose(unit, [0, 0.3, 0.9], atol=1e-7)
    assert found.scale == 1


def test_percentiles_ignore_outliers():
    values = np.linspace(-1, 1, 20_001, dtype=np.float32).reshape(1, 1, -1, 1)
    values[0, 0, 0], values[0, 0, -1] = -1000, 1000
    assert scale(values, mode="percentiles")[0].scale == pytest.approx(1 / 0.998, rel=1e-3)
    assert scale(values, mode="extremes")[0].scale == pytest.approx(1e-3)


def test_images_without_variation_are_refused():
    with pytest.raises(InputError, match=r"x: expected images with some variation, found 7 at every pixel"):
        scale(images_of(7, 7, 7))


def test_invert_reverses_the_sign_of_values_on_both_sides_of_the_background():
    found, unit = scale(images_of(-4.0, 0.0, 2.0, dtype=np.float32), invert=True)
    np.testing.assert_allclose(unit, [1, 0, -0.5], atol=1e-7)
    assert found.low == -1 and "inverted" in found.description
    with pytest.raises(InputError, match=r"config\.data\.invert: expected False"):
        scale(images_of(0, 255), invert=True)


def test_unit_and_display_values_of_every_kind_of_background():
    for stored, background in (((0, 51, 255), 0.0), ((0, 51, 255), 255.0), ((0, 128, 255), 128.0)):
        images = images_of(*stored)
        found, unit = scale(images, background=background)
        np.testing.assert_allclose(np.ravel(to_unit(found, images)), unit, atol=1e-6)
        shown = np.ravel(to_display(found, to_unit(found, images)))
        assert (np.diff(shown) > 0).all() and shown.min() >= -1e-6 and shown.max() <= 1 + 1e-6


def maps(*, stray=None, num_strays=1, dtype=np.int32):
    """Wafer maps of 0, 1 and 2 with a few dies of another value."""
    values = np.zeros((12, 52, 52, 1), dtype)
    values[:, 6:46, 6:46] = 1
    values[:, 10:12, 10:40] = 2
    if stray is not None:
        values[0, 20, 20 : 20 + num_strays] = stray
    return values


@pytest.mark.parametrize(("stray", "dtype"), [(3, np.int32), (255, np.uint8), (-999, np.int16), (7, np.float32)])
def test_a_stray_category_does_not_rescale_the_others(stray, dtype):
    for mode in ("auto", "extremes"):
        found, _ = scale(maps(stray=stray, dtype=dtype), mode=mode)
        np.testing.assert_allclose(np.asarray(to_unit(found, np.array([0, 1, 2], dtype))), [0, 0.5, 1], atol=1e-7)
        assert found.low == 0 and "without 1 pixel beyond 0 to 2" in found.description


def test_frequent_categories_and_photographs_are_scaled_as_before():
    assert scale(maps(stray=3, num_strays=20))[0].scale == pytest.approx(1 / 3)
    assert "without" not in scale(maps())[0].description
    rare_of_two = np.zeros((10, 50, 50, 1), np.uint8)
    rare_of_two[:, 5:40, 5:40] = 1
    rare_of_two[0, 20, 20] = 2  # two values are not enough to tell a rare category from an error
    assert scale(rare_of_two)[0].scale == pytest.approx(1 / 2)
    photographs = np.random.default_rng(0).integers(0, 100, (9, 50, 50, 1), dtype=np.uint16)
    photographs[0, 0, 0] = 5000
    assert scale(photographs)[0].scale == pytest.approx(1 / 5000)
