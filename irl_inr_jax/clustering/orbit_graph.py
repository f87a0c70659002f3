"""Neighbours of the images of a task, computed once for all clusterers that use them."""

import functools
from typing import NamedTuple

import numpy as np
from jaxtyping import Int32

from irl_inr_jax.clustering.neighbours.image_neighbours import SearchSettings, index_images, make_search_settings
from irl_inr_jax.clustering.task import ClusterTask, Points, check_num_clusters
from irl_inr_jax.data.lazy import in_chunks
from irl_inr_jax.types import InputError


class OrbitGraph(NamedTuple):
    """Neighbours among the fitted images, nearest first, of each fitted and of each assigned image.

    No image is its own neighbour, except that a single fitted image is. recall: share of the nearest images that
    the search finds; see `ImageIndex`.
    """

    fitted: Int32[np.ndarray, "n q"]
    assigned: Int32[np.ndarray, "m q"]
    recall: float


def find_orbit_graph(task: ClusterTask, num_neighbours: int) -> OrbitGraph:
    """Return at least `num_neighbours` neighbours of each image, or all others if there are fewer images."""
    count = max(num_neighbours, task.orbits.num_reranked)
    count = max(1, min(count, len(task.fitted.images) - 1))
    return _search(task.fitted, task.assigned, search_settings_of(task), count)


def search_settings_of(task: ClusterTask) -> SearchSettings:
    """Return the settings of a search among the images of the task."""
    return make_search_settings(
        task.trained.scaling,
        orbits=task.orbits,
        wafers=task.wafers,
        fill=task.fill,
        batch_size=task.trained.batch_size,
    )


def check_images(task: ClusterTask) -> None:
    """Raise InputError unless the fitted images can be divided into the clusters: enough, finite, not all equal."""
    images, num_images = task.fitted.images, len(task.fitted.images)
    check_num_clusters(num_images, task.num_clusters)
    first, num_bad, num_equal = np.asarray(images[0]), 0, 0
    for chunk in in_chunks(images):
        flat = chunk.reshape(len(chunk), -1)
        num_bad += int((~np.isfinite(flat)).any(axis=1).sum())
        num_equal += int((flat == first.reshape(-1)).all(axis=1).sum())
    if num_bad:
        raise InputError(
            f"expected finite pixels, found NaN or infinity in {num_bad} of {num_images} images; check the data"
        )
    if task.num_clusters > 1 and num_equal == num_images:
        raise InputError(f"expected images that differ, found {num_images} equal ones; check the data that were loaded")


@functools.lru_cache(maxsize=2)
def _search(fitted: Points, assigned: Points, settings: SearchSettings, count: int) -> OrbitGraph:
    if len(fitted.images) == 1:
        return OrbitGraph(np.zeros((1, 1), np.int32), np.zeros((len(assigned.images), 1), np.int32), 1.0)
    index = index_images(fitted.images, settings)
    found = index.among_fitted(count)
    others = found if assigned is fitted else index.of_others(assigned.images, count)
    return OrbitGraph(found, others, index.recall(count))
