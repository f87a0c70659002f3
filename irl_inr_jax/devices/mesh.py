"""Devices: the mesh, what lies where, and the train step mapped over it.

`jax.shard_map` with `check_vma=False` gives every device its share of the batch and a whole copy of the state, as
`jax.pmap` does; the gradient of the local loss is then averaged inside the step (`training.make_train_step`). A mesh
with a second axis shares images out over both, and some parameters over the second (`sharding.py`).
"""

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from irl_inr_jax.types import AxisName, PyTree

AXIS = "batch"
SHARED_AXIS = "shared"


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
