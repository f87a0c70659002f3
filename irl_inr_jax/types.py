"""The frozen records that travel between the layers.

Letters in shapes: `b` images in a batch, `h w c` rows, columns and channels, `n` points, `d` latent size.
Coordinates, angles and poses follow the convention stated in `geometry/coords.py`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import flax.struct
import jax
import numpy as np

PyTree = Any
# Of a mapped function, None outside one; a pair where the second axis is that of devices which share parameters.
AxisName = str | tuple[str, str] | None
Leaf = Any  # an array, or whatever `jax.tree.map` puts in its place: a tracer, a shape, a sharding


class InputError(ValueError):
    """Something that the user gave cannot be used; the message says what was expected, found, and to do.

    The two scripts print it as one line and exit with status 2. Anything else that is raised is our own mistake
    and keeps its traceback.
    """


@flax.struct.dataclass
class Pose:
    """Where an image stands: J = S_{theta,tau}[canonical image] (paper, section 3.2).

    theta: radians, counter-clockwise, shape (*batch,).
    tau: the place of the canonical origin in coords of [-1, 1]^2, shape (*batch, 2).
    """

    theta: Leaf
    tau: Leaf


@flax.struct.dataclass
class PosedPixels:
    """The places of an image's pixels in its canonical image, S_{theta,tau}^-1(x_p), kept as what they are made of.

    That they lie on a turned grid is what makes their Fourier features cheap (`models/fourier.py`).

    pose: theta (*batch,), tau (*batch, 2). numbers: (*batch, n) which pixels, counted row by row from the top left, or
    None for all in that order. height, width: of the images.
    """

    pose: Pose
    numbers: Leaf
    height: int = flax.struct.field(pytree_node=False)
    width: int = flax.struct.field(pytree_node=False)


@flax.struct.dataclass
class Batch:
    """What one step learns from.

    images: (b, h, w, c) float32, 0 for background, in [0, 1] or [-1, 1].
    positions: (b,) the place of each image in the global batch. Random draws are keyed by it, so that they do not
        depend on how many devices share the batch.
    progress: scalar in [0, 1], the share of the run that is done; ramps are functions of it.
    """

    images: Leaf
    positions: Leaf
    progress: Leaf


@flax.struct.dataclass
class TrainState:
    """All that a step reads and writes, and all that a checkpoint holds.

    step: scalar int32, steps done. key: the run's key as raw uint32 data; step keys are folded from it.
    """

    step: Leaf
    key: Leaf
    params: PyTree
    model_state: PyTree
    opt_state: PyTree


def share_nothing(path: tuple[str, ...]) -> bool:
    """`is_shared` of what every device has whole."""
    return False


@dataclasses.dataclass(frozen=True)
class Method:
    """A way to learn a representation: pure functions made once from the configuration.

    init(key, images) -> (params, model_state)
    loss(params, model_state, key, batch) -> (scalar, (metrics, model_state)); `metrics` has every loss term.
    encode(params, model_state, images) -> (latents (b, d), Pose | None)
    reconstruct(params, model_state, latents, coords) -> values (b, n, c) at coords (b, n, 2); None where the method
        has no decoder.
    is_shared(path) -> whether the parameter at that path of `params` has its last axis shared out over the devices of
        a mesh's second axis.

    `params` is a dict whose entry "encoder" is all of it that the latents depend on: clusterers that train an encoder
    further change that entry alone.
    """

    name: str
    init: Callable[..., tuple[PyTree, PyTree]]
    loss: Callable[..., tuple[jax.Array, tuple[dict[str, jax.Array], PyTree]]]
    encode: Callable[..., tuple[jax.Array, Pose | None]]
    reconstruct: Callable[..., jax.Array] | None
    is_shared: Callable[[tuple[str, ...]], bool] = share_nothing


@dataclasses.dataclass(frozen=True)
class ImageSet:
    """One split of a data set, on the host.

    images: (N, h, w, c) in the publisher's own dtype, in memory or as `data.lazy.LazyImages`; `Dataset` says what a
        stored pixel stands for.
    ids: (N,) strings, stable between runs; they travel to every output.
    labels: (N,) int32, -1 for an image without one, or None. pose: the true pose where it is known, or None.
    columns: what else is known of each image, name -> (N,) array; it travels to clusters.csv.
    """

    images: Any
    ids: np.ndarray
    labels: np.ndarray | None
    pose: Pose | None
    columns: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)


class Scaling(NamedTuple):
    """A stored pixel v stands for v * scale + offset, which is 0 for background and lies in [low, 1].

    low: 0, or -1 for images that are both brighter and darker than their background. scale is negative where the
    background is the bright end. description: what was done, for people.
    """

    scale: float
    offset: float
    low: float
    description: str


@dataclasses.dataclass(frozen=True)
class Dataset:
    """Both splits and what is true of both.

    class_names: one a label, or () without labels.
    scaling: what a stored pixel stands for.
    description: one line for people: what it is and how it was made. notes: more, such as sizes and scaling.
    skipped: a line for each file that could not be read.
    """

    name: str
    train: ImageSet
    test: ImageSet | None
    class_names: tuple[str, ...]
    scaling: Scaling
    description: str
    notes: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Embeddings:
    """What an encoder made of one split, in input order.

    ids: (N,). latents: (N, d) float32. pose: theta (N,) and tau (N, 2), or None for a method without pose.
    labels: (N,) or None.
    """

    ids: np.ndarray
    latents: np.ndarray
    pose: Pose | None
    labels: np.ndarray | None
