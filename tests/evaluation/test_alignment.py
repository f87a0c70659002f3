"""Images without their pose: equal to the canonical image, in every type, at every size."""

import numpy as np
import pytest

from irl_inr_jax.config import base
from irl_inr_jax.data.source import array_source, row_ids
from irl_inr_jax.evaluation.alignment import MeanSums, align_batch, batch_size_of, make_canvas, upright_images
from irl_inr_jax.types import Pose
from tests.evaluated_run import make_blob_images, sample_pose

SIDE = 32


def open_array(images, **keys):
    data = base.get_config().data
    data.update(**keys)
    return data, array_source("images", images, row_ids("images", len(images)))


def align(images, pose, *, side=0, **keys):
    data, source = open_array(images, **keys)
    canvas = make_canvas(data, source, side)
    return align_batch(list(source.read(np.arange(len(images)))), pose, canvas, size=4).stored(images.dtype)


@pytest.mark.parametrize("dtype, peak, level", [("uint8", 200, 20), ("uint16", 60_000, 300), ("float32", 5.0, -2.0)])
@pytest.mark.parametrize("channels", [1, 3])
def test_an_image_aligned_by_its_pose_is_the_canonical_image(dtype, peak, level, channels):
    pose = sample_pose(3)
    posed, canonical = (make_blob_images(p.theta, p.tau, SIDE) for p in (pose, Pose(np.zeros(3), np.zeros((3, 2)))))
    images, expected = (
        np.repeat((level + peak * values)[..., None], channels, axis=3).astype(dtype) for values in (posed, canonical)
    )
    aligned = align(images, pose)
    assert aligned.dtype == dtype and aligned.shape == images.shape
    difference = np.abs(aligned.astype(np.float64) - expected) / peak
    assert difference.max() < 0.12 and difference.mean() < 0.01  # of one bilinear interpolation
    assert np.abs(images.astype(np.float64) - expected).mean() / peak > 0.03
    assert np.abs(aligned[:, [0, -1]].astype(np.float64) - level).max() <= 0.02 * peak  # background comes into view


def test_values_are_rounded_and_clipped_to_the_type():
    images = np.full((2, 8, 8, 1), 255, np.uint8)
    images[:, :, 4:] = 0
    aligned = align(images, Pose(np.array([0.3, 2.0]), np.zeros((2, 2))), background="0")
    assert aligned.max() == 255 and aligned.min() == 0
    same = align(images, Pose(np.zeros(2), np.zeros((2, 2))), background="0")
    np.testing.assert_array_equal(same, images)


@pytest.mark.parametrize("side", [16, 64])
def test_another_side_shows_the_same_image(side):
    pose = sample_pose(2)
    images = make_blob_images(pose.theta, pose.tau, SIDE)[..., None].astype(np.float32)
    aligned = align(images, pose, side=side)
    expected = make_blob_images(np.zeros(2), np.zeros((2, 2)), side)[..., None]
    assert aligned.shape == (2, side, side, 1)
    assert np.abs(aligned - expected).mean() < 0.01


def test_each_image_keeps_its_own_background_where_it_is_levelled_for_training():
    pose = sample_pose(2)
    levels = np.array([30, 90])
    images = (levels[:, None, None] + 100 * make_blob_images(pose.theta, pose.tau, SIDE))[..., None].astype(np.uint8)
    aligned = align(images, pose, background="image", crop="circle")
    assert np.abs(aligned[:, 0, 0, 0].astype(int) - levels).max() <= 1


def test_oblong_images_are_padded_and_resized_for_training_only():
    images = np.zeros((1, 10, 20, 1), np.uint8)
    data, source = open_array(images, resize=8)
    assert make_canvas(data, source, 0).side == 20
    data, source = open_array(images, resize=8, same_scale=False)
    assert make_canvas(data, source, 0).side == 8


def test_batches_of_large_images_are_small():
    data, source = open_array(np.zeros((1, 8, 8, 1), np.uint8))
    assert batch_size_of(make_canvas(data, source, 8), 1) == 256
    assert batch_size_of(make_canvas(data, source, 2048), 3) == 1


def test_means_are_those_of_numpy_and_alignment_sharpens_them():
    pose, clusters = sample_pose(12), np.array([0, 2, 0, -1] * 3, np.int32)
    images = (7 + make_blob_images(pose.theta, pose.tau, SIDE))[..., None].astype(np.float32)
    data, source = open_array(images)
    canvas = make_canvas(data, source, 0)
    sums, batches = MeanSums(3, SIDE, 1), []
    for first in (0, 5, 10):
        rows = np.arange(first, min(first + 5, 12))
        part = Pose(theta=pose.theta[rows], tau=pose.tau[rows])
        batches.append(align_batch(list(images[rows]), part, canvas, size=5))
        sums.add(batches[-1], clusters[rows])
    means, after = sums.finish(), np.concatenate([batch.after for batch in batches])
    assert means.counts.tolist() == [6, 0, 3]
    np.testing.assert_allclose(means.after[0], after[clusters == 0].mean(0), atol=1e-5)
    np.testing.assert_allclose(means.after[1], 0)
    np.testing.assert_allclose(means.background[:, 0], [7, 0, 7], atol=1e-3)
    before, aligned = means.sharpness
    assert before < 0.75 < 0.95 < aligned <= 1


def test_upright_images_are_those_of_the_alignment():
    pose = sample_pose(3)
    images = make_blob_images(pose.theta, pose.tau, SIDE)[..., None].astype(np.float32)
    upright = upright_images(1 - images, pose, fill=1.0)
    np.testing.assert_allclose(upright[np.array([2, 0])], 1 - align(images, pose, background="0")[[2, 0]], atol=1e-6)
