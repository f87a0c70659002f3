"""Exact nearest neighbours, searched on the device in bounded memory."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32, Int, Int32

NUM_QUERIES = 1024
NUM_POINTS = 8192


def exact_neighbours(
    queries: Float[np.ndarray, "m d"],
    points: Float[np.ndarray, "n d"],
    num_neighbours: int,
    *,
    leave_out_self: bool,
    by_angle: bool = False,
) -> tuple[Int32[np.ndarray, "m q"], Float32[np.ndarray, "m q"]]:
    """Find the rows of `points` nearest to each query, nearest first, and their Euclidean distances.

    leave_out_self: `queries` are `points`, and no row is its own neighbour; duplicates of it are.
    by_angle: all rows are first scaled to unit length.
    Memory in addition to the arguments: one float32 copy of the points and `NUM_QUERIES` x `NUM_POINTS` distances, both
    on the device.

    Raises ValueError if there are fewer points than `num_neighbours`.
    """
    check_num_neighbours(num_neighbours, len(points) - leave_out_self)
    prepare = to_directions if by_angle else np.asarray
    firsts = range(0, len(points), NUM_POINTS)
    sums = (prepare(points[first : first + NUM_POINTS]).sum(axis=0, dtype=np.float64) for first in firsts)
    mean = sum(sums) / len(points)

    def centre(rows: Float[np.ndarray, "r d"]) -> Float32[np.ndarray, "r d"]:
        # |q|^2 + |p|^2 - 2qp loses precision for points far from the origin.
        return (prepare(rows) - mean).astype(np.float32)

    blocks = jnp.zeros((len(firsts), min(NUM_POINTS, len(points)), points.shape[1]), jnp.float32)
    for number, first in enumerate(firsts):
        blocks = _fill_block(blocks, centre(points[first : first + NUM_POINTS]), np.int32(number))
    size = min(NUM_QUERIES, len(queries))
    found = []
    for first in range(0, len(queries), size):
        numbers = np.minimum(np.arange(first, first + size), len(queries) - 1).astype(np.int32)
        own = numbers if leave_out_self else np.full(size, -1, np.int32)
        found.append(jax.device_get(_search(centre(queries[numbers]), own, blocks, len(points), num_neighbours)))
    indices, squares = (np.concatenate(parts)[: len(queries)] for parts in zip(*found, strict=True))
    return indices, np.sqrt(squares)


def check_num_neighbours(num_neighbours: int, available: int) -> None:
    """Raise ValueError unless there are as many points to be neighbours, and at least one is wanted."""
    if not 1 <= num_neighbours <= available:
        raise ValueError(f"expected num_neighbours from 1 to {available}, found {num_neighbours}")


def to_directions(rows: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    """Scale all rows to unit length; a row of zeros stays."""
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


@functools.partial(jax.jit, donate_argnums=0)
def _fill_block(
    blocks: Float[Array, "p r d"], rows: Float[Array, "s d"], number: Int[Array, ""]
) -> Float[Array, "p r d"]:
    """Write the rows into one of the blocks, in place."""
    return jax.lax.dynamic_update_slice(blocks, rows[None], (number, 0, 0))


@functools.partial(jax.jit, static_argnames="num_neighbours")
def _search(
    queries: Float[Array, "m d"],
    own: Int[Array, "m"],
    blocks: Float[Array, "p r d"],
    num_points: Int[Array, ""] | int,
    num_neighbours: int,
) -> tuple[Int[Array, "m q"], Float[Array, "m q"]]:
    num_queries, block_rows = len(queries), blocks.shape[1]
    query_norms = (queries**2).sum(-1)[:, None]

    def merge(best, numbered):
        block, first = numbered
        products = jnp.matmul(queries, block.T, precision=jax.lax.Precision.HIGHEST)
        squares = jnp.maximum(query_norms + (block**2).sum(-1) - 2 * products, 0.0)
        numbers = first + jnp.arange(block_rows, dtype=jnp.int32)
        excluded = (numbers >= num_points) | (numbers == own[:, None])
        squares = jnp.where(excluded, jnp.inf, squares)
        kept = min(num_neighbours, block_rows)
        negative, columns = jax.lax.top_k(-squares, kept)
        all_squares = jnp.concatenate([best[1], -negative], axis=1)
        all_numbers = jnp.concatenate([best[0], numbers[columns]], axis=1)
        negative, columns = jax.lax.top_k(-all_squares, num_neighbours)
        return (jnp.take_along_axis(all_numbers, columns, axis=1), -negative), None

    start = (
        jnp.zeros((num_queries, num_neighbours), jnp.int32),
        jnp.full((num_queries, num_neighbours), jnp.inf, jnp.float32),
    )
    firsts = block_rows * jnp.arange(len(blocks), dtype=jnp.int32)
    best, _ = jax.lax.scan(merge, start, (blocks, firsts))
    return best
