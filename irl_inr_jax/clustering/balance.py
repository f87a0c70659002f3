"""Balanced assignment: soft assignments whose cluster sizes are those of a prior (Sinkhorn and Knopp, 1967).

Boundaries between clusters lie in sparse regions only approximately. If classes are known to be of similar size, the
boundaries can be shifted until the clusters are. Clusters without images between them are left as they are found.
"""

import numpy as np
from jaxtyping import Float
from scipy.special import logsumexp

from irl_inr_jax.types import InputError

MAX_STEPS = 200
TOLERANCE = 1e-4  # of the shares
SHARPNESS = 0.5  # variance of the kernel, in units of the median squared distance to the nearest mean


def balance_assignment(squares: Float[np.ndarray, "n k"], sizes: str) -> Float[np.ndarray, "n k"]:
    """Return probabilities from squared distances to k means, with cluster sizes according to `sizes`.

    sizes: of `target_shares`, checked by `check_sizes`. The kernel is Gaussian.
    """
    scale = SHARPNESS * np.median(squares.min(axis=1))
    # The median is 0 if half of the images are at their mean, as copies of one image are.
    logits = -squares / (scale if scale > 0 else max(SHARPNESS * squares.min(axis=1).mean(), 1e-12))
    probabilities = np.exp(logits - logsumexp(logits, axis=1, keepdims=True))
    target = target_shares(sizes, probabilities.mean(axis=0))
    if target is None:
        return probabilities
    offsets = np.zeros(logits.shape[1])
    for _ in range(MAX_STEPS):
        found = probabilities.mean(axis=0)
        if np.abs(found - target).max() < TOLERANCE:
            break
        offsets += np.log(target) - np.log(np.maximum(found, 1e-12))
        shifted = logits + offsets
        probabilities = np.exp(shifted - logsumexp(shifted, axis=1, keepdims=True))
    return probabilities


def check_sizes(sizes: str, num_clusters: int) -> None:
    """Raise InputError for shares that are not one for each cluster."""
    num_shares = len(sizes.split(","))
    if sizes not in ("none", "uniform", "damped") and num_shares != num_clusters:
        raise InputError(
            f"expected {num_clusters} shares in config.clustering.sizes, one for each cluster, found {num_shares}; "
            f"set as many, or --num-clusters={num_shares}"
        )


def target_shares(sizes: str, found: Float[np.ndarray, "k"]) -> Float[np.ndarray, "k"] | None:
    """Return the share of each cluster: None for 'none', equal ones for 'uniform', else as follows.

    damped: the geometric mean of the shares found and equal ones, which corrects small deviations and keeps large ones
    in part. Numbers joined by commas: shares of the clusters in any order; the largest cluster found gets the largest.
    """
    num_clusters = len(found)
    if sizes == "none":
        return None
    if sizes == "uniform":
        return np.full(num_clusters, 1 / num_clusters)
    if sizes == "damped":
        shares = np.sqrt(np.maximum(found, 1e-12))
        return shares / shares.sum()
    given = np.sort([float(share) for share in sizes.split(",")])
    target = np.empty(num_clusters)
    target[np.argsort(found)] = given / given.sum()
    return target
