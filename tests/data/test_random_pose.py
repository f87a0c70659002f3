"""irl_inr_jax/data/pose.py, against scipy's resampling and coordinates worked out here by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.ndimage import gaussian_filter, map_coordinates

from irl_inr_jax.data.random_pose import sample_dataset_poses, reject_translation, warp_images
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
    """Asymmetric soft shapes that fade out before the edge."""
    noise = np.random.default_rng(seed).uniform(size=(count, side, side))
    noise[:, : side // 4] = noise[:, -side // 4 :] = noise[:, :, : side // 4] = noise[:, :, -side // 4 :] = 0
    smooth = gaussian_filter(noise, (0, 1.5, 1.5))
    return np.round(255 * smooth / smooth.max()).astype(np.uint8)


def test_poses_have_the_distribution_that_is_asked_for():
    pose = sample_dataset_poses(20_000, seed=0, stream=3, translation_px=5.0, canvas=50)
    assert pose.theta.dtype == pose.tau.dtype == np.float32 and isinstance(pose.theta, np.ndarray)
    assert stats.kstest(pose.theta, stats.uniform(0, 2 * np.pi).cdf).pvalue > 0.001
    for axis in pose.tau.T:  # 5 of 50 pixels are 0.2 of the 2 units of a canvas
        assert stats.kstest(axis, stats.norm(0, 0.2).cdf).pvalue > 0.001
    assert abs(np.corrcoef(pose.theta, pose.tau[:, 0])[0, 1]) < 0.03 and abs(np.corrcoef(*pose.tau.T)[0, 1]) < 0.03


def test_poses_are_fixed_by_seed_and_stream():
    def draw(seed, stream):
        return sample_dataset_poses(50, seed=seed, stream=stream, translation_px=1.0, canvas=50)

    np.testing.assert_array_equal(draw(0, 3).theta, draw(0, 3).theta)
    np.testing.assert_array_equal(draw(0, 3).tau, draw(0, 3).tau)
    for other in (draw(1, 3), draw(0, 4)):
        assert not np.intersect1d(draw(0, 3).theta, other.theta).size


def test_the_size_of_the_shifts_changes_no_angle():
    still, moved = (sample_dataset_poses(50, seed=0, stream=3, translation_px=px, canvas=50) for px in (0.0, 5.0))
    np.testing.assert_array_equal(still.theta, moved.theta)
    assert not still.tau.any() and moved.tau.any()


def test_no_motion_on_a_larger_canvas_keeps_every_pixel():
    images = np.random.default_rng(0).integers(0, 256, (3, 28, 28), dtype=np.uint8)
    posed = warp(images, pose_of([0, 0, 0], np.zeros((3, 2))), canvas=50)
    np.testing.assert_array_equal(posed[:, 11:39, 11:39], images)
    assert posed.sum() == images.sum()


def test_a_quarter_turn_is_counter_clockwise():
    images = np.random.default_rng(0).integers(0, 256, (2, 9, 9), dtype=np.uint8)
    posed = warp(images, pose_of([np.pi / 2, -np.pi / 2], np.zeros((2, 2))), canvas=9)
    np.testing.assert_allclose(posed, [np.rot90(images[0]), np.rot90(images[1], -1)], atol=1)


def test_a_positive_shift_goes_right_and_up():
    image = np.zeros((1, 11, 11), np.uint8)
    image[0, 5, 5] = 200
    posed = warp(image, pose_of(0.0, [4 / 11, 6 / 11]), canvas=11)  # 2 and 3 pixels
    assert posed[0, 2, 7] == 200 and posed.sum() == 200


@pytest.mark.parametrize(("canvas", "zoom"), [(50, 1.0), (64, 2.0)])
def test_the_centre_of_mass_goes_where_the_pose_sends_it(canvas, zoom):
    images = smooth_images(16)
    images[:, :, :14] //= 4  # far from symmetric, so that the turn shows
    pose = sample_dataset_poses(16, seed=0, stream=3, translation_px=2.0, canvas=canvas)
    posed = warp(images, pose, canvas, zoom)
    for before, after, theta, tau in zip(images, posed, pose.theta, pose.tau, strict=True):
        x, y = centre_of_mass(before) * 28 * zoom / canvas
        turned = [np.cos(theta) * x - np.sin(theta) * y, np.sin(theta) * x + np.cos(theta) * y]
        np.testing.assert_allclose(centre_of_mass(after), turned + tau, atol=0.1 * 2 / canvas)


@pytest.mark.parametrize(("canvas", "zoom"), [(24, 2.0), (12, 1.0)])
def test_warping_agrees_with_scipy(canvas, zoom):
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8), dtype=np.uint8)
    pose = sample_dataset_poses(5, seed=0, stream=3, translation_px=1.5, canvas=canvas)
    row, column = np.mgrid[:canvas, :canvas]
    for image, posed, theta, tau in zip(images, warp(images, pose, canvas, zoom), pose.theta, pose.tau, strict=True):
        x, y = (2 * column + 1) / canvas - 1 - tau[0], 1 - (2 * row + 1) / canvas - tau[1]
        x, y = np.cos(theta) * x + np.sin(theta) * y, np.cos(theta) * y - np.sin(theta) * x
        places = [3.5 - y * canvas / (2 * zoom), 3.5 + x * canvas / (2 * zoom)]
        expected = map_coordinates(image.astype(float), places, order=1, mode="grid-constant", cval=0.0)
        assert np.abs(posed - expected).max() <= 0.51


def test_the_inverse_pose_brings_the_image_back():
    images = smooth_images(8)
    still = warp(images, pose_of(np.zeros(8), np.zeros((8, 2))), canvas=50)
    pose = sample_dataset_poses(8, seed=0, stream=3, translation_px=3.0, canvas=50)
    inverse = invert_pose(jax.tree.map(jnp.asarray, pose))
    back = warp(warp(images, pose, canvas=50), inverse, canvas=50)
    error = ((still / 255 - back / 255) ** 2).mean((1, 2))
    assert (-10 * np.log10(error) > 35).all()


@pytest.mark.parametrize("chunk", [1, 4, 7, 30])
def test_the_chunk_changes_nothing(chunk):
    images = smooth_images(7)
    pose = sample_dataset_poses(7, seed=0, stream=3, translation_px=3.0, canvas=30)
    np.testing.assert_array_equal(warp(images, pose, 30, chunk=chunk), warp(images, pose, 30, chunk=5))


def test_shifts_that_cannot_be_are_errors(data):
    with pytest.raises(InputError, match=r"config\.data\.translation_px: .*found -1"):
        sample_dataset_poses(3, seed=0, stream=3, translation_px=-1.0, canvas=50)
    data.update(name="npz", translation_px=2.0)
    with pytest.raises(InputError, match=r"config\.data\.translation_px: expected 0, as npz is not shifted, found 2"):
        reject_translation(data)
