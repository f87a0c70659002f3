"""Test whether known and new images of the same clusters are draws from one distribution, by permutations.

Within each cluster the marks "known" and "new" are exchanged at random. If nothing has changed, the observed marks are
one of these arrangements, so the p-value is exact for any distribution and any share of the images in each cluster.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.stats import rankdata

NUM_PERMUTATIONS = 999
LEVELS = (0.8, 0.9, 0.95, 0.99)  # quantiles of a score above which known and new images are counted
RIDGE = 1e-3  # of the mean variance, added to each variance of a cluster


class ExchangeTest(NamedTuple):
    """p-values: of both statistics together, of a shift of the features, and of more high scores among the new images.

    The first accounts for the choice of the smaller of the other two.
    """

    p_value: float
    p_shift: float
    p_scores: float


def compare_images(
    clusters: Int[np.ndarray, "n"],
    features: Float[np.ndarray, "n f"],
    scores: Float[np.ndarray, "n p"],
    is_new: Bool[np.ndarray, "n"],
    *,
    seed: int,
    num_permutations: int = NUM_PERMUTATIONS,
) -> ExchangeTest:
    """Compare the known with the new images of each cluster by two statistics, both sums over the clusters.

    Shift: the squared distance of the mean features of new and known images, in units of its covariance (Hotelling's
    T²). Scores: the number of new images with a score above one of its `LEVELS`, where it deviates most from what the
    clusters' shares of new images predict. A cluster without known or without new images counts for nothing.
    """
    rng = np.random.default_rng(seed)
    limits = np.quantile(scores, LEVELS, axis=0)  # (levels, p)
    is_high = (scores[:, None] > limits).reshape(len(scores), -1).astype(np.float32)
    shift = np.zeros(num_permutations + 1)
    excess = np.zeros((num_permutations + 1, is_high.shape[1]))
    for cluster in np.unique(clusters):
        rows = np.flatnonzero(clusters == cluster)
        num_new = int(is_new[rows].sum())
        num_known = len(rows) - num_new
        if num_new == 0 or num_known == 0:
            continue
        permuted = rng.permuted(np.tile(is_new[rows], (num_permutations, 1)), axis=1)
        marks = np.concatenate([is_new[rows][None], permuted]).astype(np.float32)
        sums = marks @ _whiten(features[rows]).astype(np.float32)
        shift += (1 / num_new + 1 / num_known) * (sums**2).sum(axis=1)
        excess += marks @ is_high[rows] - num_new * is_high[rows].mean(axis=0)
    most = (excess / np.maximum(excess[1:].std(axis=0), 1e-6)).max(axis=1)
    # The p-value of each arrangement, the observed one first, by each statistic.
    p_values = np.stack([rankdata(-values, "max") / len(values) for values in (shift, most)])
    smallest = p_values.min(axis=0)
    return ExchangeTest(float(np.mean(smallest <= smallest[0])), float(p_values[0, 0]), float(p_values[1, 0]))


def _whiten(features: Float[np.ndarray, "r f"]) -> Float[np.ndarray, "r f"]:
    """Return features with mean 0 and, but for the ridge, covariance 1."""
    centred = features.astype(np.float64) - features.mean(axis=0)
    covariance = centred.T @ centred / len(centred)
    ridge = RIDGE * np.trace(covariance) / len(covariance) + 1e-12
    return centred @ np.linalg.inv(np.linalg.cholesky(covariance + ridge * np.eye(len(covariance)))).T
