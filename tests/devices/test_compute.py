"""The choices of `config.speed` against each other: the same losses and gradients, whatever is chosen."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from irl_inr_jax.devices.compute import CPU_STEPS, choose_speed
from irl_inr_jax.methods import METHODS
from irl_inr_jax.types import Batch

SIDE = 12


def loss_and_gradient(config):
    images = jnp.asarray(np.random.default_rng(0).uniform(size=(6, SIDE, SIDE, 1)), jnp.float32)
    method = METHODS[config.method](config, num_channels=1, low=0.0, axis_name=None)
    params, model_state = jax.jit(method.init)(jax.random.key(0), images)
    batch = Batch(images=images, positions=jnp.arange(6), progress=jnp.float32(0.5))
    key = jax.random.key(1)
    (loss, _), gradient = jax.jit(jax.value_and_grad(method.loss, has_aux=True))(params, model_state, key, batch)
    return float(loss), ravel_pytree(gradient)[0]


@pytest.fixture(params=["ours", "published", "thesis"])
def config(request, tiny_config):
    config = tiny_config
    config.model.encoder.update(trunk="resnet18", stage_sizes=(1, 1), width=4)
    if request.param == "published":
        config.model.encoder.input = "raw"
        config.model.pose.form = "centre"
        config.loss.update(recon=1.0, cross=0.0, consistency=1.0, consistency_ramp=(0.0, 0.0), num_pixels=0)
    if request.param == "thesis":
        config.method = "thesis"
        config.loss.update(recon=1.0, consistency=1.0)
    config.speed.convolutions = "direct"
    return config


@pytest.mark.parametrize(
    ("key", "value"), [("convolutions", "matmul"), ("remat", "inr"), ("remat", "all")]
)
def test_a_choice_changes_no_number_but_by_rounding(config, key, value):
    loss, gradient = loss_and_gradient(config)
    config.speed[key] = value
    other_loss, other_gradient = loss_and_gradient(config)
    assert other_loss == pytest.approx(loss, rel=1e-5)
    scale = float(jnp.abs(gradient).max())
    assert scale > 1e-4
    np.testing.assert_allclose(other_gradient, gradient, atol=1e-3 * scale)


def test_one_call_of_the_encoder_on_both_views_is_two_calls_but_for_batch_norm(tiny_config):
    """Without batch norm they are the same; with it, one call takes the statistics over both views."""
    results = {}
    for trunk in ("mlp", "resnet18"):
        for num_calls in (1, 2):
            tiny_config.model.encoder.update(trunk=trunk, stage_sizes=(1, 1), width=4, num_calls=num_calls)
            results[trunk, num_calls] = loss_and_gradient(tiny_config)
    assert results["mlp", 1][0] == pytest.approx(results["mlp", 2][0], rel=1e-6)
    np.testing.assert_allclose(results["mlp", 1][1], results["mlp", 2][1], atol=1e-6)
    assert results["resnet18", 1][0] != pytest.approx(results["resnet18", 2][0], rel=1e-6)


def test_auto_is_a_choice_that_there_is_on_every_backend(tiny_config):
    chosen = choose_speed(tiny_config)
    assert chosen.convolutions == "matmul" and chosen.steps_per_call == min(CPU_STEPS, tiny_config.train.log_every)
    tiny_config.speed.update(convolutions="direct", steps_per_call=7, remat="inr")
    chosen = choose_speed(tiny_config)
    assert (chosen.convolutions, chosen.steps_per_call, chosen.remat) == ("direct", 7, "inr")


def test_a_call_on_a_cpu_has_many_steps_unless_they_are_long_or_slow_in_a_loop(tiny_config):
    tiny_config.train.log_every = 50
    for encoder, convolutions, expected in (
        ({"trunk": "mlp"}, "direct", CPU_STEPS),
        ({"trunk": "resnet18", "width": 16}, "auto", CPU_STEPS),
        ({"trunk": "resnet18", "width": 16}, "direct", 1),
        ({"trunk": "resnet18", "width": 64}, "auto", 1),
    ):
        tiny_config.model.encoder.update(encoder)
        tiny_config.speed.convolutions = convolutions
        assert choose_speed(tiny_config).steps_per_call == expected


def test_an_unknown_backend_takes_the_choices_of_accelerators(tiny_config, monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "tpu")
    chosen = choose_speed(tiny_config)
    assert chosen.convolutions == "direct" and chosen.steps_per_call == tiny_config.train.log_every
