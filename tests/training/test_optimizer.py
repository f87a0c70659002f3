"""Test the learning-rate schedule and the optimizer."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from irl_inr_jax.training.optimizer import clip_by_norm, make_optimizer, make_schedule


@pytest.fixture
def train(tiny_config):
    config = tiny_config.train
    config.update(warmup_steps=10, learning_rate=0.1, clip_norm=0.0, b1=0.9, b2=0.99)
    return config


def test_schedule_warms_up_and_falls_to_one_percent(train):
    schedule = make_schedule(train, 100)
    rates = [float(schedule(jnp.float32(step))) for step in range(101)]
    assert rates[0] == 0 and max(rates) == pytest.approx(0.1) and np.argmax(rates) == 10
    assert np.all(np.diff(rates[10:]) <= 0) and rates[100] == pytest.approx(0.001)


def test_constant_schedule_is_constant_after_the_warm_up(train):
    train.schedule = "constant"
    schedule = make_schedule(train, 100)
    assert float(schedule(jnp.float32(5))) == pytest.approx(0.05)
    assert [float(schedule(jnp.float32(step))) for step in (10, 50, 100)] == pytest.approx([0.1] * 3)


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_optimizer_is_adam_with_its_kind_of_weight_decay(train, name):
    """Against Kingma and Ba's update in float64, the decay in the gradient (adam) or in the step (adamw)."""
    train.update(optimizer=name, weight_decay=0.3, warmup_steps=0, schedule="constant")
    optimizer = make_optimizer(train, 100)
    params = {"w": jnp.array([0.5, -2.0])}
    state = optimizer.init(params)
    w, m, v = np.array([0.5, -2.0]), np.zeros(2), np.zeros(2)
    for step, gradient in enumerate(np.array([[0.1, -0.7], [0.4, 0.2], [-0.3, 0.9]]), start=1):
        updates, state = optimizer.update({"w": jnp.array(gradient, jnp.float32)}, state, params)
        params = optax.apply_updates(params, updates)
        used = gradient + (0.3 * w if name == "adam" else 0)
        m, v = 0.9 * m + 0.1 * used, 0.99 * v + 0.01 * used**2
        direction = (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.99**step)) + 1e-8)
        w = w - 0.1 * (direction + (0 if name == "adam" else 0.3 * w))
    np.testing.assert_allclose(params["w"], w, rtol=1e-5)


def test_clipping_bounds_the_gradient(train):
    train.update(clip_norm=1.0, optimizer="adamw", b1=0.0, b2=0.0)
    clip = make_optimizer(train, 10)
    small, big = ({"w": jnp.array([3.0, 4.0]) * factor} for factor in (1.0, 100.0))
    params = {"w": jnp.zeros(2)}
    first, _ = clip.update(small, clip.init(params), params)
    second, _ = clip.update(big, clip.init(params), params)
    np.testing.assert_array_equal(first["w"], second["w"])


@pytest.mark.parametrize("size", [0.1, 3.0])
def test_clipping_equals_that_of_optax(size):
    grads = {"a": jnp.full((2, 3), size), "b": jnp.array([-size])}
    clip, expected_clip = clip_by_norm(1.0, optax.tree.norm), optax.clip_by_global_norm(1.0)
    found, _ = clip.update(grads, clip.init(grads), None)
    expected, _ = expected_clip.update(grads, expected_clip.init(grads), None)
    for left, right in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_array_equal(left, right)
