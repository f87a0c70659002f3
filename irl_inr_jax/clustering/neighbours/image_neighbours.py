"""Nearest neighbours of images by the distance of `config.orbits.distance`, one entry of `DISTANCES` each."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float, Float32, Int32
from ml_collections import ConfigDict, FrozenConfigDict
from sklearn.decomposition import PCA

from irl_inr_jax.clustering.neighbours.orbit_images import Images, measure_radius, prepare_orbits
from irl_inr_jax.clustering.neighbours.orbits import OrbitIndex, measure_recall, orbit_neighbours
from irl_inr_jax.clustering.neighbours.search import Neighbours, nearest_neighbours
from irl_inr_jax.data.scaling import to_unit
from irl_inr_jax.devices.threads import single_thread
from irl_inr_jax.methods.wafer_features import make_wafer_features
from irl_inr_jax.training.inference import map_batches
from irl_inr_jax.types import Scaling

NUM_WAFER_COMPONENTS = 50  # principal components of the features of wafers


class SearchSettings(NamedTuple):
    """Everything but the images that a search depends on.

    scaling: of the stored pixels. orbits, wafers: `config.orbits`, `config.wafers`. fill: value outside an image.
    batch_size: images that are prepared at once.
    """

    scaling: Scaling
    orbits: FrozenConfigDict
    wafers: FrozenConfigDict
    fill: float
    batch_size: int


class ImageIndex(NamedTuple):
    """Images in which neighbours are searched: the fitted images.

    among_fitted: count -> the neighbours of each fitted image among the others, nearest first.
    of_others: images, count -> the neighbours of each of these images.
    recall: count -> share of the nearest images that the search finds, estimated on some images.
    """

    among_fitted: Callable[[int], Int32[np.ndarray, "n q"]]
    of_others: Callable[[Images, int], Int32[np.ndarray, "m q"]]
    recall: Callable[[int], float]


def make_search_settings(
    scaling: Scaling, *, orbits: ConfigDict, wafers: ConfigDict, fill: float, batch_size: int
) -> SearchSettings:
    """Return the settings, hashable."""
    return SearchSettings(scaling, FrozenConfigDict(orbits), FrozenConfigDict(wafers), fill, batch_size)


def index_images(images: Images, settings: SearchSettings) -> ImageIndex:
    """Prepare the fitted images, stored, for the search by the configured distance."""
    return DISTANCES[settings.orbits.distance](images, settings)


def index_by_rotations(images: Images, settings: SearchSettings) -> ImageIndex:
    """Prepare images for the smallest distance over all rotations; see `orbit_neighbours`."""
    orbits = settings.orbits
    radius = measure_radius(images, settings.scaling, orbits, batch_size=settings.batch_size)
    options = {"radius": radius, "fill": settings.fill, "batch_size": settings.batch_size}
    index = OrbitIndex(prepare_orbits(images, settings.scaling, orbits, **options))

    def of_others(others: Images, count: int) -> Int32[np.ndarray, "m q"]:
        queries = prepare_orbits(others, settings.scaling, orbits, **options)
        return orbit_neighbours(queries, index, count, settings=orbits)

    return ImageIndex(
        among_fitted=lambda count: orbit_neighbours(index.images, index, count, settings=orbits),
        of_others=of_others,
        recall=lambda count: measure_recall(index, count, settings=orbits, seed=0),
    )


def index_by_wafers(images: Images, settings: SearchSettings) -> ImageIndex:
    """Prepare images for the Euclidean distance of their features of wafers, projected to principal components.

    The projection is that of the fitted images. The recall is that of `nearest_neighbours`, 1 where it is exact.
    """
    features = describe_wafers(images, settings)
    with single_thread():
        reduced = PCA(min(NUM_WAFER_COMPONENTS, *features.shape), svd_solver="covariance_eigh").fit(features)
        points = reduced.transform(features)

    def of_others(others: Images, count: int) -> Int32[np.ndarray, "m q"]:
        queries = reduced.transform(describe_wafers(others, settings))
        return nearest_neighbours(queries, points, count, leave_out_self=False).rows

    @functools.lru_cache(maxsize=1)
    def search(count: int) -> Neighbours:
        return nearest_neighbours(points, points, count, leave_out_self=True)

    def recall(count: int) -> float:
        measured = search(count).recall
        return 1.0 if measured is None else measured

    return ImageIndex(among_fitted=lambda count: search(count).rows, of_others=of_others, recall=recall)


DISTANCES: dict[str, Callable[[Images, SearchSettings], ImageIndex]] = {
    "rotations": index_by_rotations,
    "wafers": index_by_wafers,
}


def describe_wafers(images: Images, settings: SearchSettings) -> Float32[np.ndarray, "n d"]:
    """Compute the features of stored images."""
    describe = _compile_describe(settings.scaling, settings.wafers)
    return map_batches(describe, (), images, size=settings.batch_size)


@functools.lru_cache(maxsize=8)
def _compile_describe(scaling: Scaling, wafers: FrozenConfigDict) -> Callable[..., Float[Array, "b d"]]:
    describe = make_wafer_features(wafers)
    return jax.jit(lambda _, stored: describe(to_unit(scaling, stored)))
