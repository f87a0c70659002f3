"""Nearest neighbours of images under all rotations."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Int32, Shaped

from irl_inr_jax.data.lazy import LazyImages
from irl_inr_jax.data.scaling import to_unit
from irl_inr_jax.geometry.polar import angular_spectrum, orbit_products, polar_images
from irl_inr_jax.training.inference import map_batches
from irl_inr_jax.training.progress import show_progress
from irl_inr_jax.types import Scaling

# Pairs compared at once: their products for all rotations, 1.6 MB each for cosines and sines, fit a core's cache.
NUM_QUERIES = 64
NUM_POINTS = 256


def compute_polar_images(
    images: Shaped[np.ndarray, "n h w c"] | LazyImages,
    scaling: Scaling,
    *,
    num_radii: int,
    num_angles: int,
    fill: float,
    batch_size: int,
) -> Float[np.ndarray, "n r t c"]:
    """Compute the polar images of stored images, with an additional circle that marks blank images.

    The circle makes blank images similar to each other and dissimilar to all others. Circles that are zero in all
    images are removed.
    """

    @jax.jit
    def compute(_, stored):
        unit = to_unit(scaling, stored)
        polar = polar_images(unit, num_radii=num_radii, num_angles=num_angles, fill=fill)
        blank = jnp.where((polar == 0).all((1, 2, 3)), num_angles**-0.5, 0.0)
        circle = jnp.zeros_like(polar[:, :1]).at[..., 0].set(blank[:, None, None])
        return jnp.concatenate([polar, circle], axis=1)

    polar = map_batches(compute, (), images, size=batch_size)
    return polar[:, np.abs(polar).max((0, 2, 3)) != 0]


def orbit_neighbours(
    polar: Float[np.ndarray, "n r t c"], num_neighbours: int, *, batch_size: int
) -> Int32[np.ndarray, "n q"]:
    """Find the images nearest to each image over all rotations, nearest first, itself excluded.

    The device holds all angular spectra and the products of `NUM_QUERIES` images with all images.
    """
    num_images, _, num_angles, _ = polar.shape
    spectra = map_batches(lambda _, rows: _spectrum(rows), (), polar, size=batch_size)
    size, block = min(NUM_QUERIES, num_images), min(NUM_POINTS, num_images)
    padded = np.zeros((-(-num_images // block) * block, *spectra.shape[1:]), np.float32)
    padded[:num_images] = spectra
    blocks = jnp.asarray(np.ascontiguousarray(np.moveaxis(padded.reshape(-1, block, *spectra.shape[1:]), 2, 1)))
    found = []
    with show_progress("images compared under all rotations", num_images) as update:
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
    excluded = (numbers >= num_images) | (numbers == own[:, None])
    return jax.lax.top_k(jnp.where(excluded, -jnp.inf, products), num_neighbours)[1]
