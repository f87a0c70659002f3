"""Outlier scores of images, independent of the clusters."""

import numpy as np
from jaxtyping import Float, Float32, Int
from sklearn.neighbors import LocalOutlierFactor

from irl_inr_jax.clustering.assignment import subsample
from irl_inr_jax.clustering.task import ClusterTask

MAX_ROWS = 20_000
NUM_NEIGHBOURS = 20  # neighbours whose density is compared with the image's own
# Latents that are closer than this share of their spread are those of copies: more than the rounding of float32.
EQUAL_SHARE = 1e-4


def outlier_scores(task: ClusterTask) -> Float32[np.ndarray, "n"]:
    """Compute the local outlier factor (Breunig et al. 2000) of each assigned image among the fitted images.

    Higher means more isolated; about 1 where the density is that of the neighbours. Copies count as one image, since
    their density is infinite and that of their neighbours would be nothing beside it. At most `MAX_ROWS` fitted images
    are used, sampled by the seed. With fewer than three distinct fitted images all scores are 1.
    """
    fitted, assigned = task.fitted.latents, task.assigned.latents
    rows = subsample(len(fitted), MAX_ROWS, task.seed)
    distinct, group = find_distinct(fitted[rows])
    if len(distinct) < 3:
        return np.ones(len(assigned), np.float32)
    num_neighbours = min(NUM_NEIGHBOURS, len(distinct) - 1)
    same = task.transductive and len(rows) == len(fitted)
    factor = LocalOutlierFactor(n_neighbors=num_neighbours, novelty=not same).fit(fitted[rows[distinct]])
    scores = factor.negative_outlier_factor_[group] if same else factor.score_samples(assigned)
    return (-scores).astype(np.float32)


def find_distinct(points: Float[np.ndarray, "n d"]) -> tuple[Int[np.ndarray, "m"], Int[np.ndarray, "n"]]:
    """Return the rows of one point of each group of equal ones, ascending, and the index of each point's group.

    Points are equal if they are in the same cell of a grid of `EQUAL_SHARE` of the points' spread.
    """
    spread = float(points.std(axis=0, dtype=np.float64).max()) if len(points) else 0.0
    cells = np.rint((points - points.mean(axis=0)) / (EQUAL_SHARE * spread)) if spread > 0 else points
    _, first, group = np.unique(cells, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return first[order], place[group.ravel()]
