"""Test whether known and new images of the same clusters are draws from one distribution, by permutations.

Within each cluster the marks "known" and "new" are exchanged at random. If nothing has changed, the observed marks are
one of these arrangements, so the p-value is exact for any distribution and any share of the images in each cluster.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float32, Int
from scipy.sparse import csr_matrix
from scipy.stats import rankdata
from sklearn.neighbors import NearestNeighbors

NUM_PERMUTATIONS = 999
LEVELS = (0.8, 0.9, 0.95, 0.99)  # quantiles of a score above which known and new images are counted
RIDGE = 1e-3  # of the mean variance, added to each variance of a cluster
NUM_REGIONS = 2_000  # images, chosen at random, about which regions are searched
REGION_SIZES = (100, 300)  # images of a region, at most a tenth of all: a new kind is denser than what is around it


class ExchangeTest(NamedTuple):
    """p-values: of all statistics together, of a shift of the features, of more high scores, and of a dense region.

    The first accounts for the choice of the smallest of the others.
    """

    p_value: float
    p_shift: float
    p_scores: float
    p_region: float


def compare_images(
    clusters: Int[np.ndarray, "n"],
    features: Float[np.ndarray, "n f"],
    scores: Float[np.ndarray, "n p"],
    is_new: Bool[np.ndarray, "n"],
    *,
    seed: int,
    num_permutations: int = NUM_PERMUTATIONS,
) -> ExchangeTest:
    """Compare the known with the new images by three statistics, over all clusters at once.

    Shift: the squared distance of the mean features of new and known images of a cluster, in units of its covariance
    (Hotelling's T²), summed over the clusters. Scores: the number of new images with a score above one of its `LEVELS`,
    where it deviates most from what the clusters' shares of new images predict. Region: the number of new images among
    the nearest of an image in feature space, where it exceeds most what these shares predict. A cluster without known
    or without new images counts for nothing.
    """
    rng = np.random.default_rng(seed)
    marks, expected = permute_marks(rng, clusters, is_new, num_permutations)
    statistics = (
        _shift(clusters, features, marks),
        _excess(scores, marks, expected),
        _densest_region(rng, features, marks, expected),
    )
    # The p-value of each arrangement, the observed one first, by each statistic.
    p_values = np.stack([rankdata(-np.round(values, 6), "max") / len(values) for values in statistics])
    # The smallest decides, and among equal ones, which are multiples of the resolution, the mean.
    together = p_values.min(axis=0) + p_values.mean(axis=0) / (2 * len(marks))
    return ExchangeTest(float(np.mean(together <= together[0])), *p_values[:, 0].tolist())


def permute_marks(
    rng: np.random.Generator, clusters: Int[np.ndarray, "n"], is_new: Bool[np.ndarray, "n"], num_permutations: int
) -> tuple[Float32[np.ndarray, "r n"], Float32[np.ndarray, "n"]]:
    """Return the observed marks (1: new) and permutations of them within the clusters, and their mean."""
    marks = np.tile(is_new.astype(np.float32), (num_permutations + 1, 1))
    expected = np.zeros(len(is_new), np.float32)
    for cluster in np.unique(clusters):
        rows = np.flatnonzero(clusters == cluster)
        marks[1:, rows] = rng.permuted(marks[1:, rows], axis=1)
        expected[rows] = is_new[rows].mean()
    return marks, expected


def _shift(
    clusters: Int[np.ndarray, "n"], features: Float[np.ndarray, "n f"], marks: Float32[np.ndarray, "r n"]
) -> Float[np.ndarray, "r"]:
    shift = np.zeros(len(marks))
    for cluster in np.unique(clusters):
        rows = np.flatnonzero(clusters == cluster)
        num_new = int(marks[0, rows].sum())
        num_known = len(rows) - num_new
        if num_new and num_known:
            sums = marks[:, rows] @ _whiten(features[rows]).astype(np.float32)
            shift += (1 / num_new + 1 / num_known) * (sums**2).sum(axis=1)
    return shift


def _excess(
    scores: Float[np.ndarray, "n p"], marks: Float32[np.ndarray, "r n"], expected: Float32[np.ndarray, "n"]
) -> Float[np.ndarray, "r"]:
    limits = np.quantile(scores, LEVELS, axis=0)  # (levels, p)
    is_high = (scores[:, None] > limits).reshape(len(scores), -1).astype(np.float32)
    excess = marks @ is_high - expected @ is_high
    return (excess / np.maximum(excess.std(axis=0), 1e-3)).max(axis=1)


def _densest_region(
    rng: np.random.Generator,
    features: Float[np.ndarray, "n f"],
    marks: Float32[np.ndarray, "r n"],
    expected: Float32[np.ndarray, "n"],
) -> Float[np.ndarray, "r"]:
    """Return the largest excess of new images in a region, in standard deviations of that number."""
    total = len(features)
    centres = rng.choice(total, min(NUM_REGIONS, total), replace=False)
    sizes = sorted({max(1, min(size, total // 10)) for size in REGION_SIZES})
    search = NearestNeighbors(n_neighbors=sizes[-1], algorithm="brute").fit(features)
    nearest = search.kneighbors(features[centres], return_distance=False)
    columns, largest = np.ascontiguousarray(marks.T), np.zeros(len(marks), np.float32)
    for size in sizes:
        ends = np.arange(0, len(centres) * size + 1, size)
        ones = np.ones(len(centres) * size, np.float32)
        regions = csr_matrix((ones, nearest[:, :size].ravel(), ends), shape=(len(centres), total))
        deviation = np.sqrt(np.maximum(regions @ (expected * (1 - expected)), 1.0))
        excess = regions @ columns - (regions @ expected)[:, None]
        largest = np.maximum(largest, (excess / deviation[:, None]).max(axis=0))
    return largest


def _whiten(features: Float[np.ndarray, "r f"]) -> Float[np.ndarray, "r f"]:
    """Return features with mean 0 and, but for the ridge, covariance 1."""
    centred = features.astype(np.float64) - features.mean(axis=0)
    covariance = centred.T @ centred / len(centred)
    ridge = RIDGE * np.trace(covariance) / len(covariance) + 1e-12
    return centred @ np.linalg.inv(np.linalg.cholesky(covariance + ridge * np.eye(len(covariance)))).T
