"""The training images as the steps of a run read them, and the neighbours that are sampled for each image."""

from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Int, Int32
from ml_collections import ConfigDict

from irl_inr_jax.augment.views import example_keys
from irl_inr_jax.types import Leaf

# Number of the key for neighbours among those derived from a step's key, of which the methods use the first few.
NEIGHBOUR_STREAM = 2**31 - 1


class StoredImages(NamedTuple):
    """Images in their own dtype, (n, h, w, c), and the rows of each image's neighbours, (n, q), or None without."""

    images: Leaf
    neighbours: Leaf | None


def sample_neighbours(
    key: jax.Array, neighbours: Int[Array, "n q"], indices: Int[Array, "b"], positions: Int[Array, "b"]
) -> Int[Array, "b"]:
    """Sample one neighbour of each image in `indices`; key: of the step; positions: in the global batch."""
    keys = example_keys(jax.random.fold_in(key, NEIGHBOUR_STREAM), positions)
    columns = jax.vmap(lambda key: jax.random.randint(key, (), 0, neighbours.shape[1]))(keys)
    return neighbours[indices, columns]


def arbitrary_neighbours(config: ConfigDict, num_images: int) -> Int32[np.ndarray, "n q"] | None:
    """Return the next images in order as the neighbours of each, or None if the loss needs none.

    With them the steps of a run can be timed without a search.
    """
    if not config.loss.neighbours:
        return None
    rows = np.arange(num_images, dtype=np.int32)[:, None]
    return (rows + 1 + np.arange(config.loss.num_neighbours, dtype=np.int32)) % np.int32(num_images)
