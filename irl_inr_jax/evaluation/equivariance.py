"""Measure pose equivariance and latent invariance: apply known transformations and compare poses and latents."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int
from ml_collections import ConfigDict

from irl_inr_jax.augment.views import sample_poses
from irl_inr_jax.data.subsets import take
from irl_inr_jax.geometry.coords import compose_poses, invert_pose
from irl_inr_jax.geometry.warps import transform_images
from irl_inr_jax.metrics.circular import (
    align_within_classes,
    circular_correlation,
    mean_direction_correlation,
    median_angle_error_deg,
)
from irl_inr_jax.metrics.invariance import invariance
from irl_inr_jax.training.inference import TrainedMethod
from irl_inr_jax.types import Embeddings, ImageSet, Pose

NUM_ROTATIONS = 36
MAX_ROTATED_IMAGES = 256
MAX_IMAGES = 10_000  # references are held in memory as float32


class Equivariance(NamedTuple):
    """Measurements on transformed images.

    scores: entries of results.json. references: (n, h, w, c) the images without their known pose.
    true_pose, predicted_pose: (m,) transformations applied and predicted; predicted_pose is None without pose.
    """

    scores: dict
    references: Float[np.ndarray, "n h w c"]
    true_pose: Pose
    predicted_pose: Pose | None


def measure_equivariance(
    trained: TrainedMethod, images: ImageSet, embeddings: Embeddings, config: ConfigDict
) -> Equivariance:
    """Measure `invariance` and, for a method with pose, `pose`, on at most `MAX_IMAGES` images.

    Where the true pose of the images is known, poses are compared with it; otherwise with the rotations and
    translations applied for the invariance.
    """
    fill, translation = config.views.fill, config.model.pose.translation
    first = np.arange(min(len(images.ids), MAX_IMAGES))
    images, pose = take(images, first), jax.tree.map(lambda leaf: leaf[first], embeddings.pose)
    references = reference_images(trained, images, fill=fill)
    spread, true, predicted = measure_invariance(
        trained, references, shift_px=config.evaluation.shift_px, seed=config.data.seed, fill=fill
    )
    scores: dict = {"invariance": spread}
    if images.pose is not None and pose is not None:
        _, before = trained.encode_unit(references)
        assert before is not None
        true, predicted = images.pose, relative_pose(pose, before)
        if translation:
            scores["pose_by_differences"] = measure_pose_by_differences(true, pose, before)
        if images.labels is not None:
            scores["pose_within_classes"] = measure_absolute_pose(true, pose, images.labels)
    if predicted is not None:
        scores["pose"] = measure_pose(true, predicted, translation=translation)
    return Equivariance(scores, references, true, predicted)


def reference_images(trained: TrainedMethod, images: ImageSet, *, fill: float) -> Float[np.ndarray, "n h w c"]:
    """Return the images in [low, 1] without their known pose, S_g^-1[J]; unchanged where no pose is known."""
    if images.pose is None:
        return np.asarray(trained.to_unit(images.images[:]))

    @jax.jit
    def remove_pose(_, stored, pose):
        return transform_images(trained.to_unit(stored), invert_pose(pose), interpolation="bilinear", fill=fill)

    return trained.over_batches(remove_pose, images.images, images.pose)


def rotated_copies(
    references: Float[np.ndarray, "n h w c"], *, num_rotations: int, shift_px: float, seed: int, fill: float
) -> tuple[Float[np.ndarray, "n k h w c"], Pose]:
    """Return copies of each image, rotated in `num_rotations` equal steps and translated by N(0, shift_px^2) each.

    Also returns their poses, with leaves (n, k) and (n, k, 2).
    """
    num_images, side = references.shape[0], references.shape[2]
    keys = jax.random.split(jax.random.key(seed), num_images * num_rotations)
    shifts = sample_poses(keys, translation_std=2 * shift_px / side).tau
    theta = jnp.tile(2 * jnp.pi * jnp.arange(num_rotations, dtype=jnp.float32) / num_rotations, num_images)
    pose = Pose(theta=theta, tau=shifts)
    repeated = jnp.repeat(jnp.asarray(references), num_rotations, axis=0)
    copies = transform_images(repeated, pose, interpolation="bilinear", fill=fill)
    pose = jax.tree.map(lambda leaf: np.asarray(leaf).reshape(num_images, num_rotations, *leaf.shape[1:]), pose)
    return np.asarray(copies).reshape(num_images, num_rotations, *references.shape[1:]), pose


def relative_pose(after: Pose, before: Pose) -> Pose:
    """Compute the pose with after = relative ∘ before. Leaves are NumPy arrays, as in the result."""
    after, before = jax.tree.map(jnp.asarray, (after, before))
    return jax.tree.map(np.asarray, compose_poses(after, invert_pose(before)))


def measure_pose(true: Pose, predicted: Pose, *, translation: bool) -> dict[str, float | list[float] | None]:
    """Compare applied and predicted transformations of each image (Table 1).

    Both poses (n,) are relative to the untransformed image, since the canonical orientation may differ between images.
    rotation_correlation is circular (Fisher and Lee); translation_correlation is Pearson's for x and y, or None
    without translations.
    """
    tau = (
        [float(np.corrcoef(true.tau[:, axis], predicted.tau[:, axis])[0, 1]) for axis in (0, 1)]
        if translation
        else None
    )
    return {
        "rotation_correlation": circular_correlation(np.asarray(true.theta), np.asarray(predicted.theta)),
        "rotation_median_error_deg": median_angle_error_deg(np.asarray(true.theta), np.asarray(predicted.theta)),
        "translation_correlation": tau,
    }


def measure_pose_by_differences(true: Pose, after: Pose, before: Pose) -> dict[str, float | list[float]]:
    """Compute Table 1 as the authors of TARGET-VAE do: correlations with plain differences of predictions.

    `after` is predicted for the transformed images, `before` for the untransformed ones. Unlike in `measure_pose` the
    translation is not rotated with the image.
    """
    tau = [np.corrcoef(true.tau[:, axis], (after.tau - before.tau)[:, axis])[0, 1] for axis in (0, 1)]
    return {
        "rotation_correlation": mean_direction_correlation(np.asarray(true.theta), after.theta - before.theta),
        "translation_correlation": [float(value) for value in tau],
    }


def measure_absolute_pose(true: Pose, predicted: Pose, labels: Int[np.ndarray, "n"]) -> dict[str, float]:
    """Compare theta^ with the true rotation between images, with one canonical orientation per class.

    Unlike the relative pose it counts differences between images of a class, such as noise, as errors.
    """
    known = labels >= 0
    theta = np.asarray(true.theta)[known]
    aligned = align_within_classes(theta, np.asarray(predicted.theta)[known], labels[known])
    return {
        "rotation_correlation": circular_correlation(theta, aligned),
        "rotation_median_error_deg": median_angle_error_deg(theta, aligned),
    }


def measure_invariance(
    trained: TrainedMethod, references: Float[np.ndarray, "n h w c"], *, shift_px: float, seed: int, fill: float
) -> tuple[dict[str, float], Pose, Pose | None]:
    """Compare the spread of one image's latents over 36 rotations and translations with the spread between images.

    Uses at most 256 images. Also returns the poses applied and predicted, each (n * 36,).
    """
    references = references[:MAX_ROTATED_IMAGES]
    copies, applied = rotated_copies(references, num_rotations=NUM_ROTATIONS, shift_px=shift_px, seed=seed, fill=fill)
    latents, after = trained.encode_unit(copies.reshape(-1, *copies.shape[2:]))
    spread = invariance(latents.reshape(len(references), NUM_ROTATIONS, -1))
    applied = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), applied)
    if after is None:
        return spread, applied, None
    _, before = trained.encode_unit(references)
    before = jax.tree.map(lambda leaf: np.repeat(leaf, NUM_ROTATIONS, axis=0), before)
    return spread, applied, relative_pose(after, before)
