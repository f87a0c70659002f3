"""Novelty of images: how much worse than the known images of its cluster an image is reconstructed, or how isolated.

Measured on digits and MNIST(U) with a class left out of training (area under the ROC curve, images of that class
against images of the other classes that were not trained on either): reconstruction error relative to the cluster 0.98
and 0.86, distance to the nearest known images 0.80 and 0.80, local outlier factor 0.74 and 0.66. If the class was
trained on, but is in no known cluster, the distance has 0.96 and the reconstruction error 0.66; so both are used.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32, Int
from ml_collections import ConfigDict
from sklearn.metrics import pairwise_distances_argmin
from sklearn.neighbors import NearestNeighbors

from irl_inr_jax.data.lazy import LazyImages
from irl_inr_jax.data.scaling import to_unit
from irl_inr_jax.geometry.polar import polar_grid, sample_polar
from irl_inr_jax.training.inference import TrainedMethod
from irl_inr_jax.types import Embeddings, Method, Pose, PyTree, Scaling

NUM_NEIGHBOURS = 5  # known images to which the distance is measured
MIN_ANGLES = 16  # of a search for the best rotation, from which on its points are also those of the errors
MIN_OF_CLUSTER = 10  # known images, below which the median and the spread of all clusters are used
LOWER = 0.16  # quantile; its distance from the median is one standard deviation of a normal distribution
MAX_MEASURED = 4_000  # known images, from which medians and spreads are computed
SAME = 1e-4  # of the distance of the last neighbour: an image so near is the image itself


class ErrorGrid(NamedTuple):
    """Polar points at which images and reconstructions are compared. fill: value outside an image."""

    num_radii: int
    num_angles: int
    fill: float


class Familiarity(NamedTuple):
    """Statistics of the known images of each of k clusters.

    rows: (r,) of the reference, the known images; held-out images are not among them, as new ones are not.
    whitening: (d, d); latents @ whitening have covariance 1 within clusters. centres: (k, d) whitened. medians,
    spreads: (k, p) of the p measures: log distance to the nearest known images and, for a method with a decoder, log of
    the reconstruction error over the root of the image's mean square.
    """

    rows: Int[np.ndarray, "r"]
    whitening: Float[np.ndarray, "d d"]
    centres: Float[np.ndarray, "k d"]
    medians: Float[np.ndarray, "k p"]
    spreads: Float[np.ndarray, "k p"]

    def find_clusters(self, latents: Float[np.ndarray, "n d"]) -> Int[np.ndarray, "n"]:
        """Return the number of the nearest centre of each image."""
        return pairwise_distances_argmin(latents @ self.whitening, self.centres)


def measure_familiarity(
    latents: Float[np.ndarray, "m d"],
    clusters: Int[np.ndarray, "m"],
    *,
    measured: Int[np.ndarray, "r"],
    errors: Float[np.ndarray, "r"] | None,
) -> Familiarity:
    """Return what is usual for the known images. clusters: -1 for none. measured: rows of which `errors` are known."""
    numbers = np.unique(clusters[clusters >= 0])
    groups = [np.flatnonzero(clusters == number) for number in numbers] or [np.arange(len(latents))]
    centred = np.concatenate([latents[rows] - latents[rows].mean(axis=0) for rows in groups]).astype(np.float64)
    covariance = centred.T @ centred / len(centred)
    ridge = 1e-6 * np.trace(covariance) / len(covariance) + 1e-12
    whitening = np.linalg.inv(np.linalg.cholesky(covariance + ridge * np.eye(len(covariance)))).T.astype(np.float32)
    centres = np.stack([(latents[rows] @ whitening).mean(axis=0) for rows in groups])
    num_measures = 1 if errors is None else 2
    plain = Familiarity(
        np.arange(len(latents)),
        whitening,
        centres,
        np.zeros((len(groups), num_measures), np.float32),
        np.ones((len(groups), num_measures), np.float32),
    )
    raw = measure_novelty(plain, latents, latents[measured], errors)
    found = plain.find_clusters(latents[measured])
    medians, spreads = plain.medians.copy(), plain.spreads.copy()
    for number in range(len(groups)):
        own = raw[found == number]
        own = own if len(own) >= MIN_OF_CLUSTER else raw
        medians[number] = np.median(own, axis=0)
        spreads[number] = np.maximum(medians[number] - np.quantile(own, LOWER, axis=0), 1e-3)
    return plain._replace(medians=medians, spreads=spreads)


def measure_known(
    trained: TrainedMethod,
    images: np.ndarray | LazyImages,
    embeddings: Embeddings,
    clusters: Int[np.ndarray, "n"],
    *,
    rows: Int[np.ndarray, "m"],
    held_rows: Int[np.ndarray, "h"],
    grid: ErrorGrid,
) -> tuple[Familiarity, Float32[np.ndarray, "h p"]]:
    """Return what is usual for the reference images `rows` that are not held out, and the novelty of `held_rows`.

    images, embeddings, clusters: of all evaluated images. Errors are those of at most `MAX_MEASURED` images, evenly
    spread. Nothing is fitted to the held-out images, which would seem less novel than new ones.
    """
    others = np.flatnonzero(~np.isin(rows, held_rows))
    others = others if len(others) else np.arange(len(rows))
    measured = np.linspace(0, len(others) - 1, min(len(others), MAX_MEASURED)).astype(int)

    def errors_of(numbers: Int[np.ndarray, "_"]) -> Float32[np.ndarray, "_"] | None:
        chosen = images.take(numbers) if isinstance(images, LazyImages) else images[numbers]
        pose = jax.tree.map(lambda leaf: np.asarray(leaf)[numbers], embeddings.pose)
        return relative_errors(trained, chosen, embeddings.latents[numbers], pose, grid)

    errors = errors_of(rows[others][measured])
    known, own = embeddings.latents[rows], clusters[rows[others]]
    familiarity = measure_familiarity(known[others], own, measured=measured, errors=errors)._replace(rows=others)
    return familiarity, measure_novelty(familiarity, known, embeddings.latents[held_rows], errors_of(held_rows))


def measure_novelty(
    familiarity: Familiarity,
    known: Float[np.ndarray, "m d"],
    latents: Float[np.ndarray, "n d"],
    errors: Float[np.ndarray, "n"] | None,
) -> Float32[np.ndarray, "n p"]:
    """Return the measures of images in spreads above the median of their cluster. known: latents of the reference.

    An image that is among the known ones is not its own neighbour. errors: of `relative_errors`.
    """
    points = known[familiarity.rows] @ familiarity.whitening
    distances = neighbour_distances(points, latents @ familiarity.whitening)
    columns = [distances] if errors is None else [distances, errors]
    raw = np.log(np.maximum(np.stack(columns, axis=1), 1e-12))
    clusters = familiarity.find_clusters(latents)
    return ((raw - familiarity.medians[clusters]) / familiarity.spreads[clusters]).astype(np.float32)


def neighbour_distances(points: Float[np.ndarray, "m d"], queries: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n"]:
    """Return the mean distance of each query to its nearest points, itself excluded if it is one of them."""
    if len(points) < 2 or len(queries) == 0:
        return np.ones(len(queries))
    count = min(NUM_NEIGHBOURS + 1, len(points))
    search = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(points.astype(np.float64))
    distances, _ = search.kneighbors(queries.astype(np.float64))
    is_itself = distances[:, 0] <= SAME * distances[:, -1]
    return np.where(is_itself, distances[:, 1:].mean(axis=1), distances[:, :-1].mean(axis=1))


def make_error_grid(config: ConfigDict) -> ErrorGrid:
    """Return the points at which the search for the best rotation draws images, so that they are drawn only once.

    Without that search they are the points of `config.model.encoder.polar`.
    """
    pose, polar = config.model.pose, config.model.encoder.polar
    if pose.form == "closed_form" and pose.num_rotations >= MIN_ANGLES:
        return ErrorGrid(pose.num_radii, pose.num_rotations, config.views.fill)
    return ErrorGrid(polar.num_radii, polar.num_angles, config.views.fill)


def relative_errors(
    trained: TrainedMethod,
    stored: np.ndarray | LazyImages,
    latents: Float[np.ndarray, "n d"],
    pose: Pose | None,
    grid: ErrorGrid,
) -> Float32[np.ndarray, "n"] | None:
    """Return the mean squared error of each reconstruction over the root of the mean square of the image.

    Both are means over the disc inscribed in the square of the image, in the frame of its pose. None for a method
    without a decoder.
    """
    if trained.method.reconstruct is None:
        return None
    compare = _compile_errors(trained.method, trained.scaling, grid)
    return trained.over_batches(compare, stored, latents, pose)


def encode_with_errors(
    trained: TrainedMethod, stored: np.ndarray | LazyImages, grid: ErrorGrid
) -> tuple[Float32[np.ndarray, "n d"], Pose | None, Float32[np.ndarray, "n"] | None]:
    """Return latents, poses and `relative_errors` by one compiled function, in which each image is drawn once."""
    if trained.method.reconstruct is None:
        return *trained.encode(stored), None
    return trained.over_batches(_compile_encode(trained.method, trained.scaling, grid), stored)


@functools.lru_cache(maxsize=8)
def _compile_errors(method: Method, scaling: Scaling, grid: ErrorGrid) -> Callable[..., jax.Array]:
    @jax.jit
    def compare(variables, rows, latents, pose):
        return _compare(method, variables, to_unit(scaling, rows), latents, pose, grid)

    return compare


@functools.lru_cache(maxsize=8)
def _compile_encode(method: Method, scaling: Scaling, grid: ErrorGrid) -> Callable[..., tuple]:
    @jax.jit
    def encode(variables, rows):
        unit = to_unit(scaling, rows)
        latents, pose = method.encode(*variables, unit)
        return latents, pose, _compare(method, variables, unit, latents, pose, grid)

    return encode


def _compare(
    method: Method,
    variables: tuple[PyTree, PyTree],
    unit: Float[Array, "b h w c"],
    latents: Float[Array, "b d"],
    pose: Pose | None,
    grid: ErrorGrid,
) -> Float[Array, "b"]:
    assert method.reconstruct is not None, f"{method.name} has no decoder"
    sizes = {"num_radii": grid.num_radii, "num_rotations": grid.num_angles, "radius": 1.0}
    frame = Pose(jnp.zeros(len(unit)), jnp.zeros((len(unit), 2))) if pose is None else pose
    target = sample_polar(unit, frame, **sizes, fill=grid.fill)
    drawn = method.reconstruct(*variables, latents, polar_grid(**sizes)[None]).reshape(target.shape)
    # Circles count by their length, so that the means are those over the disc.
    weights = (2 * jnp.arange(grid.num_radii) + 1)[:, None, None] / grid.num_radii
    axes = (1, 2, 3)
    power = jnp.maximum((weights * target**2).mean(axes), 1e-6)
    return (weights * (drawn - target) ** 2).mean(axes) / jnp.sqrt(power)
