import numpy as np
import pytest

from irl_inr_jax.data.fitting import Fit, border_medians, fit_images, inside_circle

RNG = np.random.default_rng(0)


def fit_of(background, **changed):
    kept = {"side": 0, "out_side": 8, "resampling": "area", "level": False, "circle": False}
    return Fit(**(kept | changed), background=np.atleast_1d(np.asarray(background, float)))


def test_an_image_of_the_right_size_is_unchanged():
    images = RNG.integers(0, 256, (3, 8, 8, 2), np.uint8)
    np.testing.assert_array_equal(fit_images(images, fit_of([0, 0], side=8)), images)


def test_shorter_sides_are_padded_with_background_and_not_stretched():
    image = RNG.integers(0, 200, (4, 6, 1), np.uint8)
    (fitted,) = fit_images([image], fit_of(250, side=8))
    np.testing.assert_array_equal(fitted[2:6, 1:7], image)
    around = np.ones((8, 8, 1), bool)
    around[2:6, 1:7] = False
    assert (fitted[around] == 250).all()


def test_a_common_scale_keeps_relative_sizes_and_side_0_fills_the_square():
    large, small = np.full((16, 16, 1), 9, np.uint8), np.full((8, 8, 1), 9, np.uint8)
    kept = fit_images([large, small], fit_of(0, side=16))
    assert (kept[0] == 9).all() and (kept[1] == 9).sum() == 16
    filled = fit_images([large, small], fit_of(0))
    assert (filled == 9).all()


def test_levelling_equalizes_borders_and_keeps_differences():
    image = np.full((8, 8, 1), 100, np.uint8)
    image[3:5, 3:5] = 40
    levelled = fit_images(np.stack([image, image + 30]), fit_of(120, side=8, level=True))
    np.testing.assert_array_equal(levelled[0], levelled[1])
    assert levelled[0, 0, 0, 0] == 120 and levelled[0, 3, 3, 0] == 60
    brightest = fit_images(image[None], fit_of(255, side=8, level=True))
    assert brightest.dtype == np.uint8 and brightest[0, 3, 3, 0] == 195


def test_outside_the_circle_is_background():
    images = RNG.normal(size=(2, 9, 9, 1)).astype(np.float32)
    fitted = fit_images(images, fit_of(0.5, side=9, out_side=9, circle=True))
    inside = inside_circle(9)
    np.testing.assert_array_equal(fitted[:, inside], images[:, inside])
    assert (fitted[:, ~inside] == 0.5).all()
    np.testing.assert_array_equal(inside, np.rot90(inside))
    assert not inside[0, 0] and inside[0, 4]


@pytest.mark.parametrize("channels", [1, 3])
def test_the_border_median_ignores_objects_that_touch_the_border(channels):
    images = np.full((1, 10, 10, channels), 7, np.uint8)
    images[:, 2:8] = 200
    np.testing.assert_array_equal(border_medians(images), [[7] * channels])
