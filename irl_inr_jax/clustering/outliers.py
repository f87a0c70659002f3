"""How unlike all others an image is, whatever the clusters."""

import numpy as np
from jaxtyping import Float32
from sklearn.neighbors import LocalOutlierFactor

from irl_inr_jax.clustering.assignment import subsample
from irl_inr_jax.clustering.task import ClusterTask

MAX_ROWS = 20_000
NUM_NEIGHBOURS = 20  # whose density an image's own is compared with


def outlier_scores(task: ClusterTask) -> Float32[np.ndarray, "n"]:
    """The local outlier factor (Breunig et al. 2000) of each assigned image among the fitted ones.

    About 1 for an image in as dense a place as its neighbours, larger the lonelier it is. Of many fitted images a
    sample of `MAX_ROWS` is taken. Of fewer than three images none is an outlier: all get 1.
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
