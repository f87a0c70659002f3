"""Reconstruction errors."""

import math

import numpy as np
from jaxtyping import Float


def mse(images: Float[np.ndarray, "n h w c"], recons: Float[np.ndarray, "n h w c"]) -> Float[np.ndarray, "n"]:
    """Compute the mean squared error over pixels and channels of each image."""
    return np.mean((images.astype(np.float64) - recons) ** 2, axis=(1, 2, 3))


def psnr(errors: Float[np.ndarray, "n"], *, peak: float) -> float:
    """Compute the peak signal-to-noise ratio in dB, -10 log10(MSE / peak^2), of the mean squared error of all images.

    peak: range of the pixel values. Infinite for perfect reconstructions. The mean of PSNRs of single images is not
    used, since a blank image with a perfect reconstruction makes it infinite.
    """
    error = float(errors.mean())
    return -10 * math.log10(error / peak**2) if error > 0 else math.inf
