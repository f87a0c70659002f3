"""Outlier scores of images, independent of the clusters."""

import numpy as np
from jaxtyping import Float32
from sklearn.neighbors import LocalOutlierFactor

from irl_inr_jax.clustering.assignment import subsample
from irl_inr_jax.clustering.task import ClusterTask

MAX_ROWS = 20_000
NUM_NEIGHBOURS = 20  # neighbours whose density is compared with the image's own


def outlier_scores(task: ClusterTask) -> Float32[np.ndarray, "n"]:
    """Compute the local outlier factor (Breunig et al. 2000) of each assigned image among the fitted images.

    Higher means more isolated; about 1 where the density is that of the neighbours. At most `MAX_ROWS` fitted images
    are used, sampled by the seed. With fewer than three fitted images all scores are 1.
    """
    fitted, assigned = task.fitted.latents, task.assigned.latents
    if len(fitted) < 3:
        return np.ones(len(assigned), np.float32)
    rows = subsample(len(fitted), MAX_ROWS, task.seed)
    num_neighbours = min(NUM_NEIGHBOURS, len(rows) - 1)
    same = task.transductive and len(rows) == len(fitted)
    factor = LocalOutlierFactor(n_neighbors=num_neighbours, novelty=not same).fit(fitted[rows])
    scores = factor.negative_outlier_factor_ if same else factor.score_samples(assigned)
    return (-scores).astype(np.float32)
