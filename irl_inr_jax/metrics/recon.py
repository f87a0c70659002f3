"""How close reconstructions are to their images. Pixels are in [0, 1]."""

import math

import numpy as np
from jaxtyping import Float


def mse(images: Float[np.ndarray, "n h w c"], recons: Float[np.ndarray, "n h w c"]) -> float:
    """Mean squared error over images, pixels and channels."""
    return float(np.mean((images.astype(np.float64) - recons) ** 2))


def psnr(images: Float[np.ndarray, "n h w c"], recons: Float[np.ndarray, "n h w c"]) -> float:
    """Peak signal-to-noise ratio in dB, of the mean squared error over all images: -10 log10(MSE), peak 1.

    It is not the mean of the images' own PSNRs, in which a few blank and hence perfect images are worth infinity.
    Infinite for a perfect reconstruction.
    """
    error = mse(images, recons)
    return -10 * math.log10(error) if error > 0 else math.inf
