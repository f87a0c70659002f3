"""Apply a trained method to whole data sets: encode, reconstruct, render."""

import collections
import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec
from jaxtyping import Float

from irl_inr_jax.data.batches import read_ahead
from irl_inr_jax.data.lazy import LazyImages
from irl_inr_jax.data.scaling import to_display, to_unit
from irl_inr_jax.devices.mesh import AXIS, make_mesh, replicate
from irl_inr_jax.geometry.coords import invert_pose, pixel_grid, transform_coords
from irl_inr_jax.metrics.reconstruction import mse
from irl_inr_jax.types import Method, Pose, PyTree, Scaling

NUM_AHEAD = 2  # batches that are started before an earlier one is fetched


@dataclasses.dataclass(frozen=True)
class TrainedMethod:
    """A method with trained parameters, and the scaling of stored pixels."""

    method: Method
    params: PyTree
    model_state: PyTree
    scaling: Scaling
    batch_size: int

    def to_unit(self, stored: np.ndarray | jax.Array) -> jax.Array:
        """Convert stored pixels to float32 in [low, 1], 0 for background."""
        return to_unit(self.scaling, stored)

    def to_display(self, unit: np.ndarray | jax.Array) -> np.ndarray:
        """Convert values in [low, 1] to values in [0, 1] for display."""
        return to_display(self.scaling, unit)

    def displayed(self, stored: np.ndarray | LazyImages) -> LazyImages:
        """Return stored images (n, h, w, c) as images for display, which are converted when they are read."""
        return LazyImages(
            lambda rows: self.to_display(self.to_unit(stored[rows])),
            stored.shape[1:],
            np.dtype(np.float32),
            np.arange(len(stored)),
        )

    def over_batches(self, function: Callable[..., PyTree], *arrays: PyTree) -> PyTree:
        """Apply function((params, model_state), *rows) to all rows, in batches of one size so that it compiles once."""
        return map_batches(function, (self.params, self.model_state), *arrays, size=self.batch_size)

    def encode(self, stored: np.ndarray | LazyImages) -> tuple[Float[np.ndarray, "n d"], Pose | None]:
        """Return latents and poses of stored images (n, h, w, c)."""
        return self.over_batches(_compiled_encode(self.method, self.scaling), stored)

    def encode_unit(self, images: Float[np.ndarray, "n h w c"]) -> tuple[Float[np.ndarray, "n d"], Pose | None]:
        """Return latents and poses of images with values in [low, 1]."""
        return self.over_batches(_compiled_encode(self.method, None), images)

    def render(
        self, latents: Float[np.ndarray, "n d"], pose: Pose | None, *, side: int
    ) -> Float[np.ndarray, "n s s c"]:
        """Render the images of latents and pose, `side` pixels high and wide; canonical images without a pose."""
        return self.over_batches(_compiled_render(self.method, side), latents, pose)

    def recon_errors(
        self, stored: np.ndarray | LazyImages, latents: np.ndarray, pose: Pose | None
    ) -> Float[np.ndarray, "n"]:
        """Return the mean squared error of the reconstruction of each image from its latents and pose."""
        render = _compiled_render(self.method, stored.shape[1])

        def one_batch(variables, rows, latents, pose):
            return mse(np.asarray(self.to_unit(rows)), np.asarray(render(variables, latents, pose)))

        return self.over_batches(one_batch, stored, latents, pose)


def map_batches(function: Callable[..., PyTree], given: PyTree, *arrays: PyTree, size: int) -> PyTree:
    """Apply function(given, *rows) to all rows in batches of about `size`, and concatenate the results on the host.

    The rows of a batch are split over the local devices, each of which holds all of `given`. The last batch is padded
    with copies of its last row, whose results are dropped. `NUM_AHEAD` more batches are started before one is fetched,
    and images on disk are read ahead.
    """
    mesh = make_mesh(jax.local_devices())
    given, split = replicate(given, mesh), NamedSharding(mesh, PartitionSpec(AXIS))
    leaves = jax.tree.leaves(arrays)
    total = len(leaves[0])
    size = round_batch(size, total, mesh.size)
    num_batches = -(-total // size)

    def load(number: int) -> tuple[PyTree, ...]:
        rows = np.minimum(np.arange(number * size, (number + 1) * size), total - 1)
        return jax.tree.map(lambda array: array[rows], arrays)

    on_disk = any(isinstance(leaf, LazyImages) for leaf in leaves)
    num_bytes = size * sum(leaf.image_bytes for leaf in leaves if isinstance(leaf, LazyImages))
    loaded = read_ahead(load, 0, num_batches, num_bytes=num_bytes) if on_disk else map(load, range(num_batches))
    # A compiled function places arrays on the only device itself, in less time.
    placed = loaded if mesh.size == 1 else (jax.device_put(rows, split) for rows in loaded)
    started = (function(given, *rows) for rows in placed)
    joined = None
    for first, result in zip(range(0, total, size), _delay(started, NUM_AHEAD), strict=True):
        if joined is None:
            joined = jax.tree.map(lambda leaf: np.empty((total, *leaf.shape[1:]), leaf.dtype), result)
        for whole, part in zip(jax.tree.leaves(joined), jax.tree.leaves(result), strict=True):
            whole[first : first + size] = np.asarray(part)[: total - first]
    return joined


def round_batch(size: int, total: int, num_devices: int) -> int:
    """Return the rows of a batch: `size`, or the next power of two for fewer rows; a multiple of the devices.

    Sets of any size then need few compiled programs, and a small set does not take the time of a full batch.
    """
    rows = min(size, 1 << (total - 1).bit_length())
    return -(-rows // num_devices) * num_devices


def _delay(results: Iterable[PyTree], number: int) -> Iterator[PyTree]:
    """Yield the results in order, each once `number` more have been started."""
    waiting = collections.deque()
    for result in results:
        waiting.append(result)
        if len(waiting) > number:
            yield waiting.popleft()
    yield from waiting


# Cached by method, so that a run and its evaluation compile each function once.
@functools.lru_cache
def _compiled_encode(method: Method, scaling: Scaling | None) -> Callable[..., PyTree]:
    return jax.jit(
        lambda variables, rows: method.encode(*variables, rows if scaling is None else to_unit(scaling, rows))
    )


@functools.lru_cache
def _compiled_render(method: Method, side: int) -> Callable[..., jax.Array]:
    @jax.jit
    def render(variables, latents, pose):
        assert method.reconstruct is not None, f"{method.name} has no decoder"
        coords = jnp.broadcast_to(pixel_grid(side, side), (len(latents), side * side, 2))
        if pose is not None:
            coords = transform_coords(coords, invert_pose(pose))
        return method.reconstruct(*variables, latents, coords).reshape(len(latents), side, side, -1)

    return render
