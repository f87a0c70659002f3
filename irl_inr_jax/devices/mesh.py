"""The device mesh, and the placement of arrays on it.

The train step is mapped by `jax.shard_map` with `check_vma=False`: every device gets its part of the batch and a copy
of the state, and the step averages the gradients of the local losses. A mesh with a second axis splits the images over
both axes, and some parameters over the second (`sharding.py`).
"""

from collections.abc import Sequence

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from irl_inr_jax.types import AxisName, InputError, PyTree

AXIS = "batch"
SHARED_AXIS = "shared"


def make_mesh(devices: Sequence[object], *, num_shards: int = 1) -> Mesh:
    """Return a mesh with the axis `batch` over the devices and, for `num_shards` above 1, a second axis of that size.

    Raises InputError if `num_shards` does not divide the number of devices.
    """
    if len(devices) % num_shards:
        raise InputError(
            f"expected config.model.hypernet.num_shards to divide the {len(devices)} devices, found {num_shards}"
        )
    if num_shards == 1:
        return Mesh(np.array(devices), (AXIS,), axis_types=(AxisType.Auto,))
    grid = np.array(devices).reshape(-1, num_shards)
    return Mesh(grid, (AXIS, SHARED_AXIS), axis_types=(AxisType.Auto, AxisType.Auto))


def mapped_axes(mesh: Mesh) -> AxisName:
    """Return the `axis_name` of a function that is mapped over the mesh."""
    names = mesh.axis_names
    return names[0] if len(names) == 1 else names


def replicate(tree: PyTree, mesh: Mesh) -> PyTree:
    """Copy every leaf to every device; each process passes the same values for its own devices."""

    def replicate_leaf(leaf: np.ndarray | np.generic | jax.Array) -> jax.Array:
        if isinstance(leaf, jax.Array) and leaf.is_fully_addressable and not mesh.is_multi_process:
            return jax.device_put(leaf, NamedSharding(mesh, P()))  # no copy if it is already there
        return place(leaf, mesh, P())

    return jax.tree.map(replicate_leaf, tree)


def place(tree: PyTree, mesh: Mesh, specs: PyTree) -> PyTree:
    """Place leaves that each process holds whole as their specs require. specs: a tree, or one spec for all leaves."""

    def place_leaf(spec: P, leaf: np.ndarray | np.generic | jax.Array) -> jax.Array:
        value = np.asarray(leaf)
        return jax.make_array_from_callback(value.shape, NamedSharding(mesh, spec), lambda index: value[index])

    return jax.tree.map(place_leaf, jax.tree.broadcast(specs, tree), tree)


def gather(tree: PyTree) -> PyTree:
    """Return the tree with every leaf readable by this process; call in all processes."""

    def gather_leaf(leaf: jax.Array) -> jax.Array:
        if leaf.is_fully_addressable or leaf.is_fully_replicated:
            return leaf
        assert isinstance(leaf.sharding, NamedSharding)
        return jax.jit(_identity, out_shardings=NamedSharding(leaf.sharding.mesh, P()))(leaf)

    return jax.tree.map(gather_leaf, tree)


def _identity(leaf: jax.Array) -> jax.Array:
    return leaf


def split_over_devices(array: np.ndarray, mesh: Mesh, *, axis: int = 0) -> jax.Array:
    """Split the rows, or another axis, evenly over the devices; a process reads only its own (`local_rows`)."""
    sharding = NamedSharding(mesh, P(*[None] * axis, mesh.axis_names))
    return jax.make_array_from_callback(array.shape, sharding, lambda index: array[index])


def local_rows(mesh: Mesh, num_rows: int) -> np.ndarray:
    """Return the sorted indices (n,) of the rows that are split onto the devices of this process."""
    parts = NamedSharding(mesh, P(mesh.axis_names)).addressable_devices_indices_map((num_rows,))
    return np.sort(np.concatenate([np.arange(num_rows)[index] for index in parts.values()]))
