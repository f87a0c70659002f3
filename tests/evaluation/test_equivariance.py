"""Measures of pose and invariance, on encoders with known properties."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from irl_inr_jax.evaluation import equivariance
from irl_inr_jax.evaluation.equivariance import (
    measure_absolute_pose,
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
    raise AssertionError("measuring neither initialises nor trains a method")


def trained_with(encode):
    method = Method("known", unused, unused, encode, None)
    return TrainedMethod(method, {}, {}, scaling=Scaling(1.0, 0.0, 0.0, ""), batch_size=64)


def by_moments(params, model_state, images):
    """The sum of the pixels, which is invariant, and the closed-form pose."""
    total = images.sum((1, 2, 3))
    return jnp.stack([total, total**2], axis=1), moment_pose(images, translation=True)[0]


def by_pixels(params, model_state, images):
    """The pixels, which are not invariant, and no pose."""
    return images.reshape(len(images), -1), None


@pytest.fixture(scope="module")
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


@pytest.fixture
def few_rotations(monkeypatch):
    monkeypatch.setattr(equivariance, "NUM_ROTATIONS", 12)


def test_copies_have_the_returned_poses(blobs):
    copies, pose = rotated_copies(blobs, num_rotations=5, shift_px=1.0, seed=0, fill=0.0)
    assert copies.shape == (12, 5, 32, 32, 1) and pose.tau.shape == (12, 5, 2)
    np.testing.assert_allclose(pose.theta[3], 2 * np.pi * np.arange(5) / 5, rtol=1e-6)
    assert 0.5 < pose.tau.std() * 16 < 1.5
    flat = jax.tree.map(lambda leaf: jnp.asarray(leaf).reshape(60, *leaf.shape[2:]), pose)
    expected = transform_images(jnp.repeat(jnp.asarray(blobs), 5, axis=0), flat, interpolation="bilinear", fill=0.0)
    np.testing.assert_allclose(copies.reshape(60, 32, 32, 1), expected, atol=1e-6)


def test_an_invariant_and_equivariant_encoder_scores_near_the_optimum(blobs, few_rotations):
    spread, applied, found = measure_invariance(trained_with(by_moments), blobs, shift_px=1.0, seed=0, fill=0.0)
    assert spread["ratio"] < 0.02
    scores = measure_pose(applied, found, translation=True)
    assert scores["rotation_correlation"] > 0.999 and scores["rotation_median_error_deg"] < 1
    assert min(scores["translation_correlation"]) > 0.999


def test_pixels_vary_more_over_rotations_than_between_images(blobs, few_rotations):
    spread, _, found = measure_invariance(trained_with(by_pixels), blobs, shift_px=1.0, seed=0, fill=0.0)
    assert spread["ratio"] > 1 and found is None


def test_an_unrelated_pose_is_uncorrelated_with_the_transformation():
    rng = np.random.default_rng(0)
    true, found = (Pose(theta=rng.uniform(0, 2 * np.pi, 4000), tau=rng.normal(size=(4000, 2))) for _ in range(2))
    scores = measure_pose(true, found, translation=True)
    assert abs(scores["rotation_correlation"]) < 0.05 and 80 < scores["rotation_median_error_deg"] < 100
    assert np.abs(scores["translation_correlation"]).max() < 0.06
    assert measure_pose(true, found, translation=False)["translation_correlation"] is None


def test_poses_by_differences_subtract_the_prediction_for_the_untransformed_image():
    """Canonical orientation and centre differ between images; differences remove them. Expected values by NumPy."""
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


def test_a_pose_that_rotates_the_translation_with_the_image_is_right_by_relative_pose_only():
    """The true pose of an image that was transformed before: S_after = S_motion ∘ S_before."""
    rng = np.random.default_rng(0)
    motion = Pose(theta=rng.normal(0, 0.7, 200), tau=rng.normal(0, 0.1, (200, 2)))
    before = Pose(theta=rng.uniform(0, 6, 200), tau=rng.normal(0, 1, (200, 2)))
    cos, sin = np.cos(motion.theta), np.sin(motion.theta)
    x, y = before.tau.T
    rotated = np.stack([cos * x - sin * y, sin * x + cos * y], axis=1)
    after = Pose(theta=motion.theta + before.theta, tau=rotated + motion.tau)
    single = [Pose(theta=pose.theta.astype(np.float32), tau=pose.tau.astype(np.float32)) for pose in (after, before)]
    composed = measure_pose(motion, relative_pose(*single), translation=True)
    assert min(composed["translation_correlation"]) > 0.999
    by_differences = measure_pose_by_differences(motion, after, before)
    assert np.abs(by_differences["translation_correlation"]).max() < 0.5
    assert by_differences["rotation_correlation"] == pytest.approx(1)


def test_the_relative_pose_maps_one_pose_to_the_other():
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


def test_references_are_without_their_known_pose(blobs):
    rng = np.random.default_rng(2)
    theta = rng.uniform(0, 6, 12).astype(np.float32)
    pose = Pose(theta=theta, tau=rng.normal(0, 0.05, (12, 2)).astype(np.float32))
    posed = np.asarray(
        transform_images(jnp.asarray(blobs), jax.tree.map(jnp.asarray, pose), interpolation="bilinear", fill=0.0)
    )
    ids = np.arange(12).astype(str)
    references = reference_images(trained_with(by_pixels), ImageSet(posed, ids, None, pose), fill=0.0)
    assert np.abs(references - blobs).max() < 0.1 < np.abs(posed - blobs).max()
    unchanged = reference_images(trained_with(by_pixels), ImageSet(posed, ids, None, None), fill=0.0)
    np.testing.assert_array_equal(unchanged, posed)


def test_the_absolute_pose_has_one_offset_per_class_and_uses_labelled_images_only():
    rng = np.random.default_rng(0)
    theta, labels = rng.uniform(0, 6, 60), np.arange(60) % 3 - 1
    true = Pose(theta=theta, tau=np.zeros((60, 2)))
    predicted = Pose(theta=theta + np.where(labels < 0, rng.uniform(0, 6, 60), 2.0 * labels), tau=np.zeros((60, 2)))
    scores = measure_absolute_pose(true, predicted, labels)
    assert scores["rotation_correlation"] == pytest.approx(1)
    assert scores["rotation_median_error_deg"] == pytest.approx(0, abs=1e-6)
