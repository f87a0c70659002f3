"""Assign new images: clusters, pose, novelty and nearest known image of each, chunk by chunk in bounded memory."""

import dataclasses
from collections.abc import Iterator
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Bool, Float, Float32, Int, Int32

from irl_inr_jax.data.batches import read_ahead
from irl_inr_jax.data.lazy import LazyImages
from irl_inr_jax.deployment.drift import MeasuredImages, novelty_limits, score_novelty
from irl_inr_jax.deployment.model_bundle import ModelBundle
from irl_inr_jax.deployment.new_images import NewImages
from irl_inr_jax.deployment.novelty import encode_with_errors, make_error_grid, measure_novelty
from irl_inr_jax.deployment.prediction import find_nearest, predict_clusters, search_reference
from irl_inr_jax.evaluation.user_images import shifts_in_pixels
from irl_inr_jax.types import Pose

CHUNK = 1024  # images that are assigned at once
CPU_BATCH = 64


class AssignedImages(NamedTuple):
    """Results of a model for n new images.

    clusters, confidence: by clusterer, (n,) each; -1 is noise. outlier_scores: local outlier factor. novelty: 0 for the
    median of the image's cluster, above 1 outside the known clusters (`is_outside`). shifts: (n, 2) pixels of the image
    to the right and up from its middle; pose and shifts are None for a method without a pose. nearest: (n,) ids of
    reference images. measured: what drift is computed from. stored: (n, s, s, c) the pixels for the encoder.
    """

    ids: np.ndarray
    clusters: dict[str, Int32[np.ndarray, "n"]]
    confidence: dict[str, Float32[np.ndarray, "n"]]
    outlier_scores: Float32[np.ndarray, "n"]
    novelty: Float[np.ndarray, "n"]
    is_outside: Bool[np.ndarray, "n"]
    pose: Pose | None
    shifts: Float[np.ndarray, "n 2"] | None
    nearest: np.ndarray
    measured: MeasuredImages
    stored: np.ndarray


def known_images(bundle: ModelBundle) -> MeasuredImages:
    """Return the held-out images of a model, with the clusters of the first clusterer."""
    held_out = bundle.held_out
    clusters = next(iter(held_out.clusters.values()), np.zeros(len(held_out.latents), np.int32))
    return MeasuredImages(held_out.latents, held_out.novelty, clusters)


def assign_chunks(bundle: ModelBundle, new: NewImages, rows: Int[np.ndarray, "n"]) -> Iterator[AssignedImages]:
    """Yield the images `rows`, in order, in chunks of at most `CHUNK`, while the next ones are read from disk."""
    parts = [rows[first : first + CHUNK] for first in range(0, len(rows), CHUNK)]

    def load(number: int) -> np.ndarray:
        return new.images[parts[number]]

    is_on_disk = isinstance(new.images, LazyImages) and len(parts) > 1
    num_bytes = CHUNK * new.images.image_bytes if isinstance(new.images, LazyImages) else 0
    loaded = read_ahead(load, 0, len(parts), num_bytes=num_bytes) if is_on_disk else map(load, range(len(parts)))
    for part, stored in zip(parts, loaded, strict=True):
        yield assign_stored(bundle, stored, new.ids[part], new.source.sizes[part])


def with_fast_batches(bundle: ModelBundle) -> ModelBundle:
    """Return the model with batches for the caches of a CPU, if JAX has no other device.

    The weights of the INRs of 256 images, and what is computed from them, are read from memory again and again.
    """
    if jax.default_backend() != "cpu":
        return bundle
    size = min(bundle.trained.batch_size, CPU_BATCH)
    return bundle._replace(trained=dataclasses.replace(bundle.trained, batch_size=size))


def assign_stored(
    bundle: ModelBundle, stored: np.ndarray, ids: np.ndarray, sizes: Int[np.ndarray, "n 2"]
) -> AssignedImages:
    """Assign images (n, s, s, c) as stored for the encoder. sizes: heights and widths before they were made squares.

    The images are filled up to a power of two with copies of the last one, so that few programs are compiled for any
    number of images.
    """
    count = len(stored)
    filled = stored[np.minimum(np.arange(1 << max(count - 1, 0).bit_length()), count - 1)]
    bundle = with_fast_batches(bundle)
    latents, pose, errors = encode_with_errors(bundle.trained, filled, make_error_grid(bundle.config))
    novelty = measure_novelty(bundle.familiarity, bundle.reference.latents, latents, errors)[:count]
    found = search_reference(bundle, latents)
    predicted = {
        name: (clusters[:count], confidence[:count])
        for name, (clusters, confidence) in predict_clusters(bundle, latents, filled, lambda: found).items()
    }
    nearest = find_nearest(bundle, found)
    scores = score_novelty(novelty, novelty_limits(bundle.held_out.novelty))
    pose = None if pose is None else Pose(theta=pose.theta[:count], tau=pose.tau[:count])
    clusters = {name: found for name, (found, _) in predicted.items()}
    first = next(iter(clusters.values()), np.zeros(count, np.int32))
    return AssignedImages(
        ids=ids,
        clusters=clusters,
        confidence={name: confidence for name, (_, confidence) in predicted.items()},
        outlier_scores=nearest.outlier_scores[:count],
        novelty=scores,
        is_outside=scores > 1,
        pose=pose,
        shifts=None if pose is None else shifts_in_pixels(pose.tau, sizes, bundle.input_rule.fit.side),
        nearest=nearest.ids[:count],
        measured=MeasuredImages(latents[:count], novelty, first),
        stored=stored,
    )
