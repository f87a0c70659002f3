"""Test the train step: scaling, keys, progress, and several steps in one call."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from irl_inr_jax.training.step import init_train_state, make_train_step, make_train_steps
from irl_inr_jax.training.stored_images import StoredImages
from irl_inr_jax.types import Method, Scaling, TrainState


def quadratic_method():
    """Train w to the mean of the first pixel: loss = mean (w - pixel)^2."""

    def init(key, images):
        return {"w": images.mean()}, {"sample": jax.random.uniform(key)}

    def unused(*arguments):
        raise AssertionError("training calls only init and loss")

    def loss(params, model_state, key, batch):
        value = jnp.mean((params["w"] - batch.images[:, 0, 0, 0]) ** 2)
        return value, ({"loss": value}, {"sample": jax.random.uniform(key), "progress": batch.progress})

    return Method("quadratic", init=init, loss=loss, encode=unused, reconstruct=None)


def state_of(optimizer, w=0.0):
    params = {"w": jnp.float32(w)}
    state = {"sample": jnp.float32(0), "progress": jnp.float32(0)}
    return TrainState(jnp.int32(0), jax.random.key_data(jax.random.key(0)), params, state, optimizer.init(params))


def test_step_scales_pixels_and_folds_key_and_progress_from_the_step():
    optimizer = optax.sgd(0.5)
    scaling = Scaling(1 / 255, 0.25, 0.0, "")
    step = jax.jit(make_train_step(quadratic_method(), optimizer, total_steps=4, scaling=scaling, axis_name=None))
    images = jnp.full((6, 2, 2, 1), 51, jnp.uint8)
    state, metrics = step(state_of(optimizer), StoredImages(images, None), jnp.array([0, 3]), jnp.arange(2))
    assert float(metrics["loss"]) == pytest.approx(0.45**2) and float(state.params["w"]) == pytest.approx(0.45)
    again, _ = step(state, StoredImages(images, None), jnp.array([1, 2]), jnp.arange(2))
    assert float(state.model_state["progress"]) == 0 and float(again.model_state["progress"]) == 0.25
    assert float(state.model_state["sample"]) != float(again.model_state["sample"])
    expected = jax.random.uniform(jax.random.fold_in(jax.random.key(0), 1))
    assert float(again.model_state["sample"]) == float(expected) and int(again.step) == 2


@pytest.mark.parametrize("count", [1, 3, 4])
def test_steps_in_one_call_are_steps_one_by_one(count):
    """Rows past `count` are not used."""
    optimizer = optax.sgd(0.3, momentum=0.5)
    scaling = Scaling(1 / 255, 0.0, 0.0, "")
    step = make_train_step(quadratic_method(), optimizer, total_steps=8, scaling=scaling, axis_name=None)
    images = jnp.asarray(np.random.default_rng(0).integers(0, 256, size=(6, 2, 2, 1)), jnp.uint8)
    indices = jnp.array([[0, 3], [1, 2], [4, 5], [2, 2]])
    one_by_one, losses = state_of(optimizer), []
    for rows in indices[:count]:
        one_by_one, metrics = jax.jit(step)(one_by_one, StoredImages(images, None), rows, jnp.arange(2))
        losses.append(metrics["loss"])
    together, metrics = jax.jit(make_train_steps(step))(
        state_of(optimizer), StoredImages(images, None), indices, jnp.arange(2), jnp.int32(count)
    )
    np.testing.assert_allclose(metrics["loss"][:count], losses, rtol=1e-6)
    assert int(together.step) == count
    for left, right in zip(jax.tree.leaves(together), jax.tree.leaves(one_by_one), strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-6)


def test_the_initial_state_is_that_of_method_and_optimizer_at_step_0():
    optimizer, key = optax.adam(0.1), jax.random.key(3)
    state = init_train_state(quadratic_method(), optimizer, key, jnp.full((2, 2, 2, 1), 0.5))
    assert int(state.step) == 0 and float(state.params["w"]) == 0.5
    assert float(state.model_state["sample"]) == float(jax.random.uniform(key))
    np.testing.assert_array_equal(state.key, jax.random.key_data(key))
    assert jax.tree.structure(state.opt_state) == jax.tree.structure(optimizer.init(state.params))
