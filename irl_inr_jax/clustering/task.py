"""Input and output of every clusterer: `cluster(task) -> Clustering`. Neither contains labels."""

import dataclasses

import numpy as np
from jaxtyping import Float, Float32, Int, Int32, Shaped
from ml_collections import ConfigDict

from irl_inr_jax.data.lazy import LazyImages
from irl_inr_jax.training.inference import TrainedMethod
from irl_inr_jax.types import InputError, PyTree


def check_clusterable(latents: Float[np.ndarray, "n d"], num_clusters: int) -> None:
    """Raise InputError, in one line, unless the latents can be divided into `num_clusters` clusters.

    Refused: fewer than one cluster, more clusters than images, NaN or infinity, and latents that are all equal.
    """
    num_images = len(latents)
    check_num_clusters(num_images, num_clusters)
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


def check_num_clusters(num_images: int, num_clusters: int) -> None:
    """Raise InputError unless there is at least one cluster, and an image for each."""
    if num_clusters < 1:
        raise InputError(f"expected at least 1 cluster, found {num_clusters}; set num_clusters to the number wanted")
    if num_clusters > num_images:
        raise InputError(
            f"expected at most as many clusters as images ({num_images}), found {num_clusters}; "
            f"set a smaller num_clusters or give more images"
        )


@dataclasses.dataclass(frozen=True, eq=False)
class Points:
    """Images of one split, as stored, and their latents. Most clusterers use only the latents.

    Equal only to itself, so that results of a search can be kept for the next clusterer.
    """

    latents: Float[np.ndarray, "n d"]
    images: Shaped[np.ndarray, "n h w c"] | LazyImages


@dataclasses.dataclass(frozen=True)
class ClusterTask:
    """Input of a clusterer.

    fitted: points to fit. assigned: points to assign to clusters; the same object as `fitted` where an algorithm
        clusters the images that it is fitted to.
    trained: the encoder, for algorithms that train it further. settings, augment, orbits, wafers:
        `config.clustering`, `config.augment`, `config.orbits`, `config.wafers`.
    fill: value outside an image. steps_per_call: training steps of one compiled call.
    """

    fitted: Points
    assigned: Points
    num_clusters: int
    seed: int
    trained: TrainedMethod
    settings: ConfigDict
    augment: ConfigDict
    orbits: ConfigDict
    wafers: ConfigDict
    fill: float
    steps_per_call: int

    @property
    def transductive(self) -> bool:
        """Return True if the assigned images are the fitted ones."""
        return self.assigned is self.fitted


@dataclasses.dataclass(frozen=True)
class Clustering:
    """Clusters of `task.assigned`, one per image, with notes and measures.

    clusters: 0 ... k - 1, or `NOISE` (-1) for an image in no cluster. confidence: in [0, 1], as defined by the
        algorithm; 0 for noise.
    transductive: whether the algorithm was fitted to the images that it assigns.
    notes: short sentences for the table, such as deviations for many images or collapsed clusters.
    measures: further numbers by name. neighbours: neighbours of each of `task.fitted` that were used, for their purity.
    linkage: merges of a tree over `linkage_rows` of `task.fitted`, in the format of SciPy's `linkage`.
    params: parameters of a classifier that assigns further images, a nested dict of arrays.
    """

    clusters: Int32[np.ndarray, "n"]
    confidence: Float32[np.ndarray, "n"]
    transductive: bool
    notes: tuple[str, ...] = ()
    measures: dict[str, float] = dataclasses.field(default_factory=dict)
    neighbours: Int[np.ndarray, "m q"] | None = None
    linkage: Float[np.ndarray, "merges 4"] | None = None
    linkage_rows: Int[np.ndarray, "rows"] | None = None
    params: PyTree | None = None
