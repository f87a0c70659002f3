import jax
import jax.numpy as jnp
import numpy as np
import pytest

from irl_inr_jax.augment import views
from irl_inr_jax.geometry import coords
from irl_inr_jax.geometry import warps as geometry
from irl_inr_jax.types import Pose

example_keys = jax.jit(views.example_keys)
sample_pixels = jax.jit(views.sample_pixels, static_argnums=(1, 2))
select_pixels = jax.jit(views.select_pixels, static_argnums=3)
transform_coords, pixel_grid = jax.jit(coords.transform_coords), jax.jit(coords.pixel_grid, static_argnums=(0, 1))
sample_poses = jax.jit(views.sample_poses, static_argnames="translation_std")
random_views = jax.jit(views.random_views, static_argnames=("translation_px", "interpolation", "fill"))
transform_images = jax.jit(geometry.transform_images, static_argnames=("interpolation", "fill"))


def keys_of(positions, seed=0):
    return example_keys(jax.random.key(seed), np.asarray(positions, np.int32))


def random_images(*shape):
    return np.random.default_rng(0).uniform(size=shape).astype(np.float32)


def test_keys_depend_on_the_position_and_nothing_else():
    everything = np.asarray(jax.random.key_data(keys_of(range(8))))
    np.testing.assert_array_equal(jax.random.key_data(keys_of([6, 2, 5])), everything[np.array([6, 2, 5])])
    assert len(np.unique(everything, axis=0)) == 8
    assert not np.any(np.all(jax.random.key_data(keys_of(range(8), seed=1)) == everything, axis=1))


def test_a_part_of_the_batch_gets_the_same_random_numbers_as_in_the_whole():
    images, share = random_images(6, 8, 8, 1), np.array([1, 4])
    settings = {"translation_px": 1.0, "interpolation": "bilinear", "fill": 0.0}
    whole = random_views(keys_of(range(6)), images, **settings)
    np.testing.assert_allclose(random_views(keys_of(share), images[share], **settings), whole[share], atol=1e-6)
    pixels = sample_pixels(keys_of(range(6)), 5, 64)
    np.testing.assert_array_equal(sample_pixels(keys_of(share), 5, 64), pixels[share])


@pytest.fixture(scope="module")
def many_poses():
    return sample_poses(keys_of(range(4000)), translation_std=0.2)


def test_angles_are_uniform_over_the_circle(many_poses):
    theta = np.sort(many_poses.theta)
    assert theta[0] >= 0 and theta[-1] < 2 * np.pi
    distance = np.abs(theta / (2 * np.pi) - (np.arange(4000) + 0.5) / 4000).max()
    assert distance < 1.95 / np.sqrt(4000)  # Kolmogorov-Smirnov at one in a thousand


def test_translations_are_normal_with_the_requested_deviation_and_independent_of_the_angle(many_poses):
    tau = np.asarray(many_poses.tau)
    np.testing.assert_allclose(tau.mean(0), 0, atol=0.015)
    np.testing.assert_allclose(tau.std(0), 0.2, rtol=0.06)
    assert np.mean(np.abs(tau) < 0.2) == pytest.approx(0.683, abs=0.02)
    correlations = np.corrcoef(np.column_stack([tau, np.cos(many_poses.theta), np.sin(many_poses.theta)]).T)
    assert np.abs(correlations - np.eye(4)).max() < 0.08
    still = sample_poses(keys_of(range(4)), translation_std=0.0)
    assert not np.any(still.tau)


@pytest.mark.parametrize(("translation_px", "interpolation"), [(0.0, "bilinear"), (1.5, "nearest")])
def test_views_are_the_images_transformed_by_the_sampled_poses(translation_px, interpolation):
    images, keys = random_images(5, 10, 10, 3), keys_of(range(5))
    found = random_views(keys, images, translation_px=translation_px, interpolation=interpolation, fill=0.4)
    pose = sample_poses(keys, translation_std=translation_px * 0.2)  # a pixel is 2 / 10 wide
    expected = transform_images(images, pose, interpolation=interpolation, fill=0.4)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert np.abs(np.asarray(found) - images).max() > 0.1


def test_sampled_pixels_are_within_the_image_and_differ_between_images():
    pixels = np.asarray(sample_pixels(keys_of(range(50)), 100, 12))
    assert pixels.shape == (50, 100) and pixels.dtype == np.int32
    assert set(np.unique(pixels)) == set(range(12))
    np.testing.assert_allclose(np.bincount(pixels.ravel()) / 5000, 1 / 12, atol=0.02)
    assert np.any(pixels[0] != pixels[1])


def test_zero_pixels_are_all_pixels_in_order():
    np.testing.assert_array_equal(sample_pixels(keys_of(range(3)), 0, 7), np.tile(np.arange(7), (3, 1)))


@pytest.mark.parametrize("num_pixels", [0, 30])
def test_selected_pixels_have_the_canonical_coords_and_values_of_the_same_pixels(num_pixels):
    """Transforming the coords by the pose gives pixel centres, whose values these are; further views get the same."""
    images, keys = random_images(6, 5, 8, 2), keys_of(range(3))
    rng = np.random.default_rng(0)
    pose = Pose(
        theta=jnp.asarray(rng.normal(size=6).astype(np.float32)),
        tau=jnp.asarray(rng.normal(size=(6, 2)).astype(np.float32)),
    )
    points, values = select_pixels(keys, images, pose, num_pixels)
    centres = np.asarray(transform_coords(points, pose))
    grid = np.asarray(pixel_grid(5, 8))
    numbers = np.abs(centres[:, :, None] - grid).sum(-1).argmin(-1)
    assert numbers.shape == (6, num_pixels or 40)
    np.testing.assert_allclose(centres, grid[numbers], atol=1e-5)
    np.testing.assert_array_equal(values, np.take_along_axis(images.reshape(6, 40, 2), numbers[..., None], axis=1))
    np.testing.assert_array_equal(numbers[:3], numbers[3:])
