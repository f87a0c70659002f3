"""Gaussian mixture fitted by expectation-maximisation: clusters may be elongated and of unequal size."""

import numpy as np
from sklearn.mixture import GaussianMixture

from irl_inr_jax.clustering.assignment import subsample, subsample_notes
from irl_inr_jax.clustering.library_warnings import without_library_warnings
from irl_inr_jax.clustering.task import Clustering, ClusterTask, check_clusterable
from irl_inr_jax.devices.threads import single_thread

# The fit takes most of the time, in proportion to this number: a minute on one core for ten clusters at d = 32.
MAX_ROWS = 100_000
NUM_STARTS = 3
MAX_STEPS = 200


@single_thread()
def cluster_gmm(task: ClusterTask) -> Clustering:
    """Fit from `NUM_STARTS` runs of k-means and keep the likeliest; assign images to the most probable component.

    Confidence is the posterior probability. `settings.gmm.covariance`: full, tied, diag or spherical. At most
    `MAX_ROWS` images are fitted, in float64, at O(n k d^2) per step; all others are assigned as new images are. Full
    covariances need many more images than d in each cluster; otherwise directions without spread dominate.

    Raises InputError for what `check_clusterable` refuses.
    """
    latents = task.fitted.latents
    check_clusterable(latents, task.num_clusters)
    rows = subsample(len(latents), MAX_ROWS, task.seed)
    sample = latents[rows].astype(np.float64)
    num_assigned = len(task.assigned.latents)
    if task.num_clusters == 1:  # scikit-learn refuses a single image
        return Clustering(np.zeros(num_assigned, np.int32), np.ones(num_assigned, np.float32), task.transductive)
    mixture = GaussianMixture(
        task.num_clusters,
        covariance_type=task.settings.gmm.covariance,
        # Added to every variance: scikit-learn's default 1e-6, in units of the latents.
        reg_covar=1e-6 * sample.var(axis=0).mean(),
        max_iter=MAX_STEPS,
        n_init=NUM_STARTS,
        random_state=task.seed,
    )
    with without_library_warnings():  # non-convergence is noted below; k-means warns of duplicates if k is near n
        mixture.fit(sample)
    posteriors = mixture.predict_proba(task.assigned.latents.astype(np.float64))
    notes = () if mixture.converged_ else (f"not converged after {MAX_STEPS} steps",)
    return Clustering(
        clusters=posteriors.argmax(axis=1).astype(np.int32),
        confidence=posteriors.max(axis=1).astype(np.float32),
        transductive=task.transductive,
        notes=(*notes, *subsample_notes(len(rows), len(latents), by="the mixture")),
    )
