"""Frozen records that are passed between the layers.

Letters in shapes: `b` images in a batch, `h w c` rows, columns and channels, `n` points, `d` latent size.
Coordinates, angles and poses follow the convention defined in `geometry/coords.py`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import flax.struct
import jax
import numpy as np

PyTree = Any
# The axis of a mapped function, None outside one; a pair where the second axis is that of devices sharing parameters.
AxisName = str | tuple[str, str] | None
Leaf = Any  # an array, or anything `jax.tree.map` puts in its place: a tracer, a shape, a sharding


class InputError(ValueError):
    """User input that cannot be used; the message gives what was expected, what was found and what to do.

    Commands print it as one line and exit with status 2. Any other exception is a fault of this package and keeps its
    traceback.
    """


@flax.struct.dataclass
class Pose:
    """Rotation and translation of an image: J = S_{theta,tau}[canonical image] (paper, section 3.2).

    theta: radians, counter-clockwise, shape (*batch,).
    tau: position of the canonical origin in coords of [-1, 1]^2, shape (*batch, 2).
    """

    theta: Leaf
    tau: Leaf


@flax.struct.dataclass
class Batch:
    """Input of one training step.

    images: (b, h, w, c) float32, 0 for background, in [0, 1] or [-1, 1].
    positions: (b,) index of each image in the global batch. Random numbers are keyed by it, so that they do not depend
        on the number of devices that share the batch.
    progress: scalar in [0, 1], the completed share of the run; ramps are functions of it.
    neighbours: (b, h, w, c) float32, an image from the neighbourhood of each image, or None.
    """

    images: Leaf
    positions: Leaf
    progress: Leaf
    neighbours: Leaf | None


@flax.struct.dataclass
class TrainState:
    """Everything that a step reads and writes, and everything that a checkpoint holds.

    step: scalar int32, completed steps. key: the run's key as raw uint32 data; step keys are folded from it.
    """

    step: Leaf
    key: Leaf
    params: PyTree
    model_state: PyTree
    opt_state: PyTree


def share_nothing(path: tuple[str, ...]) -> bool:
    """Return False: the default `is_shared`, under which every device holds all parameters."""
    return False


@dataclasses.dataclass(frozen=True)
class Method:
    """A representation learning method: pure functions made once from the configuration.

    init(key, images) -> (params, model_state)
    loss(params, model_state, key, batch) -> (scalar, (metrics, model_state)); `metrics` contains every loss term.
    encode(params, model_state, images) -> (latents (b, d), Pose | None)
    reconstruct(params, model_state, latents, coords) -> values (b, n, c) at coords (b, n, 2); None for a method without
        a decoder.
    encode_in_training(params, model_state, images) -> (latents, batch_stats): with batch norm by the statistics of
        these images, and its updated running averages; None for a method without batch norm.
    is_shared(path) -> whether the last axis of the parameter at that path of `params` is sharded over the devices of
        the mesh's second axis.

    `params` is a dict. Its entry "encoder" holds every parameter that the latents depend on; clusterers that train an
    encoder further change only that entry.
    """

    name: str
    init: Callable[..., tuple[PyTree, PyTree]]
    loss: Callable[..., tuple[jax.Array, tuple[dict[str, jax.Array], PyTree]]]
    encode: Callable[..., tuple[jax.Array, Pose | None]]
    reconstruct: Callable[..., jax.Array] | None
    encode_in_training: Callable[..., tuple[jax.Array, PyTree]] | None = None
    is_shared: Callable[[tuple[str, ...]], bool] = share_nothing


@dataclasses.dataclass(frozen=True)
class ImageSet:
    """One split of a data set, on the host.

    images: (N, h, w, c) in the published dtype, in memory or as `data.lazy.LazyImages`; `Dataset.scaling` gives the
        meaning of a stored pixel.
    ids: (N,) strings, stable between runs; every output contains them.
    labels: (N,) int32, -1 for an image without a label, or None. pose: the true pose where it is known, or None.
    columns: further data of each image, name -> (N,) array; copied to clusters.csv.
    """

    images: Any
    ids: np.ndarray
    labels: np.ndarray | None
    pose: Pose | None
    columns: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)


class Scaling(NamedTuple):
    """Linear map from a stored pixel v to v * scale + offset, which is 0 for background and in [low, 1].

    low: 0, or -1 for images with pixels both brighter and darker than the background. scale is negative where the
    background is the bright end. description: the map in words.
    """

    scale: float
    offset: float
    low: float
    description: str


class Fit(NamedTuple):
    """The steps from a stored image to a square.

    side: of the square on which images are centred; 0 uses each image's longer side. out_side: of the result; equal to
        `side` if nothing is resized. resampling: as in data/resize.py.
    background: (c,) its stored value. level: shift each image so that the median of its border is `background`.
    circle: replace everything outside the inscribed circle by background. mask: boxes of the result that become
        background, as first and last row, first and last column of each; bundles of earlier versions have none.
    """

    side: int
    out_side: int
    resampling: str
    background: np.ndarray
    level: bool
    circle: bool
    mask: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True)
class Dataset:
    """Both splits of a data set and their common properties.

    class_names: one per label, or () without labels.
    scaling: the meaning of a stored pixel.
    description: one line: contents and origin. notes: further lines, such as sizes and scaling.
    skipped: one line for each file that could not be read.
    side_range: longer sides in pixels of the smallest and of the largest image, as stored; None if not known.
    fit: the steps by which the images were made squares, which new images take too; None if not known.
    """

    name: str
    train: ImageSet
    test: ImageSet | None
    class_names: tuple[str, ...]
    scaling: Scaling
    description: str
    notes: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    side_range: tuple[int, int] | None = None
    fit: Fit | None = None


@dataclasses.dataclass(frozen=True)
class Embeddings:
    """Encoder output for one split, in input order.

    ids: (N,). latents: (N, d) float32. pose: theta (N,) and tau (N, 2), or None for a method without pose.
    labels: (N,) or None.
    """

    ids: np.ndarray
    latents: np.ndarray
    pose: Pose | None
    labels: np.ndarray | None
