"""Polar images about the centre of mass, and their spectra."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from irl_inr_jax.geometry import polar as geometry
from irl_inr_jax.geometry.moments import centre_of_mass
from irl_inr_jax.geometry.polar import polar_images
from irl_inr_jax.geometry.warps import transform_images
from irl_inr_jax.types import Pose

angular_spectrum, invariant_spectrum = jax.jit(geometry.angular_spectrum), jax.jit(geometry.invariant_spectrum)
SIDE = 40


def blobs(count, seed=0):
    """Smooth images of three spots each, well inside the border."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE, :SIDE]
    centres, heights = rng.uniform(14, 26, (count, 3, 2)), rng.uniform(0.3, 1, (count, 3))
    squared = (x - centres[..., :1, None]) ** 2 + (y - centres[..., 1:, None]) ** 2
    return (heights[..., None, None] * np.exp(-squared / 8)).sum(1)[..., None].astype(np.float32)


@jax.jit
def transform(images, theta, tau):
    """S_{theta,tau} of each image."""
    pose = Pose(theta=jnp.full(len(images), theta), tau=jnp.broadcast_to(jnp.stack(tau), (len(images), 2)))
    return transform_images(images, pose, interpolation="bilinear", fill=0.0)


@jax.jit
def to_polar(images):
    return polar_images(images, centre_of_mass(images), num_radii=20, num_angles=48, radius=1.0, fill=0.0)


def products(first, second):
    """The largest product of each pair over all circular shifts along the angle, in float64."""
    exact = [np.asarray(polar, np.float64) for polar in (first, second)]
    shifted = np.stack([np.roll(exact[1], shift, axis=2) for shift in range(exact[1].shape[2])])
    return np.einsum("qrtc,sprtc->sqp", exact[0], shifted, optimize=True).max(0)


def random_polar(count, num_angles, seed=0):
    return np.random.default_rng(seed).normal(size=(count, 3, num_angles, 2)).astype(np.float32)


@pytest.mark.parametrize(("theta", "tau"), [(np.pi / 2, (0.0, 0.0)), (0.8, (0.0, 0.0)), (2.5, (0.1, -0.2))])
def test_products_and_moduli_are_invariant_to_rotation_and_translation(theta, tau):
    images = blobs(6)
    before, after = to_polar(images), to_polar(transform(images, theta, tau))
    found = products(before, after)
    assert np.diag(found).min() > 0.999
    assert (found - 2 * np.eye(6)).max() < 0.99
    latents, transformed_latents = (np.asarray(invariant_spectrum(polar)) for polar in (before, after))
    distances = np.linalg.norm(latents[:, None] - transformed_latents, axis=-1)
    assert np.diag(distances).max() < 0.06
    assert (distances + np.eye(6)).min() > 2 * np.diag(distances).max()


@pytest.mark.parametrize("num_angles", [8, 9])
def test_spectra_keep_the_norm_and_distances_of_moduli_never_exceed_those_of_orbits(num_angles):
    polar = random_polar(20, num_angles)
    polar /= np.sqrt((polar**2).sum((1, 2, 3), keepdims=True))
    latents = np.asarray(invariant_spectrum(polar))
    np.testing.assert_allclose(np.linalg.norm(latents, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(np.asarray(angular_spectrum(polar)), axis=(1, 2)), 1, rtol=1e-5)
    orbit = np.sqrt(np.maximum(2 - 2 * products(polar, polar), 0))
    assert (np.linalg.norm(latents[:, None] - latents, axis=-1) <= orbit + 1e-3).all()
    rotated = invariant_spectrum(np.roll(polar, 3, axis=2))
    np.testing.assert_allclose(rotated, latents, atol=1e-6)


def test_products_of_polar_images_are_those_of_the_discs():
    images = blobs(6)
    pose = Pose(theta=jnp.zeros(6), tau=-jax.jit(centre_of_mass)(images))
    centred = jax.jit(lambda x, pose: transform_images(x, pose, interpolation="bilinear", fill=0.0))(images, pose)
    flat = np.asarray(centred).reshape(6, -1)
    flat = flat / np.linalg.norm(flat, axis=1, keepdims=True)
    polar = np.asarray(to_polar(images)).reshape(6, -1)
    np.testing.assert_allclose(polar @ polar.T, flat @ flat.T, atol=0.02)


def test_a_blank_image_is_zero_and_brightness_does_not_matter():
    images = blobs(6)
    images[1], images[2] = 0.25 * images[0], 0.0
    polar = np.asarray(to_polar(images))
    np.testing.assert_allclose(polar[0], polar[1], atol=1e-6)
    assert np.linalg.norm(polar[0]) == pytest.approx(1, rel=1e-5) and not polar[2].any()


def test_the_radius_is_that_of_the_outer_edge_of_the_outermost_ring():
    image = np.zeros((1, SIDE, SIDE, 1), np.float32)
    image[0, SIDE // 2, 36] = 1.0  # at a radius of 16.5 of 20 pixels, on the right
    for radius, is_seen in ((0.7, False), (0.9, True)):
        sampled = jax.jit(
            lambda image, radius=radius: polar_images(
                image, jnp.zeros((1, 2)), num_radii=20, num_angles=48, radius=radius, fill=0.0
            )
        )(image)
        assert bool(np.asarray(sampled).any()) == is_seen


def test_the_best_rotation_is_the_same_in_real_arithmetic():
    keys = jax.random.split(jax.random.key(0))
    sampled, rendered = (jax.random.normal(key, (20, 3, 16, 2)) for key in keys)
    rendered = rendered.at[:10].set(jnp.roll(sampled[:10], -5, axis=2))
    expected = geometry.best_rotation(sampled, rendered)
    with geometry.real_arithmetic():
        found = geometry.best_rotation(sampled, rendered)
    np.testing.assert_array_equal(found, expected)
    assert found[:10].tolist() == [5] * 10
