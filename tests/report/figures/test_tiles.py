"""Images as tiles of a figure."""

import numpy as np
import pytest

from irl_inr_jax.report.figures.tiles import choose_side, fit_image, tile_images, to_rgb


def test_three_channels_are_rgb_and_otherwise_the_first_is_grey():
    image = np.array([[[0.2, 0.4, 0.6, 0.8]]])
    np.testing.assert_array_equal(to_rgb(image[..., :1]), [[[51, 51, 51]]])
    np.testing.assert_array_equal(to_rgb(image[..., :3]), [[[51, 102, 153]]])
    np.testing.assert_array_equal(to_rgb(image[..., :2]), [[[51, 51, 51]]])
    np.testing.assert_array_equal(to_rgb(image), [[[51, 51, 51]]])


def test_values_are_clipped_and_nan_is_black():
    np.testing.assert_array_equal(to_rgb(np.array([[[-1.0], [2.0], [np.nan], [np.inf]]]))[0, :, 0], [0, 255, 0, 255])


@pytest.mark.parametrize("longer, expected", [(28, 84), (8, 80), (32, 96), (64, 64), (84, 84), (300, 84)])
def test_the_side_is_a_whole_multiple_of_smaller_images(longer, expected):
    assert choose_side(np.zeros((2, longer // 2, longer, 1)), target=84) == expected


def test_enlarging_repeats_pixels():
    image = np.random.default_rng(0).integers(0, 256, (7, 7, 3)) / 255
    np.testing.assert_array_equal(fit_image(image, 21), np.kron(255 * image, np.ones((3, 3, 1))).round())


def test_shrinking_averages_and_so_keeps_thin_lines():
    image = np.zeros((64, 64, 1))
    image[31] = 1
    assert fit_image(image, 16)[..., 0].sum(axis=0) == pytest.approx(64, abs=4)


def test_oblong_images_are_centred_on_white():
    cell = fit_image(np.zeros((2, 8, 1)), 16)
    np.testing.assert_array_equal(cell[6:10], np.zeros((4, 16, 3)))
    assert (np.delete(cell, range(6, 10), axis=0) == 255).all()


def test_tiles_are_in_row_order_and_missing_ones_are_white():
    images = np.array([0.0, 0.2, 0.4]).reshape(3, 1, 1, 1)
    tiled = tile_images(images, num_columns=2, side=1, gap=1)[..., 0]
    np.testing.assert_array_equal(tiled, [[0, 255, 51], [255, 255, 255], [102, 255, 255]])
