"""Test that the options of `config.speed` change no result, and the values of `auto`."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from irl_inr_jax.devices.compute import CPU_STEPS, choose_speed
from irl_inr_jax.methods import METHODS
from irl_inr_jax.types import Batch

SIDE = 10


def make_method(config):
    return METHODS[config.method](config, num_channels=1, low=0.0, axis_name=None)


def initialize(config):
    images = jnp.asarray(np.random.default_rng(0).uniform(size=(4, SIDE, SIDE, 1)), jnp.float32)
    return images, jax.jit(make_method(config).init)(jax.random.key(0), images)


def make_batch(images):
    return Batch(images=images, positions=jnp.arange(len(images)), progress=jnp.float32(0.5), neighbours=None)


def loss_and_gradient(config, images, variables):
    batch = make_batch(images)
    step = jax.jit(jax.value_and_grad(make_method(config).loss, has_aux=True))
    (loss, _), gradient = step(*variables, jax.random.key(1), batch)
    return float(loss), ravel_pytree(gradient)[0]


@pytest.fixture(params=["default", "published", "thesis"])
def config(request, tiny_config):
    config = tiny_config
    config.model.encoder.update(trunk="resnet18", stage_sizes=(1,), width=4, head_widths=(8,))
    if request.param == "published":
        config.model.encoder.input = "raw"
        config.model.pose.form = "centre"
        config.loss.update(recon=1.0, cross=0.0, consistency=1.0, consistency_ramp=(0.0, 0.0), num_pixels=0)
    if request.param == "thesis":
        config.method = "thesis"
        config.loss.update(recon=1.0, consistency=1.0)
    config.speed.convolutions = "direct"
    return config


@pytest.mark.slow
def test_options_change_results_only_by_rounding(config):
    images, variables = initialize(config)
    expected_loss, expected = loss_and_gradient(config, images, variables)
    scale = float(jnp.abs(expected).max())
    assert scale > 1e-4
    everything = {"remat": "all", "convolutions": "matmul"}
    for options in ({"remat": "inr"}, everything) if config.method == "irl_inr" else (everything,):
        changed = config.copy_and_resolve_references()
        changed.speed.update(options)
        loss, gradient = loss_and_gradient(changed, images, variables)
        assert loss == pytest.approx(expected_loss, rel=1e-5), options
        np.testing.assert_allclose(gradient, expected, atol=1e-3 * scale, err_msg=str(options))


@pytest.mark.slow
def test_one_call_of_the_encoder_on_both_views_equals_two_without_batch_norm(tiny_config):
    """Without batch norm the results are equal; with it, one call takes the statistics over both views."""
    encoder = tiny_config.model.encoder
    encoder.update(trunk="mlp", head_widths=(8,))
    images, variables = initialize(tiny_config)
    encoder.num_calls = 1
    loss, gradient = loss_and_gradient(tiny_config, images, variables)
    encoder.num_calls = 2
    other_loss, other_gradient = loss_and_gradient(tiny_config, images, variables)
    assert loss == pytest.approx(other_loss, rel=1e-6)
    np.testing.assert_allclose(gradient, other_gradient, atol=1e-6)

    encoder.update(trunk="resnet18", stage_sizes=(1,), width=4)
    images, variables = initialize(tiny_config)
    losses = []
    for encoder.num_calls in (1, 2):
        loss, _ = jax.jit(make_method(tiny_config).loss)(*variables, jax.random.key(1), make_batch(images))
        losses.append(float(loss))
    assert losses[0] != pytest.approx(losses[1], rel=1e-6)


def test_auto_is_resolved_and_explicit_options_are_kept(tiny_config):
    chosen = choose_speed(tiny_config)
    assert chosen.convolutions == "matmul" and chosen.steps_per_call == min(CPU_STEPS, tiny_config.train.log_every)
    tiny_config.speed.update(convolutions="direct", steps_per_call=7, remat="inr")
    chosen = choose_speed(tiny_config)
    assert (chosen.convolutions, chosen.steps_per_call, chosen.remat) == ("direct", 7, "inr")


def test_a_call_on_a_cpu_has_one_step_if_steps_are_long_or_slow_in_a_loop(tiny_config):
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


def test_an_unknown_backend_has_the_options_of_accelerators(tiny_config, monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "tpu")
    chosen = choose_speed(tiny_config)
    assert chosen.convolutions == "direct" and chosen.steps_per_call == tiny_config.train.log_every
