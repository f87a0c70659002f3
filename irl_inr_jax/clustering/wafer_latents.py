"""Latents combined with the features of wafers, for clusterers of latents."""

import dataclasses

import numpy as np
from jaxtyping import Float
from sklearn.decomposition import PCA

from irl_inr_jax.clustering.neighbours.image_neighbours import NUM_WAFER_COMPONENTS, describe_wafers
from irl_inr_jax.clustering.orbit_graph import search_settings_of
from irl_inr_jax.clustering.task import ClusterTask, Points


def add_wafer_features(task: ClusterTask, weight: float) -> ClusterTask:
    """Return the task with latents (n, d + j), the latents and j principal components of the features of wafers.

    The components are scaled so that the root of their total variance over the fitted images is `weight` times that of
    the latents; projection and scale are those of the fitted images.
    """
    settings = search_settings_of(task)
    features = describe_wafers(task.fitted.images, settings)
    reduced = PCA(min(NUM_WAFER_COMPONENTS, *features.shape), svd_solver="covariance_eigh").fit(features)
    components = reduced.transform(features)
    scale = weight * _spread(task.fitted.latents) / max(_spread(components), 1e-12)

    def combine(points: Points, components: Float[np.ndarray, "n j"]) -> Points:
        latents = np.concatenate([points.latents, scale * components], axis=1, dtype=np.float32)
        return Points(latents, points.images)

    fitted = combine(task.fitted, components)
    if task.transductive:
        return dataclasses.replace(task, fitted=fitted, assigned=fitted)
    others = reduced.transform(describe_wafers(task.assigned.images, settings))
    return dataclasses.replace(task, fitted=fitted, assigned=combine(task.assigned, others))


def _spread(points: Float[np.ndarray, "n d"]) -> float:
    return float(np.sqrt(points.var(axis=0).sum()))
