"""Test what the encoder sees: images in their canonical form or as polar images, whatever their pose."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from irl_inr_jax.geometry.coords import pixel_grid
from irl_inr_jax.geometry.warps import transform_images
from irl_inr_jax.methods.encoder_input import make_encoder_input
from irl_inr_jax.methods.pose import make_pose_form
from irl_inr_jax.presets import tiny
from irl_inr_jax.types import Pose

SIDE = 32


def make_input(trunk, *, translation=True, encoder_input="canonical"):
    config = tiny.get_config()
    config.model.encoder.update(trunk=trunk, input=encoder_input)
    config.model.encoder.polar.update(num_angles=16, num_radii=5, radius=0.6)
    config.model.pose.translation = translation
    return jax.jit(make_encoder_input(config, make_pose_form(config)))


def blobs():
    """Three smooth images of blobs within a disc about the centre."""
    random = np.random.default_rng(1)
    centres = jnp.asarray(random.uniform(-0.35, 0.35, size=(3, 4, 1, 2)), jnp.float32)
    heights = jnp.asarray(random.uniform(0.3, 1.0, size=(3, 4, 1)), jnp.float32)
    distances = ((pixel_grid(SIDE, SIDE) - centres) ** 2).sum(-1)
    return (heights * jnp.exp(-distances / 0.05)).sum(1).reshape(3, SIDE, SIDE, 1)


def moved(images, theta, tau):
    pose = Pose(theta=jnp.full(3, theta), tau=jnp.tile(jnp.asarray([tau], jnp.float32), (3, 1)))
    return transform_images(images, pose, interpolation="bilinear", fill=0.0)


@pytest.mark.parametrize(("trunk", "shape"), [("mlp", (SIDE, SIDE, 1)), ("polar", (5, 16, 1))])
def test_rotated_and_shifted_images_give_the_same_input(trunk, shape):
    encoder_input, images = make_input(trunk), blobs()
    expected = encoder_input(images)
    assert expected.shape == (3, *shape) and np.ptp(expected) > 0.5
    np.testing.assert_allclose(encoder_input(moved(images, 0.9, (0.15, -0.1))), expected, atol=0.05)
    np.testing.assert_allclose(encoder_input(jnp.rot90(images, axes=(1, 2))), expected, atol=1e-3)


def test_images_that_are_only_rotated_are_sampled_about_their_middle():
    """A ring has the same value at every angle only about its middle."""
    ring = jnp.exp(-((jnp.sqrt((pixel_grid(SIDE, SIDE) ** 2).sum(-1)) - 0.3) ** 2) / 0.01).reshape(1, SIDE, SIDE, 1)
    lopsided = ring.at[:, :8].add(0.5)
    polar = make_input("polar", translation=False)(lopsided)
    np.testing.assert_allclose(polar[0, :3, :, 0], np.broadcast_to(polar[0, :3, :1, 0], (3, 16)), atol=0.05)
    about_the_mass = make_input("polar")(lopsided)
    assert np.ptp(np.asarray(about_the_mass)[0, 2]) > 0.2


def test_raw_images_are_left_as_they_are():
    images = blobs()
    np.testing.assert_array_equal(make_input("mlp", encoder_input="raw")(images), images)
