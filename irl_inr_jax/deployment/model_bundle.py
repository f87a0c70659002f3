"""The record of a model: an encoder with everything that new images need, and nothing of the training set but a sample.

Letters in shapes: `m` reference images, `q` of them with pixels, `h` held-out images, `d` latent size, `k` clusters.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Int, Shaped
from ml_collections import ConfigDict

from irl_inr_jax.clustering.outlier_index import OutlierIndex
from irl_inr_jax.deployment.novelty import Familiarity
from irl_inr_jax.training.inference import TrainedMethod
from irl_inr_jax.types import Fit, Pose, PyTree


class InputRule(NamedTuple):
    """Rule by which images were read in training and by which new ones are read.

    dtype: of the stored pixels, 'uint8', 'uint16' or 'float32'. channels: of an image. values: least and greatest
    stored value. contrast: 5 % and 95 % quantiles over the images of the largest deviation of their pixels from
    background; blank images are left out. border: 95 % quantile of the deviation of their borders from background.
    fit: the steps from an image of any size to a square of the encoder.
    """

    dtype: str
    channels: int
    values: tuple[float, float]
    contrast: tuple[float, float]
    border: float
    fit: Fit


class Reference(NamedTuple):
    """The evaluated images, or a sample of them, that new images are compared with.

    ids: (m,). latents: (m, d). pose: or None for a method without one. clusters, confidence: by clusterer, (m,) each.
    outliers: (m,) scores. index: densities of the latents. images: (q, s, s, c) stored pixels of the rows `image_rows`.
    """

    ids: np.ndarray
    latents: Float32[np.ndarray, "m d"]
    pose: Pose | None
    clusters: dict[str, Int[np.ndarray, "m"]]
    confidence: dict[str, Float[np.ndarray, "m"]]
    outliers: Float[np.ndarray, "m"]
    index: OutlierIndex
    images: Shaped[np.ndarray, "q s s c"]
    image_rows: Int[np.ndarray, "q"]


class HeldOut(NamedTuple):
    """Images that new ones are compared with to find drift, each measured as a new image is.

    kind: 'held-out images' and 'test images' were not used in training; 'training images' were, for want of others.
    latents: (h, d). clusters: by clusterer, (h,) each. novelty: (h, p) by the `Familiarity` of the model.
    """

    kind: str
    latents: Float32[np.ndarray, "h d"]
    clusters: dict[str, Int[np.ndarray, "h"]]
    novelty: Float32[np.ndarray, "h p"]

    @property
    def is_unseen(self) -> bool:
        """Return True if the images were not used in training."""
        return self.kind != "training images"


class ModelBundle(NamedTuple):
    """A trained and evaluated run as a model.

    classifiers: params of the clusterers that have a rule for any image, by clusterer. numbers: the cluster (k,) of
    each output of a classifier; it differs from 0 ... k - 1 if clusters were corrected. cluster_names: by clusterer and
    number, those that are named. verdict: the findings of the evaluation. facts: description of the training data and
    of the run for displays. version: of the package. digest: SHA-256 of everything above.
    """

    config: ConfigDict
    trained: TrainedMethod
    input_rule: InputRule
    reference: Reference
    classifiers: dict[str, PyTree]
    numbers: dict[str, Int[np.ndarray, "k"]]
    cluster_names: dict[str, dict[int, str]]
    held_out: HeldOut
    familiarity: Familiarity
    verdict: list[dict]
    facts: dict
    version: str
    digest: str

    @property
    def clusterers(self) -> list[str]:
        """Names of the clusterers, the evaluation's first one first."""
        return list(self.reference.clusters)
