import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates

from irl_inr_jax.geometry import warps as geometry
from irl_inr_jax.geometry.coords import compose_poses
from irl_inr_jax.types import Pose

transform_images = jax.jit(geometry.transform_images, static_argnames=("interpolation", "fill", "canvas", "zoom"))
sample_image = jax.jit(geometry.sample_image, static_argnames=("interpolation", "fill"))
FILL = 0.25
INTERPOLATIONS = ("nearest", "bilinear")  # in the order of spline interpolation: 0, 1
both = pytest.mark.parametrize("interpolation", INTERPOLATIONS)


def noise_images(*shape, seed=0):
    return np.random.default_rng(seed).uniform(size=shape).astype(np.float32)


def pose_of(theta, tau):
    """One pose per row, float32."""
    tau = np.atleast_2d(np.asarray(tau, np.float32))
    return Pose(theta=jnp.asarray(np.broadcast_to(theta, len(tau)).astype(np.float32)), tau=jnp.asarray(tau))


def transform(images, theta, tau, interpolation, **settings):
    poses = pose_of(theta, np.broadcast_to(tau, (len(images), 2)))
    return np.asarray(transform_images(images, poses, interpolation=interpolation, fill=FILL, **settings))


def blob_image(size, centre=(0.2, -0.1)):
    """A smooth image without symmetry, dark at the border."""
    x, y = np.meshgrid((2 * np.arange(size) + 1) / size - 1, 1 - (2 * np.arange(size) + 1) / size)
    x, y = x - centre[0], y - centre[1]
    image = np.exp(-((x - 0.1) ** 2 / 0.03 + y**2 / 0.01)) + 0.6 * np.exp(-((x + 0.15) ** 2 + (y - 0.15) ** 2) / 0.008)
    return image.astype(np.float32)[None, :, :, None]


def scipy_transform(image, theta, tau, order):
    """J(R(-theta)(x - tau)) in float64 through SciPy, fill outside."""
    height, width = image.shape
    x, y = np.meshgrid((2 * np.arange(width) + 1) / width - 1, 1 - (2 * np.arange(height) + 1) / height)
    z = ((x - tau[0]) + 1j * (y - tau[1])) * np.exp(-1j * theta)
    rows, columns = (1 - z.imag) * height / 2 - 0.5, (z.real + 1) * width / 2 - 0.5
    # SciPy's border is interpolated half-way only, so the image first gets a wide border of fill.
    bordered = np.pad(np.asarray(image, np.float64), 9, constant_values=FILL)
    transformed = map_coordinates(bordered, [rows + 9, columns + 9], order=order, mode="constant", cval=FILL)
    tie_distance = np.minimum(np.abs(rows % 1 - 0.5), np.abs(columns % 1 - 0.5))
    return transformed, tie_distance


@both
def test_the_identity_leaves_every_pixel(interpolation):
    images = noise_images(2, 7, 5, 3)
    np.testing.assert_allclose(transform(images, 0.0, [0, 0], interpolation), images, atol=1e-6)


@both
@pytest.mark.parametrize("size", [6, 7])
def test_quarter_rotations_are_rot90_counter_clockwise(interpolation, size):
    images = noise_images(2, size, size, 2)
    for quarters in (1, 2, 3, -1):
        found = transform(images, quarters * np.pi / 2, [0, 0], interpolation)
        np.testing.assert_allclose(found, np.rot90(images, quarters, axes=(1, 2)), atol=1e-5)


@both
def test_whole_pixel_translations_roll_and_fill(interpolation):
    height, width = 6, 8
    images = noise_images(2, height, width, 1)
    bordered = np.pad(images, ((0, 0), (5, 5), (5, 5), (0, 0)), constant_values=FILL)
    for right, up in [(1, 0), (0, 1), (-2, 3), (4, -1)]:
        expected = np.roll(bordered, (-up, right), axis=(1, 2))[:, 5:-5, 5:-5]
        found = transform(images, 0.0, [2 * right / width, 2 * up / height], interpolation)
        np.testing.assert_allclose(found, expected, atol=1e-5)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(INTERPOLATIONS))
def test_any_pose_agrees_with_scipy(seed, interpolation):
    rng = np.random.default_rng(seed)
    image, theta, tau = rng.uniform(size=(11, 11)).astype(np.float32), rng.uniform(-4, 4), rng.normal(0, 0.3, 2)
    expected, tie_distance = scipy_transform(image, theta, tau, order=INTERPOLATIONS.index(interpolation))
    found = transform(image[None, :, :, None], theta, tau, interpolation)[0, :, :, 0]
    decided = tie_distance > 1e-4 if interpolation == "nearest" else tie_distance >= 0
    np.testing.assert_allclose(found[decided], expected[decided], atol=1e-4)


def test_two_transformations_of_a_smooth_image_are_their_composition():
    image = blob_image(64)
    first, second = pose_of(0.7, [0.2, -0.1]), pose_of(-1.9, [-0.1, 0.15])
    settings = {"interpolation": "bilinear", "fill": 0.0}
    compose = jax.jit(compose_poses)
    twice = np.asarray(transform_images(transform_images(image, first, **settings), second, **settings))
    once = transform_images(image, compose(second, first), **settings)
    assert -10 * np.log10(np.mean((twice - once) ** 2)) > 45
    wrong_order = transform_images(image, compose(first, second), **settings)
    assert -10 * np.log10(np.mean((twice - wrong_order) ** 2)) < 30


@both
def test_a_canvas_has_the_image_in_its_middle_at_its_original_size(interpolation):
    images = noise_images(2, 4, 6, 1)
    found = transform(images, 0.0, [0, 0], interpolation, canvas=(8, 12))
    expected = np.pad(images, ((0, 0), (2, 2), (3, 3), (0, 0)), constant_values=FILL)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@both
def test_the_pose_is_in_coords_of_the_canvas(interpolation):
    images = noise_images(1, 4, 4, 1)
    found = transform(images, np.pi / 2, [2 * 3 / 10, 2 * 2 / 10], interpolation, canvas=(10, 10))
    expected = np.pad(np.rot90(images, axes=(1, 2)), ((0, 0), (3, 3), (3, 3), (0, 0)), constant_values=FILL)
    np.testing.assert_allclose(found, np.roll(expected, (-2, 3), axis=(1, 2)), atol=1e-5)


def test_zoom_two_makes_every_pixel_two_wide():
    images = noise_images(2, 4, 4, 1)
    found = transform(images, 0.0, [0, 0], "nearest", canvas=(12, 12), zoom=2.0)
    doubled = np.asarray(images).repeat(2, axis=1).repeat(2, axis=2)
    np.testing.assert_array_equal(found, np.pad(doubled, ((0, 0), (2, 2), (2, 2), (0, 0)), constant_values=FILL))


@both
def test_far_outside_there_is_fill_and_no_nan(interpolation):
    images = noise_images(3, 5, 5, 1)
    tau = np.array([[40.0, 0], [-1e6, 1e6], [0, -3e9]])
    found = transform_images(images, pose_of(0.3, tau), interpolation=interpolation, fill=FILL)
    np.testing.assert_array_equal(found, np.full_like(images, FILL))


@both
def test_channels_and_images_do_not_mix(interpolation):
    images = noise_images(3, 6, 6, 3)
    theta, tau = np.array([0.3, 2.0, -1.0], np.float32), noise_images(3, 2, seed=1) - 0.5
    together = np.asarray(transform_images(images, pose_of(theta, tau), interpolation=interpolation, fill=FILL))
    for i in range(3):
        for c in range(3):
            alone = images[i : i + 1, :, :, c : c + 1]
            one = transform_images(alone, pose_of(theta[i], tau[i]), interpolation=interpolation, fill=FILL)
            np.testing.assert_allclose(together[i, :, :, c], np.asarray(one)[0, :, :, 0], atol=1e-6)


def test_the_gradient_of_the_pose_is_the_finite_difference():
    with jax.enable_x64(True):
        images = jnp.asarray(blob_image(12), jnp.float64)
        target = np.asarray(noise_images(1, 12, 12, 1), np.float64)

        def error(vector):
            pose = Pose(theta=vector[:1], tau=vector[None, 1:])
            return ((transform_images(images, pose, interpolation="bilinear", fill=0.0) - target) ** 2).sum()

        at = np.array([0.4321, 0.0612, -0.0737])
        gradient = np.asarray(jax.jit(jax.grad(error))(at))
        steps = 1e-7 * np.eye(3)
        errors = np.asarray(jax.jit(jax.vmap(error))(np.concatenate([at + steps, at - steps])))
        differences = (errors[:3] - errors[3:]) / 2e-7
    assert np.abs(gradient).min() > 0.1
    np.testing.assert_allclose(gradient, differences, rtol=1e-4)


def test_sampling_between_two_pixels_is_their_mean_and_on_one_its_value():
    image = noise_images(4, 4, 1)
    coords = np.float32([[-0.75, 0.75], [-0.5, 0.75], [-0.75, 0.5]])
    values = np.asarray(sample_image(image, coords, interpolation="bilinear", fill=0.0))[:, 0]
    pixels = np.asarray(image[:, :, 0])
    expected = [pixels[0, 0], (pixels[0, 0] + pixels[0, 1]) / 2, (pixels[0, 0] + pixels[1, 0]) / 2]
    np.testing.assert_allclose(values, expected, atol=1e-6)
