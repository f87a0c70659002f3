import numpy as np
import pytest

from irl_inr_jax.data.scaling import find_scaling
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


def test_a_bright_ground_becomes_0_and_ink_1():
    found, unit = scale(images_of(250, 0, 125), background=250.0)
    np.testing.assert_allclose(unit, [0, 1, 0.5])
    assert found.low == 0 and found.scale < 0 and "bright ground made dark" in found.description


def test_values_on_both_sides_of_the_ground_keep_their_sign():
    found, unit = scale(images_of(-3.0, 1.0, 5.0, dtype=np.float32), background=1.0)
    np.testing.assert_allclose(unit, [-1, 0, 1], atol=1e-7)
    assert found.low == -1
    _, uneven = scale(images_of(-3.0, 0.0, 5.0, dtype=np.float32))
    np.testing.assert_allclose(uneven, [-0.6, 0, 1], atol=1e-7)


def test_a_sliver_of_the_type_is_stretched_unless_the_type_is_asked_for():
    twelve_bits = images_of(0, 2048, 4095, dtype=np.uint16)
    np.testing.assert_allclose(scale(twelve_bits)[1], [0, 2048 / 4095, 1])
    np.testing.assert_allclose(scale(twelve_bits, mode="type")[1], np.array([0, 2048, 4095]) / 65535)
    np.testing.assert_allclose(scale(images_of(0, 1, 2))[1], [0, 0.5, 1])


def test_floats_between_0_and_1_stay_as_they_are():
    found, unit = scale(images_of(0.0, 0.3, 0.9, dtype=np.float32))
    np.testing.assert_allclose(unit, [0, 0.3, 0.9], atol=1e-7)
    assert found.scale == 1


def test_percentiles_are_not_moved_by_stray_pixels():
    values = np.linspace(-1, 1, 20_001, dtype=np.float32).reshape(1, 1, -1, 1)
    values[0, 0, 0], values[0, 0, -1] = -1000, 1000
    assert scale(values, mode="percentiles")[0].scale == pytest.approx(1 / 0.998, rel=1e-3)
    assert scale(values, mode="extremes")[0].scale == pytest.approx(1e-3)


def test_images_without_variation_are_refused():
    with pytest.raises(InputError, match=r"x: expected images with something on them, found 7 at every pixel"):
        scale(images_of(7, 7, 7))


def test_dark_particles_can_be_made_bright_where_both_sides_mean_something():
    found, unit = scale(images_of(-4.0, 0.0, 2.0, dtype=np.float32), invert=True)
    np.testing.assert_allclose(unit, [1, 0, -0.5], atol=1e-7)
    assert found.low == -1 and "inverted" in found.description
    with pytest.raises(InputError, match=r"config\.data\.invert: expected False"):
        scale(images_of(0, 255), invert=True)
