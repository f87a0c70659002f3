"""What every clusterer takes and gives: `cluster(task) -> Clustering`. Labels are in neither, so none can leak."""

import dataclasses
from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np
from jaxtyping import Float, Float32, Int, Int32, Shaped
from ml_collections import ConfigDict

from irl_inr_jax.data.lazy import LazyImages
from irl_inr_jax.training.inference import TrainedMethod
from irl_inr_jax.types import InputError


def check_clusterable(latents: Float[np.ndarray, "n d"], num_clusters: int) -> None:
    """Raise InputError, in one line, unless `num_clusters` clusters can be made of these latents.

    Refused: fewer than one cluster, more clusters than images, NaN or infinity, and latents that are all alike.
    """
    num_images = len(latents)
    if num_clusters < 1:
        raise InputError(f"expected at least 1 cluster, found {num_clusters}; set num_clusters to the number wanted")
    if num_clusters > num_images:
        raise InputError(
            f"expected at most as many clusters as images ({num_images}), found {num_clusters}; "
            f"ask for fewer clusters or give more images"
        )
    num_bad = int(np.sum(~np.isfinite(latents).all(axis=1)))
    if num_bad:
        raise InputError(
            f"expected finite latents, found NaN or infinity in {num_bad} of {num_images} rows; "
            f"the training has diverged: take an earlier checkpoint or train with a lower learning rate"
        )
    if num_clusters > 1 and np.all(latents == latents[0]):
        raise InputError(
            f"expected latents that differ, found {num_images} equal rows; "
            f"the encoder has collapsed: train longer or with a smaller consistency weight"
        )


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
    trained: the encoder, for algorithms that train it further. settings, augment, orbits: `config.clustering`,
        `config.augment`, `config.orbits`.
    fill: value outside an image.
    say: told what is going on. progress(what, total): a context whose value is called as update(done, note).
    """

    fitted: Points
    assigned: Points
    num_clusters: int
    seed: int
    trained: TrainedMethod
    settings: ConfigDict
    augment: ConfigDict
    orbits: ConfigDict
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
