"""A trained method over a whole data set: latents and poses, images drawn from them, and `Embeddings` on disk."""

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from irl_inr_jax.data.lazy import LazyImages
from irl_inr_jax.data.scaling import to_display, to_unit
from irl_inr_jax.geometry.coords import invert_pose, pixel_grid, transform_coords
from irl_inr_jax.metrics.recon import mse
from irl_inr_jax.types import Embeddings, ImageSet, Method, Pose, PyTree, Scaling


@dataclasses.dataclass(frozen=True)
class TrainedMethod:
    """A method with its learnt values, and what stored pixels stand for."""

    method: Method
    params: PyTree
    model_state: PyTree
    scaling: Scaling
    batch_size: int

    def to_unit(self, stored: np.ndarray | jax.Array) -> jax.Array:
        """Stored pixels as float32, 0 for background, in [low, 1]."""
        return to_unit(self.scaling, stored)

    def to_display(self, unit: np.ndarray | jax.Array) -> np.ndarray:
        """Values in [low, 1] as values in [0, 1] for pictures."""
        return to_display(self.scaling, unit)

    def displayed(self, stored: np.ndarray | LazyImages) -> LazyImages:
        """Stored images (n, h, w, c) for pictures, of which only those that are drawn are ever converted."""
        return LazyImages(
            lambda rows: self.to_display(self.to_unit(stored[rows])),
            stored.shape[1:],
            np.dtype(np.float32),
            np.arange(len(stored)),
        )

    def over_batches(self, function: Callable[..., PyTree], *arrays: PyTree) -> PyTree:
        """function((params, model_state), *rows) over all rows, in batches of one size so that it compiles once."""
        return map_batches(functools.partial(function, (self.params, self.model_state)), *arrays, size=self.batch_size)

    def encode(self, stored: np.ndarray) -> tuple[Float[np.ndarray, "n d"], Pose | None]:
        """Latents and poses of stored images (n, h, w, c)."""
        return self.over_batches(_compiled_encode(self.method, self.scaling), stored)

    def encode_unit(self, images: Float[np.ndarray, "n h w c"]) -> tuple[Float[np.ndarray, "n d"], Pose | None]:
        """Latents and poses of images whose values are already in [low, 1]."""
        return self.over_batches(_compiled_encode(self.method, None), images)

    def draw(self, latents: Float[np.ndarray, "n d"], pose: Pose | None, *, side: int) -> Float[np.ndarray, "n s s c"]:
        """The images that latents and pose stand for, `side` pixels high and wide; the canonical ones for no pose."""
        return self.over_batches(_compiled_draw(self.method, side), latents, pose)

    def recon_errors(self, stored: np.ndarray, latents: np.ndarray, pose: Pose | None) -> Float[np.ndarray, "n"]:
        """Mean squared error of each image against what latents and pose draw."""
        draw = _compiled_draw(self.method, stored.shape[1])

        def one_batch(learnt, rows, latents, pose):
            return mse(np.asarray(self.to_unit(rows)), np.asarray(draw(learnt, latents, pose)))

        return self.over_batches(one_batch, stored, latents, pose)


def map_batches(function: Callable[..., PyTree], *arrays: PyTree, size: int) -> PyTree:
    """function(*rows) over all rows, `size` at a time, joined along the first axis, on the host.

    The last batch is padded with copies of its last row, which are cut off again.
    """
    total = len(jax.tree.leaves(arrays)[0])
    size = min(size, total)
    outputs = []
    for first in range(0, total, size):
        rows = np.minimum(np.arange(first, first + size), total - 1)
        kept = min(size, total - first)
        result = function(*jax.tree.map(lambda a, rows=rows: a[rows], arrays))
        outputs.append(jax.tree.map(lambda leaf, kept=kept: np.asarray(leaf)[:kept], result))
    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *outputs)


# Cached by method, so that the pictures of a run and its evaluation compile each function once.
@functools.lru_cache
def _compiled_encode(method: Method, scaling: Scaling | None) -> Callable[..., PyTree]:
    return jax.jit(lambda learnt, rows: method.encode(*learnt, rows if scaling is None else to_unit(scaling, rows)))


@functools.lru_cache
def _compiled_draw(method: Method, side: int) -> Callable[..., jax.Array]:
    @jax.jit
    def draw(learnt, latents, pose):
        coords = jnp.broadcast_to(pixel_grid(side, side), (len(latents), side * side, 2))
        if pose is not None:
            coords = transform_coords(coords, invert_pose(pose))
        return method.reconstruct(*learnt, latents, coords).reshape(len(latents), side, side, -1)

    return draw


def embed_images(trained: TrainedMethod, images: ImageSet) -> Embeddings:
    """What the encoder makes of a split, in input order."""
    latents, pose = trained.encode(images.images)
    return Embeddings(ids=images.ids, latents=latents, pose=pose, labels=images.labels)


def save_embeddings(path: Path, embeddings: Embeddings) -> None:
    """An npz with `id`, `latents`, and where there are any `theta` (radians), `tau` (coords) and `label`."""
    arrays = {"id": embeddings.ids, "latents": embeddings.latents}
    if embeddings.pose is not None:
        arrays |= {"theta": embeddings.pose.theta, "tau": embeddings.pose.tau}
    if embeddings.labels is not None:
        arrays["label"] = embeddings.labels
    np.savez(path, **arrays)


def load_embeddings(path: Path) -> Embeddings:
    """What `save_embeddings` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        pose = Pose(theta=arrays["theta"], tau=arrays["tau"]) if "theta" in arrays else None
        return Embeddings(ids=arrays["id"], latents=arrays["latents"], pose=pose, labels=arrays.get("label"))
