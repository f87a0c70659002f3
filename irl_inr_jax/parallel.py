"""Devices: the mesh, what lies where, and the train step mapped over it.

`jax.shard_map` with `check_vma=False` gives every device its share of the batch and a whole copy of the state, as
`jax.pmap` does; the gradient of the local loss is then averaged inside the step (`training.make_train_step`). A mesh
with a second axis shares images out over both, and some parameters over the second (`sharding.py`).
"""

from collections.abc import Callable

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from irl_inr_jax.types import AxisName, PyTree, TrainState

AXIS = "batch"
SHARED_AXIS = "shared"

TakeStep = Callable[[TrainState, np.ndarray], tuple[TrainState, dict[str, jax.Array]]]


def make_mesh(devices: list[jax.Device], *, num_shards: int = 1) -> Mesh:
    """A mesh with the one axis `batch` over the devices; with `num_shards` above 1 a second one of so many devices."""
    if num_shards == 1:
        return Mesh(np.array(devices), (AXIS,), axis_types=(AxisType.Auto,))
    grid = np.array(devices).reshape(-1, num_shards)
    return Mesh(grid, (AXIS, SHARED_AXIS), axis_types=(AxisType.Auto, AxisType.Auto))


def mapped_axes(mesh: Mesh) -> AxisName:
    """`axis_name` of what is mapped over the mesh."""
    return mesh.axis_names if len(mesh.axis_names) > 1 else mesh.axis_names[0]


def replicate(tree: PyTree, mesh: Mesh) -> PyTree:
    """A whole copy of every leaf on every device; each process places its own, which must be the same."""

    def replicate_leaf(leaf: np.ndarray | np.generic | jax.Array) -> jax.Array:
        if isinstance(leaf, jax.Array) and leaf.is_fully_addressable and not mesh.is_multi_process:
            return jax.device_put(leaf, NamedSharding(mesh, P()))  # nothing to do for what lies there already
        return place(leaf, mesh, P())

    return jax.tree.map(replicate_leaf, tree)


def place(tree: PyTree, mesh: Mesh, specs: PyTree) -> PyTree:
    """Every leaf, whole on the host, as its spec says; each process places its own. specs: a tree, or one for all."""

    def place_leaf(spec: P, leaf: np.ndarray | np.generic | jax.Array) -> jax.Array:
        value = np.asarray(leaf)
        return jax.make_array_from_callback(value.shape, NamedSharding(mesh, spec), lambda index: value[index])

    return jax.tree.map(place_leaf, jax.tree.broadcast(specs, tree), tree)


def gather(tree: PyTree) -> PyTree:
    """The tree as this process can read it: what it has only a part of comes whole. Called by all processes."""

    def whole(leaf: jax.Array) -> jax.Array:
        if leaf.is_fully_addressable or leaf.is_fully_replicated:
            return leaf
        return jax.jit(_same, out_shardings=NamedSharding(leaf.sharding.mesh, P()))(leaf)

    return jax.tree.map(whole, tree)


def _same(leaf: jax.Array) -> jax.Array:
    return leaf


def split_over_devices(array: np.ndarray, mesh: Mesh, *, axis: int = 0) -> jax.Array:
    """Equal shares of the rows, or of another axis, on the devices; each process looks at its own (`local_rows`)."""
    sharding = NamedSharding(mesh, P(*[None] * axis, mesh.axis_names))
    return jax.make_array_from_callback(array.shape, sharding, lambda index: array[index])


def local_rows(mesh: Mesh, num_rows: int) -> np.ndarray:
    """(n,) which of the rows the devices of this process take, in order."""
    shares = NamedSharding(mesh, P(mesh.axis_names)).addressable_devices_indices_map((num_rows,))
    return np.sort(np.concatenate([np.arange(num_rows)[index] for index in shares.values()]))


def make_take_step(
    train_steps: Callable[..., tuple[TrainState, dict[str, jax.Array]]],
    mesh: Mesh,
    stored_images: np.ndarray,
    *,
    state_specs: PyTree,
    batch_size: int,
    steps_per_call: int,
) -> TakeStep:
    """(state, indices (n, batch_size) on the host) -> (state, metrics (n,)), n at most `steps_per_call`.

    train_steps: of `training.make_train_steps`, for so many steps. state_specs: of `sharding.state_specs`.
    Compiled once, run on every device of the mesh. The data set is placed on the devices here, once. The state given
    is consumed.
    """
    mapped = map_steps(train_steps, mesh, images_spec=P(), state_specs=state_specs)
    images = replicate(stored_images, mesh)
    positions = split_over_devices(np.arange(batch_size, dtype=np.int32), mesh)

    def take_step(state: TrainState, indices: np.ndarray) -> tuple[TrainState, dict[str, jax.Array]]:
        count = len(indices)
        filled = np.zeros((steps_per_call, batch_size), np.int32)
        filled[:count] = indices
        state, metrics = mapped(state, images, split_over_devices(filled, mesh, axis=1), positions, np.int32(count))
        return state, {name: values[:count] for name, values in metrics.items()}

    return take_step


def make_streamed_step(
    train_steps: Callable[..., tuple[TrainState, dict]], mesh: Mesh, *, state_specs: PyTree, batch_size: int
) -> TakeStep:
    """(state, stored images (batch_size, h, w, c) on the host) -> (state, metrics (1,)), for a data set on disk.

    Each device gets its share of the batch alone, in which the images are numbered anew. The rest is as in
    `make_take_step`.
    """
    mapped = map_steps(train_steps, mesh, images_spec=P(mesh.axis_names), state_specs=state_specs)
    share = np.arange(batch_size // mesh.size, dtype=np.int32)
    indices = split_over_devices(np.tile(share, mesh.size)[None], mesh, axis=1)
    positions = split_over_devices(np.arange(batch_size, dtype=np.int32), mesh)

    def take_step(state: TrainState, images: np.ndarray) -> tuple[TrainState, dict[str, jax.Array]]:
        return mapped(state, split_over_devices(images, mesh), indices, positions, np.int32(1))

    return take_step


def map_steps(
    train_steps: Callable[..., tuple[TrainState, dict]], mesh: Mesh, *, images_spec: P, state_specs: PyTree
) -> Callable:
    """(state, images, indices (n, batch), positions (batch,), count) -> (state, metrics), jitted over the mesh.

    images_spec: whole everywhere, or shared out as the rows of the batch are.
    """
    shares = mesh.axis_names
    mapped = jax.shard_map(
        train_steps,
        mesh=mesh,
        in_specs=(state_specs, images_spec, P(None, shares), P(shares), P()),
        out_specs=(state_specs, P()),
        check_vma=False,
    )
    return jax.jit(mapped, donate_argnums=0)
