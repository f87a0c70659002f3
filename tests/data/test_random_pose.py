"""Random poses against SciPy's resampling and coordinates computed here."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.ndimage import gaussian_filter, map_coordinates

from irl_inr_jax.data import random_pose
from irl_inr_jax.data.random_pose import MAX_CHUNK, add_random_poses, sample_dataset_poses, warp_images
from irl_inr_jax.data.source import array_source, row_ids
from irl_inr_jax.data.subsets import Stream
from irl_inr_jax.geometry.coords import invert_pose
from irl_inr_jax.types import InputError, Pose


def pose_of(theta, tau):
    return Pose(theta=np.atleast_1d(np.asarray(theta, np.float32)), tau=np.atleast_2d(np.asarray(tau, np.float32)))


def warp(images, pose, canvas, zoom=1.0, **settings):
    return warp_images(images[..., None], pose, canvas=canvas, zoom=zoom, **settings)[..., 0]


def centre_of_mass(image):
    side = len(image)
    across, down = (2 * np.arange(side) + 1) / side - 1, 1 - (2 * np.arange(side) + 1) / side
    return np.array([(image.sum(0) * across).sum(), (image.sum(1) * down).sum()]) / image.sum()


def smooth_images(count, side=28, seed=0):
    """Asymmetric smooth shapes that are 0 at the edge."""
    noise = np.random.default_rng(seed).uniform(size=(count, side, side))
    noise[:, : side // 4] = noise[:, -side // 4 :] = noise[:, :, : side // 4] = noise[:, :, -side // 4 :] = 0
    smooth = gaussian_filter(noise, (0, 1.5, 1.5))
    return np.round(255 * smooth / smooth.max()).astype(np.uint8)


def test_poses_have_the_specified_distribution():
    pose = sample_dataset_poses(20_000, seed=0, stream=3, translation_px=5.0, canvas=50)
    assert pose.theta.dtype == pose.tau.dtype == np.float32 and isinstance(pose.theta, np.ndarray)
    assert stats.kstest(pose.theta, stats.uniform(0, 2 * np.pi).cdf).pvalue > 0.001
    for axis in pose.tau.T:  # 5 of 50 pixels are 0.2 of the 2 units of a canvas
        assert stats.kstest(axis, stats.norm(0, 0.2).cdf).pvalue > 0.001
    assert abs(np.corrcoef(pose.theta, pose.tau[:, 0])[0, 1]) < 0.03 and abs(np.corrcoef(*pose.tau.T)[0, 1]) < 0.03


def test_poses_are_fixed_by_seed_and_stream():
    def sample(seed, stream):
        return sample_dataset_poses(50, seed=seed, stream=stream, translation_px=1.0, canvas=50)

    np.testing.assert_array_equal(sample(0, 3).theta, sample(0, 3).theta)
    np.testing.assert_array_equal(sample(0, 3).tau, sample(0, 3).tau)
    for other in (sample(1, 3), sample(0, 4)):
        assert not np.intersect1d(sample(0, 3).theta, other.theta).size


def test_the_size_of_the_shifts_does_not_change_the_angles():
    fixed, shifted = (sample_dataset_poses(50, seed=0, stream=3, translation_px=px, canvas=50) for px in (0.0, 5.0))
    np.testing.assert_array_equal(fixed.theta, shifted.theta)
    assert not fixed.tau.any() and shifted.tau.any()


def test_the_identity_on_a_larger_canvas_keeps_every_pixel():
    images = np.random.default_rng(0).integers(0, 256, (3, 28, 28), dtype=np.uint8)
    posed = warp(images, pose_of([0, 0, 0], np.zeros((3, 2))), canvas=50)
    np.testing.assert_array_equal(posed[:, 11:39, 11:39], images)
    assert posed.sum() == images.sum()


def test_a_positive_angle_is_counter_clockwise():
    images = np.random.default_rng(0).integers(0, 256, (2, 9, 9), dtype=np.uint8)
    posed = warp(images, pose_of([np.pi / 2, -np.pi / 2], np.zeros((2, 2))), canvas=9)
    np.testing.assert_allclose(posed, [np.rot90(images[0]), np.rot90(images[1], -1)], atol=1)


def test_a_positive_shift_goes_right_and_up():
    image = np.zeros((1, 11, 11), np.uint8)
    image[0, 5, 5] = 200
    posed = warp(image, pose_of(0.0, [4 / 11, 6 / 11]), canvas=11)  # 2 and 3 pixels
    assert posed[0, 2, 7] == 200 and posed.sum() == 200


@pytest.mark.parametrize(("canvas", "zoom"), [(50, 1.0), (64, 2.0)])
def test_the_centre_of_mass_is_transformed_by_the_pose(canvas, zoom):
    images = smooth_images(16)
    images[:, :, :14] //= 4  # asymmetric, so that the rotation is visible
    pose = sample_dataset_poses(16, seed=0, stream=3, translation_px=2.0, canvas=canvas)
    posed = warp(images, pose, canvas, zoom)
    for before, after, theta, tau in zip(images, posed, pose.theta, pose.tau, strict=True):
        x, y = centre_of_mass(before) * 28 * zoom / canvas
        rotated = [np.cos(theta) * x - np.sin(theta) * y, np.sin(theta) * x + np.cos(theta) * y]
        np.testing.assert_allclose(centre_of_mass(after), rotated + tau, atol=0.1 * 2 / canvas)


@pytest.mark.parametrize(("canvas", "zoom"), [(24, 2.0), (12, 1.0)])
def test_warping_agrees_with_scipy(canvas, zoom):
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8), dtype=np.uint8)
    pose = sample_dataset_poses(5, seed=0, stream=3, translation_px=1.5, canvas=canvas)
    row, column = np.mgrid[:canvas, :canvas]
    for image, posed, theta, tau in zip(images, warp(images, pose, canvas, zoom), pose.theta, pose.tau, strict=True):
        x, y = (2 * column + 1) / canvas - 1 - tau[0], 1 - (2 * row + 1) / canvas - tau[1]
        x, y = np.cos(theta) * x + np.sin(theta) * y, np.cos(theta) * y - np.sin(theta) * x
        pixels = [3.5 - y * canvas / (2 * zoom), 3.5 + x * canvas / (2 * zoom)]
        expected = map_coordinates(image.astype(float), pixels, order=1, mode="grid-constant", cval=0.0)
        assert np.abs(posed - expected).max() <= 0.51


def test_the_inverse_pose_restores_the_image():
    images = smooth_images(8)
    original = warp(images, pose_of(np.zeros(8), np.zeros((8, 2))), canvas=50)
    pose = sample_dataset_poses(8, seed=0, stream=3, translation_px=3.0, canvas=50)
    inverse = invert_pose(jax.tree.map(jnp.asarray, pose))
    back = warp(warp(images, pose, canvas=50), inverse, canvas=50)
    error = ((original / 255 - back / 255) ** 2).mean((1, 2))
    assert (-10 * np.log10(error) > 35).all()


def test_the_chunk_size_does_not_change_the_pixels():
    images = smooth_images(7)
    pose = sample_dataset_poses(7, seed=0, stream=3, translation_px=3.0, canvas=30)
    expected = warp(images, pose, 30, chunk=5)
    for chunk in (1, 4, 7, 30):
        np.testing.assert_array_equal(warp(images, pose, 30, chunk=chunk), expected)


def test_a_source_with_poses_is_its_images_warped_by_them(data):
    images, is_test = smooth_images(12, side=10), np.arange(12) % 3 == 2
    source = array_source("x", images, row_ids("a", 12), test=is_test, description="shapes", labels=np.arange(12))
    data.update(canvas=16, translation_px=1.0)
    posed = add_random_poses(data, source)
    assert posed.description.startswith("shapes, on 16x16 pixels, rotated by uniform angles and shifted by 1 px")
    assert (posed.sizes == 16).all() and posed.background == 0 and posed.dtype == np.uint8
    for is_part, stream in ((~is_test, Stream.TRAIN_POSE), (is_test, Stream.TEST_POSE)):
        part = sample_dataset_poses(int(is_part.sum()), seed=0, stream=stream, translation_px=1.0, canvas=16)
        np.testing.assert_array_equal(posed.pose.theta[is_part], part.theta)
        np.testing.assert_array_equal(posed.pose.tau[is_part], part.tau)
    rows = np.array([7, 2, 3])
    expected = warp(images[rows], pose_of(posed.pose.theta[rows], posed.pose.tau[rows]), canvas=16)
    np.testing.assert_array_equal(posed.read(rows)[..., 0], expected)
    for kept in ("ids", "labels", "test"):
        np.testing.assert_array_equal(getattr(posed, kept), getattr(source, kept))


def test_the_canvas_has_the_configured_background(data):
    images = np.full((2, 6, 6), 200, np.uint8)
    data.update(canvas=12, background="30")
    posed = add_random_poses(data, array_source("x", images, row_ids("a", 2)))
    assert posed.background == 30 and (posed.read(np.arange(2))[:, 0] == 30).all()


def test_a_batch_of_a_streamed_set_is_no_larger_than_needed(monkeypatch):
    shapes, warp_chunk = [], random_pose._warp_chunk

    def spy(images, *rest):
        shapes.append(len(images))
        return warp_chunk(images, *rest)

    monkeypatch.setattr(random_pose, "_warp_chunk", spy)
    for count in (1, 5, MAX_CHUNK + 3):
        warp(np.zeros((count, 2, 2), np.uint8), pose_of(np.zeros(count), np.zeros((count, 2))), canvas=2)
    assert shapes == [1, 8, MAX_CHUNK, MAX_CHUNK]


def test_a_canvas_smaller_than_its_images_is_an_error(data):
    data.canvas = 5
    with pytest.raises(InputError, match=r"config\.data\.canvas: expected 0 or at least 6 for digits_u, found 5"):
        add_random_poses(data, array_source("x", np.zeros((2, 6, 6), np.uint8), row_ids("a", 2)))
