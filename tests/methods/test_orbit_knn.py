"""The training-free method: invariance under rotation and translation, and runs without steps."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.datasets import load_digits

from irl_inr_jax.config import base
from irl_inr_jax.config.checks import check_config
from irl_inr_jax.geometry.moments import moment_pose
from irl_inr_jax.geometry.warps import transform_images
from irl_inr_jax.methods import METHODS
from irl_inr_jax.presets import tiny
from irl_inr_jax.training.optimizer import make_schedule
from irl_inr_jax.types import InputError, Pose


def digits(count=6):
    images = load_digits().images[:count].astype(np.float32) / 16
    images = np.kron(images, np.ones((1, 3, 3), np.float32))
    return jnp.asarray(np.pad(images, ((0, 0), (12, 12), (12, 12))))[..., None]


def test_latents_are_invariant_to_rotation_and_translation_and_the_pose_is_that_of_moments():
    method = METHODS["orbit_knn"](tiny.get_config("orbit_knn"), num_channels=1, low=0.0, axis_name=None)
    images, encode = digits(), jax.jit(method.encode)
    transformation = Pose(theta=jnp.full(6, 1.1), tau=jnp.broadcast_to(jnp.array([0.15, -0.1]), (6, 2)))
    transformed = transform_images(images, transformation, interpolation="bilinear", fill=0.0)
    params, model_state = method.init(jax.random.key(0), images)
    assert not jax.tree.leaves((params, model_state)) and set(params) == {"encoder"}
    latents, pose = encode(params, model_state, images)
    transformed_latents, transformed_pose = encode(params, model_state, transformed)
    assert latents.shape == (6, 25 * 20)
    distances = np.linalg.norm(np.asarray(latents)[:, None] - np.asarray(transformed_latents), axis=-1)
    np.testing.assert_array_equal(distances.argmin(axis=1), np.arange(6))
    assert np.diag(distances).max() < 0.5 * np.median(distances)
    np.testing.assert_allclose(pose.theta, moment_pose(images, translation=True)[0].theta, atol=1e-4)
    assert np.abs(np.asarray(transformed_pose.tau)).max() > 0.05


def test_a_blank_image_has_zero_latents():
    for translation in (True, False):
        config = tiny.get_config("orbit_knn")
        config.model.pose.translation = translation
        method = METHODS["orbit_knn"](config, num_channels=3, low=0.0, axis_name=None)
        latents, pose = jax.jit(method.encode)({"encoder": {}}, {}, jnp.zeros((2, 16, 16, 3)))
        assert not np.any(latents) and not np.any(pose.theta) and not np.any(pose.tau)


def test_only_a_training_free_method_has_no_epochs():
    config = base.get_config()
    config.train.num_epochs = 0
    with pytest.raises(InputError, match=r"expected config.train.num_epochs of at least 1, found 0"):
        check_config(config)
    config.method, config.loss.neighbours = "orbit_knn", 0.0
    check_config(config)
    config.train.num_epochs = 3
    with pytest.raises(InputError, match=r"num_epochs=0 with config.method=orbit_knn, .*, found 3"):
        check_config(config)


def test_a_schedule_of_no_steps_is_defined():
    train = base.get_config().train
    for train.schedule in ("constant", "cosine"):
        assert np.isfinite(make_schedule(train, 0)(0))
