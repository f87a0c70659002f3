"""The method that learns nothing, and a run of it."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from irl_inr_jax.presets import tiny
from sklearn.datasets import load_digits

from irl_inr_jax.config import base
from irl_inr_jax.config.checks import check_config
from irl_inr_jax.config.storage import from_json
from irl_inr_jax.data.datasets import make_dataset
from irl_inr_jax.geometry.moments import moment_pose
from irl_inr_jax.geometry.warps import transform_images
from irl_inr_jax.methods import METHODS
from irl_inr_jax.training.optimizer import make_schedule
from irl_inr_jax.training.run import load_trained
from irl_inr_jax.types import Batch, InputError, Pose


@pytest.fixture
def method():
    return METHODS["orbit_knn"](tiny.get_config("orbit_knn"), num_channels=1, low=0.0, axis_name=None)


def digits(count=6):
    images = load_digits().images[:count].astype(np.float32) / 16
    images = np.kron(images, np.ones((1, 3, 3), np.float32))
    return jnp.asarray(np.pad(images, ((0, 0), (12, 12), (12, 12))))[..., None]


def test_latents_are_blind_to_turns_and_shifts_and_the_pose_tells_them(method):
    images = digits()
    move = Pose(theta=jnp.full(6, 1.1), tau=jnp.broadcast_to(jnp.array([0.15, -0.1]), (6, 2)))
    moved = transform_images(images, move, interpolation="bilinear", fill=0.0)
    params, model_state = method.init(jax.random.key(0), images)
    latents, pose = jax.jit(method.encode)(params, model_state, images)
    moved_latents, moved_pose = jax.jit(method.encode)(params, model_state, moved)
    assert latents.dtype == jnp.float32 and latents.shape == (6, 25 * 20)
    apart = np.linalg.norm(np.asarray(latents)[:, None] - np.asarray(moved_latents), axis=-1)
    np.testing.assert_array_equal(apart.argmin(axis=1), np.arange(6))
    assert np.diag(apart).max() < 0.5 * np.median(apart)
    np.testing.assert_allclose(pose.theta, moment_pose(images, translation=True)[0].theta, atol=1e-4)
    assert np.abs(np.asarray(moved_pose.tau)).max() > 0.05 and method.reconstruct is None


def test_there_is_nothing_to_learn(method):
    params, model_state = method.init(jax.random.key(0), digits())
    assert not jax.tree.leaves((params, model_state)) and set(params) == {"encoder"}
    batch = Batch(images=digits(), positions=jnp.arange(6), progress=jnp.float32(0))
    (loss, (metrics, _)), _ = jax.value_and_grad(method.loss, has_aux=True)(
        params, model_state, jax.random.key(0), batch
    )
    assert float(loss) == 0 == float(metrics["loss"])


@pytest.mark.parametrize("translation", [True, False])
def test_a_blank_image_has_zero_latents(translation):
    config = tiny.get_config("orbit_knn")
    config.model.pose.translation = translation
    method = METHODS["orbit_knn"](config, num_channels=3, low=0.0, axis_name=None)
    latents, pose = jax.jit(method.encode)({"encoder": {}}, {}, jnp.zeros((2, 16, 16, 3)))
    assert not np.any(latents) and not np.any(pose.theta) and not np.any(pose.tau)


def test_only_a_method_that_learns_nothing_has_no_epochs():
    config = base.get_config()
    config.train.num_epochs = 0
    with pytest.raises(InputError, match=r"expected config.train.num_epochs of at least 1, found 0"):
        check_config(config)
    config.method = "orbit_knn"
    check_config(config)
    config.train.num_epochs = 3
    with pytest.raises(InputError, match=r"num_epochs=0 with config.method=orbit_knn, which is training-free, found 3"):
        check_config(config)


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_a_schedule_of_no_steps_is_defined(schedule):
    train = base.get_config().train
    train.schedule = schedule
    assert np.isfinite(make_schedule(train, 0)(0))


def test_a_run_takes_no_steps_and_can_be_loaded(run_script, tmp_path):
    run = run_script("train.py", "--config", "configs/tiny.py:orbit_knn,small", "--workdir", tmp_path)
    assert run.returncode == 0, run.stderr
    assert "Next: python evaluate.py" in run.stdout
    assert json.loads((tmp_path / "config.json").read_text())["method"] == "orbit_knn"
    config = from_json(tmp_path / "config.json")
    dataset = make_dataset(config.data)
    trained, step = load_trained(tmp_path, config, dataset)
    latents, pose = trained.encode(dataset.train.images[:5])
    assert step == 0 and latents.shape[0] == 5 and np.isfinite(latents).all() and pose.tau.shape == (5, 2)
