"""The known images of a model for display: typical ones of a cluster, upright, and the names of clusters."""

import numpy as np
from jaxtyping import Float, Int

from irl_inr_jax.deployment.model_bundle import ModelBundle
from irl_inr_jax.evaluation.alignment import upright_images
from irl_inr_jax.metrics.clustering_scores import NOISE
from irl_inr_jax.report.figures.examples import choose_members
from irl_inr_jax.types import Pose


def name_cluster(bundle: ModelBundle, clusterer: str, number: int) -> str:
    """Return the name of a cluster, or its number in words."""
    if number == NOISE:
        return "noise"
    return bundle.cluster_names.get(clusterer, {}).get(int(number), f"cluster {number}")


def typical_images(bundle: ModelBundle, clusterer: str, number: int, *, num_shown: int) -> Float[np.ndarray, "n s s c"]:
    """Return known images of a cluster for display, from the most to the least confident, upright if posed.

    Empty if the model has no pixels of images of the cluster.
    """
    reference = bundle.reference
    rows = reference.image_rows
    clusters, confidence = reference.clusters[clusterer][rows], reference.confidence[clusterer][rows]
    if not (clusters == number).any():
        return np.zeros((0, *reference.images.shape[1:]), np.float32)
    return show_reference(bundle, choose_members(clusters, confidence, number, num_shown=num_shown))


def show_reference(bundle: ModelBundle, numbers: Int[np.ndarray, "n"]) -> Float[np.ndarray, "n s s c"]:
    """Return the images of these numbers, among the reference images with pixels, for display and upright if posed."""
    reference, trained = bundle.reference, bundle.trained
    unit = np.asarray(trained.to_unit(reference.images[numbers]))
    if reference.pose is not None:
        rows = reference.image_rows[numbers]
        pose = Pose(theta=reference.pose.theta[rows], tau=reference.pose.tau[rows])
        unit = upright_images(unit, pose, fill=bundle.config.views.fill)[np.arange(len(unit))]
    return np.clip(trained.to_display(unit), 0, 1)
