"""Images of the steps in which an encoder is trained further: which ones, and batches of them read from disk."""

from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding
from jaxtyping import Array, Int, Shaped

from irl_inr_jax.data.batches import read_ahead
from irl_inr_jax.data.lazy import LazyImages
from irl_inr_jax.types import PyTree

# select(key, rows (b,), data) -> (b, m): the rows of the images that a step needs, the first of them its own.
Select = Callable[[jax.Array, Int[Array, "b"], PyTree], Int[Array, "b m"]]
SelectedRows = Callable[[int], Int[Array, "b m"]]


def read_batches(
    images: LazyImages, select: SelectedRows, num_steps: int, sharding: NamedSharding
) -> Iterator[Shaped[Array, "1 b m h w c"]]:
    """Yield the images in the rows select(0) ... select(num_steps - 1), each step's with the `sharding`.

    They are read ahead by threads.
    """

    def load(step: int) -> np.ndarray:
        rows = np.asarray(select(step))
        return images[rows.reshape(-1)].reshape(1, *rows.shape, *images.shape[1:])

    num_bytes = select(0).size * images.image_bytes
    return (jax.device_put(batch, sharding) for batch in read_ahead(load, 0, num_steps, num_bytes=num_bytes))


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
