"""Positions of all images on the plane."""

import importlib.util

import numpy as np
from jaxtyping import Float, Float32

from irl_inr_jax.clustering.neighbours.search import nearest_neighbours
from irl_inr_jax.report.figures.projection import project_latents

MAX_FITTED = 5000  # t-SNE takes 15 to 30 s for so many on one core
NUM_ANCHORS = 3  # fitted images between which another one is placed


def place_images(latents: Float[np.ndarray, "n d"], *, seed: int) -> tuple[Float32[np.ndarray, "n 2"], str]:
    """Return a point for each image, in a square of side 2 about the origin, and the name of the method.

    UMAP (McInnes et al. 2018) of all images if it is installed; otherwise t-SNE of at most `MAX_FITTED`, between whose
    nearest ones, weighted by distance, the others are placed. Distances between distant groups are not meaningful.
    """
    if importlib.util.find_spec("umap") is not None and len(latents) > 16:
        return scale_to_square(_project_by_umap(latents, seed)), "UMAP"
    points, rows = project_latents(latents, seed, max_points=MAX_FITTED)
    placed = np.empty((len(latents), 2), np.float32)
    placed[rows] = points
    others = np.setdiff1d(np.arange(len(latents)), rows)
    if len(others):
        anchors, distances, _ = nearest_neighbours(latents[others], latents[rows], NUM_ANCHORS, leave_out_self=False)
        weights = 1 / (distances + 1e-6)
        weights /= weights.sum(axis=1, keepdims=True)
        placed[others] = np.einsum("nq,nqa->na", weights, points[anchors])
    return scale_to_square(placed), "t-SNE" if len(latents) >= 8 else "PCA"


def scale_to_square(points: Float[np.ndarray, "n 2"]) -> Float32[np.ndarray, "n 2"]:
    """Move and scale points to [-1, 1]^2, by the same factor in both directions; equal points are moved to 0."""
    low, high = points.min(axis=0), points.max(axis=0)
    half = max(float((high - low).max()) / 2, 1e-12)
    return ((points - (low + high) / 2) / half).astype(np.float32)


def _project_by_umap(latents: Float[np.ndarray, "n d"], seed: int) -> Float[np.ndarray, "n 2"]:
    import umap

    return np.asarray(umap.UMAP(n_components=2, random_state=seed, n_jobs=1).fit_transform(latents))
