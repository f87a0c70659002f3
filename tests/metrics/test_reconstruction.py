import math

import numpy as np
import pytest

from irl_inr_jax.metrics.reconstruction import mse, psnr


def test_a_constant_error_has_its_square_as_mse_and_a_closed_form_psnr():
    images = np.full((3, 4, 5, 1), 0.5, np.float32)
    np.testing.assert_allclose(mse(images, images + np.float32(0.1)), np.full(3, 0.01), rtol=1e-5)
    assert psnr(mse(images, images - np.float32(0.1)), peak=1.0) == pytest.approx(20, abs=1e-4)
    assert psnr(mse(images, images + np.float32(0.01)), peak=1.0) == pytest.approx(40, abs=1e-3)


def test_black_in_place_of_white_is_zero_decibels():
    assert psnr(mse(np.zeros((1, 2, 2, 3)), np.ones((1, 2, 2, 3))), peak=1.0) == pytest.approx(0)


def test_a_perfect_reconstruction_has_infinite_psnr():
    images = np.random.default_rng(0).random((2, 3, 3, 1))
    assert psnr(mse(images, images.copy()), peak=1.0) == math.inf


def test_each_image_has_its_own_error_and_psnr_is_of_their_mean():
    # One perfect image and one off by 0.2: mean squared error 0.02. The mean of their PSNRs would be infinite.
    images = np.zeros((2, 4, 4, 1))
    errors = mse(images, images + np.array([0.0, 0.2])[:, None, None, None])
    np.testing.assert_allclose(errors, [0, 0.04])
    assert psnr(errors, peak=1.0) == pytest.approx(-10 * math.log10(0.02))


def test_errors_far_below_float32_resolution_of_the_sum_are_kept():
    images = np.zeros((1, 256, 256, 1), np.float32)
    recons = images + np.float32(1e-6)
    recons[0, 0, 0, 0] = 1.0
    assert mse(images, recons)[0] == pytest.approx((1 + 65535e-12) / 65536, rel=1e-9)


def test_a_wider_range_allows_errors_in_proportion():
    errors = np.array([0.04])
    assert psnr(errors, peak=2.0) == pytest.approx(psnr(errors / 4, peak=1.0)) == pytest.approx(20)
