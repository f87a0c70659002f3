"""Devices: the mesh, what lies where, and the train step mapped over it.

`jax.shard_map` with `check_vma=False` gives every device its share of the batch and a whole copy of the state, as
`jax.pmap` does; the gradient of the local loss is then averaged inside the step (`training.make_train_step`).
"""

from collections.abc import Callable

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from irl_inr_jax.types import PyTree, TrainState

AXIS = "batch"

TakeStep = Callable[[TrainState, np.ndarray], tuple[TrainState, dict[str, jax.Array]]]


def make_mesh(devices: list[jax.Device]) -> Mesh:
    """A mesh with the one axis `batch` over the devices."""
    return Mesh(np.array(devices), (AXIS,), axis_types=(AxisType.Auto,))


def replicate(tree: PyTree, mesh: Mesh) -> PyTree:
    """A whole copy of every leaf on every device; each process places its own, which must be the same."""
    sharding = NamedSharding(mesh, P())

    def place(leaf: np.ndarray | np.generic | jax.Array) -> jax.Array:
        value = np.asarray(leaf)
        return jax.make_array_from_callback(value.shape, sharding, lambda index: value[index])

    return jax.tree.map(place, tree)


def split_over_devices(array: np.ndarray, mesh: Mesh) -> jax.Array:
    """Equal shares of the rows on the devices; each process places its own and looks at no others (`local_rows`)."""
    sharding = NamedSharding(mesh, P(AXIS))
    return jax.make_array_from_callback(array.shape, sharding, lambda index: array[index])


def local_rows(mesh: Mesh, num_rows: int) -> np.ndarray:
    """(n,) which of the rows the devices of this process take, in order."""
    shares = NamedSharding(mesh, P(AXIS)).addressable_devices_indices_map((num_rows,))
    return np.sort(np.concatenate([np.arange(num_rows)[index] for index in shares.values()]))


def make_take_step(
    train_step: Callable[..., tuple[TrainState, dict[str, jax.Array]]],
    mesh: Mesh,
    stored_images: np.ndarray,
    batch_size: int,
) -> TakeStep:
    """(state, indices (batch_size,) on the host) -> (state, metrics), compiled once, run on every device of the mesh.

    The data set is placed on the devices here, once. The state given to a step is consumed by it.
    """
    mapped = _map_step(train_step, mesh, images_spec=P())
    images = replicate(stored_images, mesh)
    positions = split_over_devices(np.arange(batch_size, dtype=np.int32), mesh)

    def take_step(state: TrainState, indices: np.ndarray) -> tuple[TrainState, dict[str, jax.Array]]:
        return mapped(state, images, split_over_devices(indices, mesh), positions)

    return take_step


def make_streamed_step(train_step: Callable[..., tuple[TrainState, dict]], mesh: Mesh, batch_size: int) -> TakeStep:
    """(state, stored images (batch_size, h, w, c) on the host) -> (state, metrics), for a data set on disk.

    Each device gets its share of the batch alone, in which the images are numbered anew. The rest is as in
    `make_take_step`.
    """
    mapped = _map_step(train_step, mesh, images_spec=P(AXIS))
    share = np.arange(batch_size // mesh.size, dtype=np.int32)
    indices = split_over_devices(np.tile(share, mesh.size), mesh)
    positions = split_over_devices(np.arange(batch_size, dtype=np.int32), mesh)

    def take_step(state: TrainState, images: np.ndarray) -> tuple[TrainState, dict[str, jax.Array]]:
        return mapped(state, split_over_devices(images, mesh), indices, positions)

    return take_step


def _map_step(train_step: Callable[..., tuple[TrainState, dict]], mesh: Mesh, *, images_spec: P) -> Callable:
    mapped = jax.shard_map(
        train_step,
        mesh=mesh,
        in_specs=(P(), images_spec, P(AXIS), P(AXIS)),
        out_specs=(P(), P()),
        check_vma=False,
    )
    return jax.jit(mapped, donate_argnums=0)
