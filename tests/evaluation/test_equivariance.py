"""The measures of pose and invariance, on encoders whose answers are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from irl_inr_jax.evaluation.equivariance import (
    measure_invariance,
    measure_pose,
    measure_pose_by_differences,
    reference_images,
    relative_pose,
    rotated_copies,
)
from irl_inr_jax.geometry.moments import moment_pose
from irl_inr_jax.geometry.warps import transform_images
from irl_inr_jax.training.inference import TrainedMethod
from irl_inr_jax.types import ImageSet, Method, Pose, Scaling


def unused(*arguments):
    raise AssertionError("measuring neither starts nor trains")


def trained_with(encode):
    method = Method("known", unused, unused, encode, None)
    return TrainedMethod(method, {}, {}, scaling=Scaling(1.0, 0.0, 0.0, ""), batch_size=64)


def by_moments(params, model_state, images):
    """The sum of the pixels, which no motion changes, and the closed-form pose."""
    total = images.sum((1, 2, 3))
    return jnp.stack([total, total**2], axis=1), moment_pose(images, translation=True)[0]


def by_pixels(params, model_state, images):
    """No invariance at all, and no pose."""
    return images.reshape(len(images), -1), None


@pytest.fixture
def blobs():
    """Smooth shapes of three spots of random heights, away from the border: (12, 32, 32, 1)."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:32, :32]
    images = np.zeros((12, 32, 32, 1), np.float32)
    for image in images:
        for height in rng.uniform(0.3, 1.0, 3):
            row, column = rng.uniform(11, 20, 2)
            image[..., 0] += height * np.exp(-((y - row) ** 2 + (x - column) ** 2) / 8)
    return images / images.max()


def test_copies_stand_where_they_are_said_to(blobs):
    copies, pose = rotated_copies(blobs, num_rotations=5, shift_px=1.0, seed=0, fill=0.0)
    assert copies.shape == (12, 5, 32, 32, 1) and pose.tau.shape == (12, 5, 2)
    np.testing.assert_allclose(pose.theta[3], 2 * np.pi * np.arange(5) / 5, rtol=1e-6)
    assert 0.5 < pose.tau.std() * 16 < 1.5
    flat = jax.tree.map(lambda leaf: jnp.asarray(leaf).reshape(60, *leaf.shape[2:]), pose)
    moved = transform_images(jnp.repeat(jnp.asarray(blobs), 5, axis=0), flat, interpolation="bilinear", fill=0.0)
    np.testing.assert_allclose(copies.reshape(60, 32, 32, 1), moved, atol=1e-6)


def test_an_invariant_encoder_spreads_little_and_its_poses_follow(blobs):
    spread, applied, found = measure_invariance(trained_with(by_moments), blobs, shift_px=1.0, seed=0, fill=0.0)
    assert spread["ratio"] < 0.02
    scores = measure_pose(applied, found, translation=True)
    assert scores["rotation_correlation"] > 0.999 and scores["rotation_median_error_deg"] < 1
    assert min(scores["translation_correlation"]) > 0.999


def test_pixels_spread_more_over_turns_than_between_images(blobs):
    spread, _, found = measure_invariance(trained_with(by_pixels), blobs, shift_px=1.0, seed=0, fill=0.0)
    assert spread["ratio"] > 1 and found is None


def test_a_pose_unrelated_to_the_motion_correlates_with_nothing():
    rng = np.random.default_rng(0)
    true, found = (Pose(theta=rng.uniform(0, 2 * np.pi, 4000), tau=rng.normal(size=(4000, 2))) for _ in range(2))
    scores = measure_pose(true, found, translation=True)
    assert abs(scores["rotation_correlation"]) < 0.05 and 80 < scores["rotation_median_error_deg"] < 100
    assert np.abs(scores["translation_correlation"]).max() < 0.06
    assert measure_pose(true, found, translation=False)["translation_correlation"] is None


def test_poses_by_differences_take_off_what_is_predicted_of_the_image_unmoved():
    """Each image has an upright and a middle of its own, which plain differences take off; NumPy says how well."""
    rng = np.random.default_rng(0)
    theta, tau = rng.normal(0, 0.7, 300), rng.normal(0, 0.2, (300, 2))
    before = Pose(theta=rng.uniform(-9, 9, 300), tau=rng.normal(size=(300, 2)))
    exact = Pose(theta=before.theta + theta + 0.4, tau=before.tau + tau + 0.1)
    scores = measure_pose_by_differences(Pose(theta=theta, tau=tau), exact, before)
    assert scores["rotation_correlation"] == pytest.approx(1)
    assert scores["translation_correlation"] == pytest.approx([1, 1])
    scale = np.array([-3.0, 0.5])
    noise = np.stack([rng.normal(0, 0.3, 300), np.zeros(300)], axis=1)
    other = Pose(theta=before.theta - theta, tau=before.tau + scale * tau + noise)
    scores = measure_pose_by_differences(Pose(theta=theta, tau=tau), other, before)
    assert scores["rotation_correlation"] == pytest.approx(-1)
    expected = np.corrcoef(tau[:, 0], -3 * tau[:, 0] + noise[:, 0])[0, 1]
    assert scores["translation_correlation"] == pytest.approx([expected, 1]) and -0.95 < expected < -0.8


def test_a_pose_that_turns_the_shift_with_the_image_is_right_by_motions_and_not_by_differences():
    """As the true pose of an image that was turned before: S_after = S_motion ∘ S_before."""
    rng = np.random.default_rng(0)
    motion = Pose(theta=rng.normal(0, 0.7, 200), tau=rng.normal(0, 0.1, (200, 2)))
    before = Pose(theta=rng.uniform(0, 6, 200), tau=rng.normal(0, 1, (200, 2)))
    cos, sin = np.cos(motion.theta), np.sin(motion.theta)
    x, y = before.tau.T
    turned = np.stack([cos * x - sin * y, sin * x + cos * y], axis=1)
    after = Pose(theta=motion.theta + before.theta, tau=turned + motion.tau)
    single = [Pose(theta=pose.theta.astype(np.float32), tau=pose.tau.astype(np.float32)) for pose in (after, before)]
    composed = measure_pose(motion, relative_pose(*single), translation=True)
    assert min(composed["translation_correlation"]) > 0.999
    by_differences = measure_pose_by_differences(motion, after, before)
    assert np.abs(by_differences["translation_correlation"]).max() < 0.5
    assert by_differences["rotation_correlation"] == pytest.approx(1)


def test_the_relative_pose_leads_from_the_one_to_the_other():
    """A point's way through `before` and then the motion is its way through `after`."""
    rng = np.random.default_rng(0)
    before, after = (
        Pose(theta=rng.uniform(-3, 3, 7).astype(np.float32), tau=rng.normal(size=(7, 2)).astype(np.float32))
        for _ in range(2)
    )
    motion = relative_pose(after, before)

    def apply(pose, points):
        cos, sin = np.cos(pose.theta), np.sin(pose.theta)
        x, y = points.T
        return np.stack([cos * x - sin * y, sin * x + cos * y], axis=1) + pose.tau

    points = rng.normal(size=(7, 2))
    np.testing.assert_allclose(apply(motion, apply(before, points)), apply(after, points), atol=1e-5)


def test_references_have_the_applied_pose_taken_off(blobs):
    rng = np.random.default_rng(2)
    theta = rng.uniform(0, 6, 12).astype(np.float32)
    pose = Pose(theta=theta, tau=rng.normal(0, 0.05, (12, 2)).astype(np.float32))
    moved = np.asarray(
        transform_images(jnp.asarray(blobs), jax.tree.map(jnp.asarray, pose), interpolation="bilinear", fill=0.0)
    )
    ids = np.arange(12).astype(str)
    upright = reference_images(trained_with(by_pixels), ImageSet(moved, ids, None, pose), fill=0.0)
    assert np.abs(upright - blobs).max() < 0.1 < np.abs(moved - blobs).max()
    as_they_are = reference_images(trained_with(by_pixels), ImageSet(moved, ids, None, None), fill=0.0)
    np.testing.assert_array_equal(as_they_are, moved)
