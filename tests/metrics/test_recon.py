import math

import numpy as np
import pytest

from irl_inr_jax.metrics.recon import mse, psnr


def test_a_constant_error_has_its_square_as_mse_and_a_closed_form_psnr():
    images = np.full((3, 4, 5, 1), 0.5, np.float32)
    assert mse(images, images + np.float32(0.1)) == pytest.approx(0.01, rel=1e-5)
    assert psnr(images, images - np.float32(0.1)) == pytest.approx(20, abs=1e-4)
    assert psnr(images, images + np.float32(0.01)) == pytest.approx(40, abs=1e-3)


def test_black_for_white_is_zero_decibel():
    assert psnr(np.zeros((1, 2, 2, 3)), np.ones((1, 2, 2, 3))) == pytest.approx(0)


def test_perfect_is_infinite():
    images = np.random.default_rng(0).random((2, 3, 3, 1))
    assert mse(images, images) == 0
    assert psnr(images, images.copy()) == math.inf


def test_psnr_is_of_the_mean_error_over_all_images():
    # One perfect image and one off by 0.2: mean squared error 0.02. The mean of their PSNRs would be infinite.
    images = np.zeros((2, 4, 4, 1))
    recons = images + np.array([0.0, 0.2])[:, None, None, None]
    assert psnr(images, recons) == pytest.approx(-10 * math.log10(0.02))


def test_errors_far_below_float32_resolution_of_the_sum_are_kept():
    images = np.zeros((64, 32, 32, 1), np.float32)
    recons = images + np.float32(1e-6)
    recons[0, 0, 0, 0] = 1.0
    assert mse(images, recons) == pytest.approx((1 + 65535e-12) / 65536, rel=1e-9)
