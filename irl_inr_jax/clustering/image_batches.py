"""Batches of stored images, in memory or on disk, for the further training of an encoder."""

from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Int, Shaped

from irl_inr_jax.data.batches import read_ahead
from irl_inr_jax.data.lazy import LazyImages
from irl_inr_jax.devices.mesh import AXIS, replicate
from irl_inr_jax.types import PyTree

# select(key, rows (b,), data) -> (b, m): the rows of the images that a step needs, the first of them its own.
Select = Callable[[jax.Array, Int[Array, "b"], PyTree], Int[Array, "b m"]]
SelectedRows = Callable[[int], Int[Array, "b m"]]
ImageBatches = Iterator[Shaped[Array, "b m h w c"]]


def make_image_batches(
    images: Shaped[np.ndarray, "n h w c"] | LazyImages, mesh: Mesh
) -> Callable[[SelectedRows, int], ImageBatches]:
    """Make batches(select, num_steps), which yields the images in the rows select(0) ... select(num_steps - 1).

    Images in memory are copied to every device once. Streamed images are read ahead by threads, and give the same
    batches. A batch is split over the devices of the mesh by its first axis.
    """
    split = NamedSharding(mesh, PartitionSpec(AXIS))
    if isinstance(images, LazyImages):
        return lambda select, num_steps: _read_batches(images, select, num_steps, split)
    stored = replicate(jnp.asarray(images), mesh)
    gather_rows = jax.jit(lambda stored, rows: stored[rows], out_shardings=split)
    return lambda select, num_steps: (gather_rows(stored, select(step)) for step in range(num_steps))


def _read_batches(images: LazyImages, select: SelectedRows, num_steps: int, split: NamedSharding) -> ImageBatches:
    def load(step: int) -> np.ndarray:
        rows = np.asarray(select(step))
        return images[rows.reshape(-1)].reshape(*rows.shape, *images.shape[1:])

    num_bytes = select(0).size * images.image_bytes
    return (jax.device_put(batch, split) for batch in read_ahead(load, 0, num_steps, num_bytes=num_bytes))


def select_own(key: jax.Array, rows: Int[Array, "b"], data: PyTree) -> Int[Array, "b 1"]:
    """Select only the images of the batch."""
    return rows[:, None]


def select_pairs(key: jax.Array, rows: Int[Array, "b"], data: PyTree) -> Int[Array, "b 2"]:
    """Select the images of the batch, and one of the `data["neighbours"]` of each, chosen at random."""
    choice_key, _ = jax.random.split(key)
    return jnp.stack([rows, draw_neighbours(choice_key, data["neighbours"][rows])], axis=1)


def draw_neighbours(key: jax.Array, neighbours: Int[Array, "b q"]) -> Int[Array, "b"]:
    """Return one of the neighbours of each image, chosen at random."""
    chosen = jax.random.randint(key, neighbours.shape[:1], 0, neighbours.shape[1])
    return jnp.take_along_axis(neighbours, chosen[:, None], axis=1)[:, 0]
