"""A mixture of Gaussians, fitted by expectation-maximisation: clusters that may be long, flat and of unequal size."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from irl_inr_jax.clustering.task import Clustering, ClusterTask, check_clusterable

NUM_STARTS = 3
MAX_STEPS = 200


def cluster_gmm(task: ClusterTask) -> Clustering:
    """The likeliest of `NUM_STARTS` fits, each from its own k-means; an image joins the component likeliest to have
    made it, and that posterior probability is its confidence.

    `settings.gmm.covariance`: full, tied, diag or spherical. Learns in float64 from all fitted images in
    O(n k d^2) a step; full covariances need many more images than d in each cluster, or its directions without any
    spread decide alone. Raises InputError for what `check_clusterable` refuses.
    """
    latents = task.fitted.latents.astype(np.float64)
    check_clusterable(latents, task.num_clusters)
    num_assigned = len(task.assigned.latents)
    if task.num_clusters == 1:  # nothing to learn, and scikit-learn refuses a single image
        return Clustering(np.zeros(num_assigned, np.int32), np.ones(num_assigned, np.float32), task.transductive)
    mixture = GaussianMixture(
        task.num_clusters,
        covariance_type=task.settings.gmm.covariance,
        # Added to every variance: scikit-learn's own 1e-6, in units of the latents.
        reg_covar=1e-6 * latents.var(axis=0).mean(),
        max_iter=MAX_STEPS,
        n_init=NUM_STARTS,
        random_state=task.seed,
    )
    with warnings.catch_warnings():  # it is said in the notes; k-means warns of duplicates where k is near n
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture.fit(latents)
    posteriors = mixture.predict_proba(task.assigned.latents.astype(np.float64))
    return Clustering(
        clusters=posteriors.argmax(axis=1).astype(np.int32),
        confidence=posteriors.max(axis=1).astype(np.float32),
        transductive=task.transductive,
        notes=() if mixture.converged_ else (f"had not converged after {MAX_STEPS} steps",),
    )
