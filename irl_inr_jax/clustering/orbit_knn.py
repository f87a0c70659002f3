"""Clusters without training: k-means on the diffusion coordinates of the graph of nearest images under all turns.

The distance of two images is the least over all turns, each about its centre of mass. It is the baseline that anything
learnt has to beat.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Int32

from irl_inr_jax.clustering.diffusion import cut_neighbour_graph, graph_degree
from irl_inr_jax.clustering.inputs import check_clusterable
from irl_inr_jax.clustering.neighbours import agreement
from irl_inr_jax.clustering.task import Clustering, ClusterTask
from irl_inr_jax.orbits import angular_spectrum, orbit_products, polar_images
from irl_inr_jax.types import InputError

# Pairs compared at once: their products for all turns, 1.6 MB each for cosines and sines, stay in a core's cache.
NUM_QUERIES = 64
NUM_POINTS = 256


def cluster_orbit_knn(task: ClusterTask) -> Clustering:
    """Clusters of `task.assigned` by its own images; latents and `task.fitted` have no say.

    With few images to a cluster the graph has fewer neighbours than `settings.orbit_knn.num_neighbours`, since those
    beyond are of other clusters. Confidence is the share of an image's neighbours that are in its cluster.
    Raises InputError for images that are all alike and what `check_clusterable` refuses of the polar images.
    """
    settings, num_images = task.settings.orbit_knn, len(task.assigned.images)
    polar = see_polar(task)
    if num_images > 1 and task.num_clusters > 1 and np.all(polar == polar[0]):
        raise InputError(f"expected images that differ, found {num_images} that are all alike; see what was loaded")
    check_clusterable(polar.reshape(num_images, -1), task.num_clusters)
    notes = () if task.transductive else ("clustered the images by themselves, without those it was to learn from",)
    if task.num_clusters == num_images:
        alone = np.arange(num_images, dtype=np.int32)
        return Clustering(alone, np.ones(num_images, np.float32), transductive=True, notes=notes)
    degree = graph_degree(settings.num_neighbours, num_images, task.num_clusters)
    neighbours = orbit_neighbours(polar, degree, task)
    clusters = cut_neighbour_graph(neighbours, task.num_clusters, settings=settings, seed=task.seed)
    return Clustering(
        clusters=clusters,
        confidence=agreement(clusters, neighbours),
        transductive=True,
        notes=notes,
        neighbours=neighbours if task.transductive else None,
    )


def see_polar(task: ClusterTask) -> Float[np.ndarray, "n r t c"]:
    """The polar images. Blank ones get a circle of their own: they are alike, and unlike all others."""
    settings = task.settings.orbit_knn

    @jax.jit
    def see(stored):
        images = task.trained.to_unit(stored)
        polar = polar_images(images, num_radii=settings.num_radii, num_angles=settings.num_angles, fill=task.fill)
        blank = jnp.where((polar == 0).all((1, 2, 3)), settings.num_angles**-0.5, 0.0)
        circle = jnp.zeros_like(polar[:, :1]).at[..., 0].set(blank[:, None, None])
        return jnp.concatenate([polar, circle], axis=1)

    polar = task.trained.over_batches(lambda learnt, stored: see(stored), task.assigned.images)
    return polar[:, np.abs(polar).max((0, 2, 3)) != 0]


def orbit_neighbours(
    polar: Float[np.ndarray, "n r t c"], num_neighbours: int, task: ClusterTask
) -> Int32[np.ndarray, "n q"]:
    """The images nearest to each image over all turns, nearest first, itself left out.

    The device holds all angular spectra and `NUM_QUERIES` products with each image.
    """
    num_images, _, num_angles, _ = polar.shape
    spectra = task.trained.over_batches(lambda learnt, rows: _spectrum(rows), polar)
    size, block = min(NUM_QUERIES, num_images), min(NUM_POINTS, num_images)
    padded = np.zeros((-(-num_images // block) * block, *spectra.shape[1:]), np.float32)
    padded[:num_images] = spectra
    blocks = jnp.asarray(np.ascontiguousarray(np.moveaxis(padded.reshape(-1, block, *spectra.shape[1:]), 2, 1)))
    found = []
    with task.progress("images compared under all turns", num_images) as update:
        for first in range(0, num_images, size):
            numbers = np.minimum(np.arange(first, first + size), num_images - 1).astype(np.int32)
            queries = np.ascontiguousarray(np.moveaxis(spectra[numbers], 1, 0))
            found.append(np.asarray(_search(queries, numbers, blocks, num_images, num_neighbours, num_angles)))
            update(min(first + size, num_images), "")
    return np.concatenate(found)[:num_images]


_spectrum = jax.jit(angular_spectrum)


@functools.partial(jax.jit, static_argnames=("num_neighbours", "num_angles"))
def _search(
    queries: Float[Array, "f q m"],
    own: Int[Array, "q"],
    blocks: Float[Array, "p f r m"],
    num_images: Int[Array, ""] | int,
    num_neighbours: int,
    num_angles: int,
) -> Int[Array, "q kept"]:
    def compare(_, block):
        return None, orbit_products(queries, block, num_angles=num_angles)

    _, products = jax.lax.scan(compare, None, blocks)
    products = jnp.moveaxis(products, 0, 1).reshape(queries.shape[1], -1)
    numbers = jnp.arange(products.shape[1], dtype=jnp.int32)
    refused = (numbers >= num_images) | (numbers == own[:, None])
    return jax.lax.top_k(jnp.where(refused, -jnp.inf, products), num_neighbours)[1]
