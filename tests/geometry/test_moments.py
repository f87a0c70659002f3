import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from irl_inr_jax.geometry import coords, moments, warps
from irl_inr_jax.geometry.moments import Salience
from irl_inr_jax.types import Pose

centre_of_mass, complex_moment_21 = jax.jit(moments.centre_of_mass), jax.jit(moments.complex_moment_21)
pixel_mass, angle_of = jax.jit(moments.pixel_mass), jax.jit(moments.angle_of)
salient_mass = jax.jit(moments.salient_mass, static_argnums=1)
compose_poses, pixel_grid = jax.jit(coords.compose_poses), jax.jit(coords.pixel_grid, static_argnums=(0, 1))
moment_pose = jax.jit(moments.moment_pose, static_argnames=("translation", "salience"))
transform_images = jax.jit(warps.transform_images, static_argnames=("interpolation", "fill"))
few = settings(max_examples=15, deadline=None)


def random_images(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def blob_images(size=48):
    """Two smooth images off the centre, without symmetry and dark at the border."""
    x, y = np.meshgrid((2 * np.arange(size) + 1) / size - 1, 1 - (2 * np.arange(size) + 1) / size)
    x, y = x - 0.15, y + 0.1
    first = np.exp(-((x - 0.1) ** 2 / 0.03 + y**2 / 0.01)) + 0.6 * np.exp(-((x + 0.15) ** 2 + (y - 0.15) ** 2) / 0.008)
    second = np.exp(-(x**2 + y**2) / 0.01) + 0.5 * np.exp(-((x + 0.2) ** 2 + (y + 0.1) ** 2) / 0.02)
    return np.stack([first, second]).astype(np.float32)[..., None]


def singular_images():
    """Blank; constant; a centred plus; a ring about the centre; one pixel, which is its own centre."""
    plus, pixel = np.zeros((9, 9)), np.zeros((9, 9))
    plus[4, 1:8] = plus[1:8, 4] = pixel[2, 6] = 1
    ring = np.zeros((9, 9))
    ring[2:7, 2:7] = 0.5
    ring[3:6, 3:6] = 0
    return np.stack([np.zeros((9, 9)), np.ones((9, 9)), plus, ring, pixel]).astype(np.float32)[..., None]


def pose_of(theta, tau):
    return Pose(theta=jnp.asarray(np.float32(theta)), tau=jnp.asarray(np.float32(tau)))


def angle_distance(a, b):
    return np.abs(np.angle(np.exp(1j * (np.asarray(a, np.float64) - np.asarray(b, np.float64)))))


@few
@given(st.integers(0, 5), st.integers(0, 7))
def test_a_single_pixel_is_its_own_centre(row, column):
    images = np.zeros((1, 6, 8, 3), np.float32)
    images[0, row, column] = [0.1, 0.2, 0.3]
    np.testing.assert_allclose(
        np.asarray(centre_of_mass(images))[0], np.asarray(pixel_grid(6, 8))[row * 8 + column], atol=1e-6
    )


def test_mass_is_the_l1_norm_of_the_channels():
    images = random_images(0, 2, 3, 4, 3)
    np.testing.assert_allclose(pixel_mass(images), np.abs(images).sum(-1).reshape(2, 12), rtol=1e-6)
    np.testing.assert_allclose(centre_of_mass(-images), centre_of_mass(images), atol=1e-6)
    pose, _ = moment_pose(-images, translation=True)
    np.testing.assert_allclose(pose.theta, moment_pose(images, translation=True)[0].theta, atol=1e-5)


@few
@given(st.integers(0, 10**6))
def test_c21_is_the_complex_sum(seed):
    images = random_images(seed, 2, 5, 5, 3)
    centre = np.random.default_rng(seed + 1).normal(0, 0.3, (2, 2)).astype(np.float32)
    mass = np.abs(np.asarray(images, np.float64)).sum(-1)
    x, y = np.meshgrid((2 * np.arange(5) + 1) / 5 - 1, 1 - (2 * np.arange(5) + 1) / 5)
    z = x + 1j * y - (centre[:, 0] + 1j * centre[:, 1])[:, None, None]
    c21 = (mass * z**2 * z.conj()).sum((1, 2)) / (mass * np.abs(z) ** 3).sum((1, 2))
    found = complex_moment_21(images, centre)
    np.testing.assert_allclose(found, np.stack([c21.real, c21.imag], -1), atol=1e-5)


@pytest.mark.parametrize("translation", [True, False])
def test_a_quarter_rotation_rotates_the_pose(translation):
    images = random_images(3, 6, 7, 7, 1)
    before, strength = moment_pose(images, translation=translation)
    for quarters in (1, 2, 3):
        rotated = np.rot90(images, quarters, axes=(1, 2))
        after, same_strength = moment_pose(rotated, translation=translation)
        expected = compose_poses(pose_of(np.full(6, quarters * np.pi / 2), np.zeros((6, 2))), before)
        assert angle_distance(after.theta, expected.theta).max() < 1e-3
        np.testing.assert_allclose(after.tau, expected.tau, atol=1e-5)
        np.testing.assert_allclose(same_strength, strength, atol=1e-5)


def test_a_whole_pixel_translation_changes_tau_and_leaves_theta():
    images = np.pad(random_images(4, 6, 5, 5, 1), ((0, 0), (3, 3), (3, 3), (0, 0)))
    before, _ = moment_pose(images, translation=True)
    after, _ = moment_pose(np.roll(images, (-2, 3), axis=(1, 2)), translation=True)
    shift = np.broadcast_to(np.float32([6 / 11, 4 / 11]), (6, 2))
    np.testing.assert_allclose(np.asarray(after.tau) - before.tau, shift, atol=1e-5)
    assert angle_distance(after.theta, before.theta).max() < 1e-3


@few
@given(st.floats(-3, 3), st.floats(-0.2, 0.2), st.floats(-0.2, 0.2))
def test_transforming_a_smooth_image_composes_with_its_pose(theta, right, up):
    images = blob_images(96)
    transformation = pose_of(np.full(2, theta), np.tile([right, up], (2, 1)))
    before, _ = moment_pose(images, translation=True)
    after, _ = moment_pose(
        transform_images(images, transformation, interpolation="bilinear", fill=0.0), translation=True
    )
    expected = compose_poses(transformation, before)
    assert np.degrees(angle_distance(after.theta, expected.theta)).max() < 1
    np.testing.assert_allclose(after.tau, expected.tau, atol=2e-3)


@few
@given(st.floats(-3, 3))
def test_without_translation_theta_is_equivariant_about_the_image_centre(theta):
    images = blob_images()
    transformation = pose_of(np.full(2, theta), np.zeros((2, 2)))
    before, _ = moment_pose(images, translation=False)
    after, _ = moment_pose(
        transform_images(images, transformation, interpolation="bilinear", fill=0.0), translation=False
    )
    np.testing.assert_array_equal(after.tau, np.zeros((2, 2)))
    assert np.degrees(angle_distance(after.theta, np.asarray(before.theta) + theta)).max() < 1


@few
@given(st.integers(0, 10**6), st.sampled_from([1e-4, 0.1, 30.0]), st.booleans())
def test_strength_is_in_the_unit_interval_and_invariant_to_brightness(seed, brightness, translation):
    images = random_images(seed, 3, 6, 6, 1)
    pose, strength = moment_pose(images, translation=translation)
    dimmed, same = moment_pose(np.float32(brightness) * images, translation=translation)
    assert np.all(np.asarray(strength) >= 0) and np.all(np.asarray(strength) <= 1 + 1e-6)
    np.testing.assert_allclose(same, strength, rtol=1e-4, atol=1e-6)
    assert angle_distance(dimmed.theta, pose.theta).max() < 1e-3


def test_strength_is_one_for_mass_in_one_direction_and_none_for_symmetric_images():
    one_sided = np.zeros((5, 9, 9, 1), np.float32)
    one_sided[:, 4, 8] = 1.0
    pose, strength = moment_pose(one_sided, translation=False)
    np.testing.assert_allclose(strength, 1, atol=1e-6)
    np.testing.assert_allclose(pose.theta, 0, atol=1e-6)
    _, strength = moment_pose(singular_images(), translation=True)
    np.testing.assert_allclose(strength, 0, atol=1e-6)


@pytest.mark.parametrize("translation", [True, False])
def test_singular_images_have_finite_poses_and_gradients(translation):
    def total(images):
        pose, strength = moments.moment_pose(images, translation=translation)
        return pose.theta.sum() + pose.tau.sum() + strength.sum(), (pose, strength)

    images = singular_images()
    gradient, (pose, strength) = jax.jit(jax.grad(total, has_aux=True))(images)
    assert np.isfinite(gradient).all() and np.isfinite(strength).all()
    assert np.isfinite(pose.theta).all() and np.isfinite(pose.tau).all()
    assert np.asarray(pose.theta)[0] == 0 and not np.any(np.asarray(pose.tau)[0])


def test_the_angle_of_a_vector_is_its_arctangent_or_zero():
    angles = np.array([0.0, 1.0, -1.0, 3.0, -3.0])
    vectors = (0.01 * np.stack([np.cos(angles), np.sin(angles)], -1)).astype(np.float32)
    np.testing.assert_allclose(angle_of(vectors), angles, atol=1e-5)
    value, gradient = jax.jit(jax.value_and_grad(moments.angle_of))(np.zeros(2, np.float32))
    assert float(value) == 0 and not np.any(gradient)


def test_salient_mass_agrees_with_scipy():
    images = random_images(3, 2, 20, 24, 2)
    found = np.asarray(salient_mass(images, Salience(1.5, 0.7)))
    blurred = gaussian_filter(np.asarray(images, np.float64), (0, 1.5, 1.5, 0), mode="constant", truncate=20)
    x, y = np.moveaxis(np.asarray(pixel_grid(20, 24)).reshape(20, 24, 2), -1, 0)
    expected = np.maximum(blurred, 0) ** 2 * (np.hypot(x, y) <= 0.7)[:, :, None]
    np.testing.assert_allclose(found, expected, atol=2e-4)


@pytest.mark.parametrize("translation", [True, False])
def test_the_angle_of_the_salient_mass_is_equivariant(translation):
    images = blob_images()
    rotation = pose_of([1.1, -2.5], np.zeros((2, 2)))
    rotated = transform_images(images, rotation, interpolation="bilinear", fill=0.0)
    before, strength = moment_pose(images, translation=translation, salience=Salience(2.0, 0.9))
    after, _ = moment_pose(rotated, translation=translation, salience=Salience(2.0, 0.9))
    assert (
        angle_distance(after.theta, np.asarray(before.theta) + np.asarray(rotation.theta)).max() < 0.02
        and np.min(strength) > 0.01
    )


def test_under_heavy_noise_the_angle_of_the_salient_mass_is_more_accurate():
    rng = np.random.default_rng(0)
    clean = np.repeat(np.asarray(blob_images()[:1]), 300, axis=0)
    noisy = (clean + rng.normal(0, 0.8, clean.shape)).astype(np.float32)
    errors = []
    for salience in (Salience(0.0, 0.0), Salience(3.0, 0.6)):
        truth = moment_pose(clean[:1], translation=True, salience=salience)[0].theta
        found = moment_pose(noisy, translation=True, salience=salience)[0].theta
        errors.append(np.median(angle_distance(found, truth)))
    assert errors[1] < errors[0] / 2


def test_a_wrapped_angle_is_the_same_direction_within_half_a_rotation():
    angles = np.linspace(-20, 20, 401, dtype=np.float32)
    wrapped = np.asarray(moments.wrap_angle(jnp.asarray(angles)))
    assert np.abs(wrapped).max() <= np.float32(np.pi)
    np.testing.assert_allclose(np.exp(1j * wrapped), np.exp(1j * angles.astype(np.float64)), atol=5e-6)
    np.testing.assert_array_equal(jax.vmap(jax.grad(moments.wrap_angle))(jnp.asarray(angles)), np.ones_like(angles))
