"""Nearest neighbours under all rotations."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Int32

from irl_inr_jax.clustering.task import ClusterTask
from irl_inr_jax.geometry.polar import angular_spectrum, orbit_products, polar_images

# Pairs compared at once: their products for all turns, 1.6 MB each for cosines and sines, stay in a core's cache.
NUM_QUERIES = 64
NUM_POINTS = 256


def compute_polar_images(task: ClusterTask) -> Float[np.ndarray, "n r t c"]:
    """The polar images. Blank ones get a circle of their own: they are alike, and unlike all others."""
    settings = task.orbits

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
