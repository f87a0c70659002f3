"""Train a rotation-invariant classifier on corrected images and on the clusters that were spread from them."""

import numpy as np
from jaxtyping import Bool, Float, Float32, Int
from ml_collections import ConfigDict

from irl_inr_jax.augment.polar_views import ViewStrengths
from irl_inr_jax.clustering.neighbours.orbit_images import Images, measure_radius
from irl_inr_jax.clustering.orbit_selflabel import make_fit_options, make_polar_network, prepare_patches
from irl_inr_jax.clustering.polar_training import classify_patches, train_on_labels
from irl_inr_jax.types import Scaling

CORRECTED_SHARE = 0.25  # of the training images at least, as far as `MAX_REPEATS` allows
MAX_REPEATS = 20
MIN_CERTAINTY = 0.5  # share of a cluster from which an image is trained on


def refine_clusters(
    images: Images,
    scaling: Scaling,
    shares: Float[np.ndarray, "n k"],
    *,
    corrected: Bool[np.ndarray, "n"],
    config: ConfigDict,
    seed: int,
) -> Float[np.ndarray, "n k"]:
    """Return the shares of the clusters after training on them: the mean of the old ones and of the classifier's.

    The network and its training are those of `orbit_selflabel`. Images are trained on by the cluster with the largest
    share, if that is at least `MIN_CERTAINTY`; corrected images are repeated, and keep their shares. config: of the
    run. seed: of the training.
    """
    settings, orbits = config.clustering.orbit_selflabel, config.orbits
    batch_size = config.evaluation.batch_size
    radius = measure_radius(images, scaling, orbits, batch_size=batch_size)
    options = {"orbits": orbits, "fill": config.views.fill, "batch_size": batch_size}
    patches = prepare_patches(images, scaling, radius=radius, **options)
    rows = choose_trained(shares, corrected)
    present = np.flatnonzero(np.bincount(shares[rows].argmax(axis=1), minlength=shares.shape[1]))
    if len(present) < 2:
        return shares
    numbers = np.searchsorted(present, shares.argmax(axis=1)).astype(np.int32)
    network = make_polar_network(len(present), settings=settings, orbits=orbits, fill=config.views.fill)
    trained = train_on_labels(
        network,
        patches[rows],
        numbers[rows],
        options=make_fit_options(settings, len(images)),
        strengths=ViewStrengths(**settings.distortion, mirror=orbits.mirror),
        seed=seed,
        stage="classifier of the corrections",
    )
    return combine_shares(
        shares, present, classify_patches(network, trained, patches, batch_size=batch_size), corrected
    )


def choose_trained(shares: Float[np.ndarray, "n k"], corrected: Bool[np.ndarray, "n"]) -> Int[np.ndarray, "m"]:
    """Return the rows to train on, those of corrected images several times."""
    is_labelled = corrected & shares.any(axis=1)
    certain = np.flatnonzero((shares.max(axis=1, initial=0.0) >= MIN_CERTAINTY) & ~corrected)
    own = np.flatnonzero(is_labelled)
    wanted = CORRECTED_SHARE / (1 - CORRECTED_SHARE) * len(certain) / max(len(own), 1)
    return np.concatenate([certain, np.tile(own, int(np.clip(round(wanted), 1, MAX_REPEATS)))])


def combine_shares(
    shares: Float[np.ndarray, "n k"],
    present: Int[np.ndarray, "p"],
    probabilities: Float32[np.ndarray, "n p"],
    corrected: Bool[np.ndarray, "n"],
) -> Float[np.ndarray, "n k"]:
    """Return the mean of both; corrected images keep their shares. present: clusters of the classifier's columns."""
    classified = np.zeros_like(shares)
    classified[:, present] = probabilities
    total = shares + classified
    return np.where(corrected[:, None], shares, total / total.sum(axis=1, keepdims=True))
