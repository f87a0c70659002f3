"""Agreement of predicted and true rotations. Angles are in radians, counter-clockwise, modulo 2 pi."""

import numpy as np
from jaxtyping import Float, Int

# If sum sin^2(a_i - a_j) over pairs is below this share of n^2, the angles are constant to about 1e-6.
_CONSTANT = 1e-12


def angle_difference(a: Float[np.ndarray, "*n"], b: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    """Compute the rotation from b to a, a - b, in (-pi, pi]."""
    difference = np.pi - (np.asarray(b, np.float64) - a + np.pi) % (2 * np.pi)
    # The remainder of a tiny negative number rounds up to 2 pi.
    return np.where(difference <= -np.pi, np.pi, difference)


def circular_correlation(alpha: Float[np.ndarray, "n"], beta: Float[np.ndarray, "n"]) -> float:
    """Compute the circular correlation rho_T of Fisher & Lee (1983, Biometrika 70), in [-1, 1].

    rho_T = sum_{i<j} sin(a_i - a_j) sin(b_i - b_j) / sqrt(sum_{i<j} sin^2(a_i - a_j) sum_{i<j} sin^2(b_i - b_j))

    It is 1 for beta = alpha + constant and -1 for beta = constant - alpha. The better known one of Jammalamadaka
    uses sines about the mean directions. For true rotations, uniform on the circle, the mean direction is undefined and
    its estimate is noise, so that coefficient may be near 0 for a perfect prediction; rho_T uses pairs and needs no
    mean. (Pearson's coefficient, used in the paper's Table 1, depends on where the circle is cut.)

    NaN for fewer than two images and if either argument is constant modulo pi.
    """
    n = len(alpha)
    u = np.stack([np.cos(alpha), np.sin(alpha)], dtype=np.float64)
    v = np.stack([np.cos(beta), np.sin(beta)], dtype=np.float64)
    # sin(a_i - a_j) is the cross product of two columns of u, so by Cauchy-Binet each sum over pairs is the determinant
    # of a 2 x 2 matrix of sums over images.
    spread_alpha, spread_beta = np.linalg.det(u @ u.T), np.linalg.det(v @ v.T)
    if n < 2 or min(spread_alpha, spread_beta) <= _CONSTANT * n**2:
        return float("nan")
    return float(np.clip(np.linalg.det(u @ v.T) / np.sqrt(spread_alpha * spread_beta), -1, 1))


def mean_direction_correlation(alpha: Float[np.ndarray, "n"], beta: Float[np.ndarray, "n"]) -> float:
    """Compute the circular correlation of Jammalamadaka & Sarma (1988), in [-1, 1], from sines about mean directions.

    Reported by the authors of TARGET-VAE and quoted in the paper's Table 1. `circular_correlation` describes why it is
    unsuitable for uniform angles. NaN if either argument is constant.
    """
    alpha, beta = (np.asarray(angles, np.float64) for angles in (alpha, beta))
    sines = [np.sin(angles - np.angle(np.exp(1j * angles).sum())) for angles in (alpha, beta)]
    scale = np.sqrt((sines[0] ** 2).sum() * (sines[1] ** 2).sum())
    return float((sines[0] * sines[1]).sum() / scale) if scale > _CONSTANT * len(alpha) else float("nan")


def align_within_classes(
    true: Float[np.ndarray, "n"], predicted: Float[np.ndarray, "n"], labels: Int[np.ndarray, "n"]
) -> Float[np.ndarray, "n"]:
    """Subtract from `predicted` one offset per class, the circular mean of predicted - true over the class.

    This accounts for a different canonical orientation in each class.
    """
    aligned = np.array(predicted, np.float64)
    for label in np.unique(labels):
        members = labels == label
        residual = np.exp(1j * (aligned[members] - true[members]))
        aligned[members] -= np.angle(residual.sum())
    return aligned


def median_angle_error_deg(true: Float[np.ndarray, "n"], predicted: Float[np.ndarray, "n"]) -> float:
    """Compute the median over images of the angle between predicted and true rotation, in degrees from 0 to 180.

    A constant offset counts as error, although a method may choose any canonical orientation.
    """
    return float(np.degrees(np.median(np.abs(angle_difference(predicted, true)))))
