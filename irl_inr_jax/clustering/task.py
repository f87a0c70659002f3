"""What every clusterer takes and gives: `cluster(task) -> Clustering`. Labels are in neither, so none can leak."""

import dataclasses
from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np
from jaxtyping import Float, Float32, Int, Int32, Shaped
from ml_collections import ConfigDict

from irl_inr_jax.data.lazy import LazyImages
from irl_inr_jax.embed import TrainedMethod


@dataclasses.dataclass(frozen=True)
class Points:
    """The images of one split, as stored, and what the encoder makes of them. Clusterers of latents ignore `images`."""

    latents: Float[np.ndarray, "n d"]
    images: Shaped[np.ndarray, "n h w c"] | LazyImages


@dataclasses.dataclass(frozen=True)
class ClusterTask:
    """What to cluster, into how many, and by which settings.

    fitted: what the algorithm learns from. assigned: what gets clusters; the same object as `fitted` where an
        algorithm clusters the very images it learns from.
    trained: the encoder, for algorithms that train it further. settings: `config.clustering`.
    fill: value outside an image.
    say: told what is going on. progress(what, total): a context whose value is called as update(done, note).
    """

    fitted: Points
    assigned: Points
    num_clusters: int
    seed: int
    trained: TrainedMethod
    settings: ConfigDict
    fill: float
    say: Callable[[str], None]
    progress: Callable[[str, int], AbstractContextManager[Callable[[int, str], None]]]

    @property
    def transductive(self) -> bool:
        """Whether the images that get clusters are the ones learnt from."""
        return self.assigned is self.fitted


@dataclasses.dataclass(frozen=True)
class Clustering:
    """Clusters of `task.assigned`, image by image, and what is to be said about them.

    clusters: 0 ... k - 1, or `NOISE` (-1) for an image in no cluster. confidence: in [0, 1], by the algorithm's own
        measure; 0 for noise.
    transductive: whether the algorithm learnt from the images it assigns.
    notes: short sentences for the table, such as what was done differently for many images, or that clusters collapsed.
    measures: further numbers by name. neighbours: the mined neighbours of each of `task.fitted`, for their purity.
    linkage: the merges of a tree over `linkage_rows` of `task.fitted`, as SciPy's `linkage` has them.
    """

    clusters: Int32[np.ndarray, "n"]
    confidence: Float32[np.ndarray, "n"]
    transductive: bool
    notes: tuple[str, ...] = ()
    measures: dict[str, float] = dataclasses.field(default_factory=dict)
    neighbours: Int[np.ndarray, "m q"] | None = None
    linkage: Float[np.ndarray, "merges 4"] | None = None
    linkage_rows: Int[np.ndarray, "rows"] | None = None
