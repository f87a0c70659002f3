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
    """A whole copy of every leaf on every device."""
    return jax.device_put(tree, NamedSharding(mesh, P()))


def split_over_devices(array: np.ndarray, mesh: Mesh, *, axis: int = 0) -> jax.Array:
    """Equal shares of the rows, or of another axis, on the devices; each process places its own."""
    sharding = NamedSharding(mesh, P(*[None] * axis, AXIS))
    return jax.make_array_from_callback(array.shape, sharding, lambda index: array[index])


def make_take_step(
    train_steps: Callable[..., tuple[TrainState, dict[str, jax.Array]]],
    mesh: Mesh,
    stored_images: np.ndarray,
    *,
    batch_size: int,
    steps_per_call: int,
) -> TakeStep:
    """(state, indices (n, batch_size) on the host) -> (state, metrics (n,)), n at most `steps_per_call`.

    train_steps: of `training.make_train_steps`, for so many steps.
    Compiled once, run on every device of the mesh. The data set is placed on the devices here, once. The state given
    is consumed.
    """
    mapped = _map_steps(train_steps, mesh, images_spec=P())
    images = replicate(stored_images, mesh)
    positions = split_over_devices(np.arange(batch_size, dtype=np.int32), mesh)

    def take_step(state: TrainState, indices: np.ndarray) -> tuple[TrainState, dict[str, jax.Array]]:
        count = len(indices)
        filled = np.zeros((steps_per_call, batch_size), np.int32)
        filled[:count] = indices
        state, metrics = mapped(state, images, split_over_devices(filled, mesh, axis=1), positions, np.int32(count))
        return state, {name: values[:count] for name, values in metrics.items()}

    return take_step


def make_streamed_step(train_steps: Callable[..., tuple[TrainState, dict]], mesh: Mesh, *, batch_size: int) -> TakeStep:
    """(state, stored images (batch_size, h, w, c) on the host) -> (state, metrics (1,)), for a data set on disk.

    Each device gets its share of the batch alone, in which the images are numbered anew. The rest is as in
    `make_take_step`.
    """
    mapped = _map_steps(train_steps, mesh, images_spec=P(AXIS))
    share = np.arange(batch_size // mesh.size, dtype=np.int32)
    indices = split_over_devices(np.tile(share, mesh.size)[None], mesh, axis=1)
    positions = split_over_devices(np.arange(batch_size, dtype=np.int32), mesh)

    def take_step(state: TrainState, images: np.ndarray) -> tuple[TrainState, dict[str, jax.Array]]:
        return mapped(state, split_over_devices(images, mesh), indices, positions, np.int32(1))

    return take_step


def _map_steps(train_steps: Callable[..., tuple[TrainState, dict]], mesh: Mesh, *, images_spec: P) -> Callable:
    mapped = jax.shard_map(
        train_steps,
        mesh=mesh,
        in_specs=(P(), images_spec, P(None, AXIS), P(AXIS), P()),
        out_specs=(P(), P()),
        check_vma=False,
    )
    return jax.jit(mapped, donate_argnums=0)
