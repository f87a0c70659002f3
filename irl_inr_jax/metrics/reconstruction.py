"""How close reconstructions are to their images."""

import math

import numpy as np
from jaxtyping import Float


def mse(images: Float[np.ndarray, "n h w c"], recons: Float[np.ndarray, "n h w c"]) -> Float[np.ndarray, "n"]:
    """Mean squared error over pixels and channels of each image."""
    return np.mean((images.astype(np.float64) - recons) ** 2, axis=(1, 2, 3))


def psnr(errors: Float[np.ndarray, "n"], *, peak: float) -> float:
    """Peak signal-to-noise ratio in dB, -10 log10(MSE / peak^2), of the mean over all images of their squared errors.

    peak: from the least to the greatest value that pixels can have.

    It is not the mean of the images' own PSNRs, in which a few blank and hence perfect images are worth infinity.
    Infinite for perfect reconstructions.
    """
    error = float(errors.mean())
    return -10 * math.log10(error / peak**2) if error > 0 else math.inf
