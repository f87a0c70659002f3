"""Gaussian mixture fitted by expectation-maximisation: clusters may be elongated and of unequal size."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from irl_inr_jax.clustering.task import Clustering, ClusterTask, check_clusterable
from irl_inr_jax.devices.threads import single_thread

NUM_STARTS = 3
MAX_STEPS = 200


@single_thread()
def cluster_gmm(task: ClusterTask) -> Clustering:
    """Fit from `NUM_STARTS` runs of k-means and keep the likeliest; assign images to the most probable component.

    Confidence is the posterior probability. `settings.gmm.covariance`: full, tied, diag or spherical. All fitted images
    are used, in float64, at O(n k d^2) per step. Full covariances need many more images than d in each cluster;
    otherwise directions without spread dominate. Raises InputError for what `check_clusterable` refuses.
    """
    latents = task.fitted.latents.astype(np.float64)
    check_clusterable(latents, task.num_clusters)
    num_assigned = len(task.assigned.latents)
    if task.num_clusters == 1:  # scikit-learn refuses a single image
        return Clustering(np.zeros(num_assigned, np.int32), np.ones(num_assigned, np.float32), task.transductive)
    mixture = GaussianMixture(
        task.num_clusters,
        covariance_type=task.settings.gmm.covariance,
        # Added to every variance: scikit-learn's default 1e-6, in units of the latents.
        reg_covar=1e-6 * latents.var(axis=0).mean(),
        max_iter=MAX_STEPS,
        n_init=NUM_STARTS,
        random_state=task.seed,
    )
    with warnings.catch_warnings():  # non-convergence is noted below; k-means warns of duplicates if k is near n
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture.fit(latents)
    posteriors = mixture.predict_proba(task.assigned.latents.astype(np.float64))
    return Clustering(
        clusters=posteriors.argmax(axis=1).astype(np.int32),
        confidence=posteriors.max(axis=1).astype(np.float32),
        transductive=task.transductive,
        notes=() if mixture.converged_ else (f"not converged after {MAX_STEPS} steps",),
    )
