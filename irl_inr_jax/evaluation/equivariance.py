"""Does the encoder keep its word? Known motions applied to images, and what becomes of their pose and latents."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from irl_inr_jax.augment.views import sample_poses
from irl_inr_jax.geometry.coords import compose_poses, invert_pose
from irl_inr_jax.geometry.warps import transform_images
from irl_inr_jax.metrics.circular import circular_correlation, mean_direction_correlation, median_angle_error_deg
from irl_inr_jax.metrics.invariance import invariance
from irl_inr_jax.training.inference import TrainedMethod
from irl_inr_jax.types import ImageSet, Pose

NUM_TURNS = 36
MAX_TURNED_IMAGES = 256


def reference_images(trained: TrainedMethod, images: ImageSet, *, fill: float) -> Float[np.ndarray, "n h w c"]:
    """The images in [low, 1] with the pose that we applied taken off, S_g^-1[J]; as they are where none is known."""
    if images.pose is None:
        return np.asarray(trained.to_unit(images.images[:]))

    @jax.jit
    def upright(_, stored, pose):
        return transform_images(trained.to_unit(stored), invert_pose(pose), interpolation="bilinear", fill=fill)

    return trained.over_batches(upright, images.images, images.pose)


def rotated_copies(
    references: Float[np.ndarray, "n h w c"], *, num_rotations: int, shift_px: float, seed: int, fill: float
) -> tuple[Float[np.ndarray, "n k h w c"], Pose]:
    """`num_rotations` copies of each image, turned by equal steps of the circle and shifted by N(0, shift_px^2) a copy."""
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
    """The motion that leads from the one pose to the other: after = relative ∘ before. NumPy in and out."""
    after, before = jax.tree.map(jnp.asarray, (after, before))
    return jax.tree.map(np.asarray, compose_poses(after, invert_pose(before)))


def measure_pose(true: Pose, predicted: Pose, *, translation: bool) -> dict[str, float | list[float] | None]:
    """Table 1: how well the predicted motion of each image follows the motion that was applied to it.

    Both poses (n,) are relative to the same image before it was moved, since the canonical orientation is each image's
    own. rotation_correlation is circular (Fisher and Lee); translation_correlation is Pearson's, for x and y, and None
    on data that only turns.
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
    """Table 1 as the authors of TARGET-VAE measure it: correlations with the plain differences of predictions.

    `after` is what is predicted of the moved images and `before` of the same images unmoved. Unlike in `measure_pose`
    the shift is not turned along with the image.
    """
    tau = [np.corrcoef(true.tau[:, axis], (after.tau - before.tau)[:, axis])[0, 1] for axis in (0, 1)]
    return {
        "rotation_correlation": mean_direction_correlation(np.asarray(true.theta), after.theta - before.theta),
        "translation_correlation": [float(value) for value in tau],
    }


def measure_invariance(
    trained: TrainedMethod, references: Float[np.ndarray, "n h w c"], *, shift_px: float, seed: int, fill: float
) -> tuple[dict[str, float], Pose, Pose | None]:
    """How far the latents of one image spread over 36 turns and shifts, against the spread between images.

    Over at most 256 images. Also returns the motions applied and the motions predicted, each (n * 36,).
    """
    references = references[:MAX_TURNED_IMAGES]
    copies, applied = rotated_copies(references, num_rotations=NUM_TURNS, shift_px=shift_px, seed=seed, fill=fill)
    latents, after = trained.encode_unit(copies.reshape(-1, *copies.shape[2:]))
    spread = invariance(latents.reshape(len(references), NUM_TURNS, -1))
    applied = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), applied)
    if after is None:
        return spread, applied, None
    _, before = trained.encode_unit(references)
    before = jax.tree.map(lambda leaf: np.repeat(leaf, NUM_TURNS, axis=0), before)
    return spread, applied, relative_pose(after, before)
