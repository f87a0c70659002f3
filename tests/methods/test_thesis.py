import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from irl_inr_jax.presets import tiny

from irl_inr_jax.geometry.coords import invert_pose, pixel_grid, transform_coords
from irl_inr_jax.methods import thesis
from irl_inr_jax.types import Batch

SIDE = 16
LOSS = {"recon": 0.5, "consistency": 0.3, "symmetry": 2.0, "num_copies": 2}
FORMS = {"closed_form": False, "moment": True, "centre": True}  # name -> with translation

GOLDEN_LOSSES = [1.145830, 0.624747]


def make_config(form="centre", **loss):
    config = tiny.get_config("thesis")
    config.model.pose.update(form=form, translation=FORMS[form])
    config.loss.update({**LOSS, "num_pixels": 0, **loss})
    return config


def awkward_images():
    """Noise, a blank image and a constant one."""
    noise = np.random.default_rng(0).uniform(size=(4, SIDE, SIDE, 1)) ** 3
    return jnp.asarray(
        np.concatenate([noise, np.zeros((1, SIDE, SIDE, 1)), np.full((1, SIDE, SIDE, 1), 0.6)]), jnp.float32
    )


def make_batch(images):
    return Batch(images=images, positions=jnp.arange(len(images)), progress=jnp.float32(0.25))


def start(config, images):
    method = thesis.make_method(config, num_channels=1, low=0.0, axis_name=None)
    params, model_state = jax.jit(method.init)(jax.random.key(0), images)
    return method, params, model_state


@functools.cache
def compiled(form="centre", **loss):
    """The loss with its gradients, for the default configuration with these weights."""
    method = thesis.make_method(make_config(form, **loss), num_channels=1, low=0.0, axis_name=None)
    return jax.jit(jax.value_and_grad(method.loss, has_aux=True))


def evaluate(params, model_state, images, seed, **loss):
    """The loss and its metrics."""
    batch = make_batch(images)
    (total, (metrics, _)), _ = compiled(**loss)(params, model_state, jax.random.key(seed), batch)
    return float(total), {name: float(value) for name, value in metrics.items()}


def without_aux(params, config):
    """Parameters under which the encoder's last outputs, the scale of the noise, are 0."""
    params = jax.tree.map(lambda leaf: leaf, params)
    layers = params["encoder"]["MLP_0"]
    last = layers[max(layers)]
    size = config.model.latent_dim
    last["kernel"], last["bias"] = last["kernel"].at[:, -size:].set(0.0), last["bias"].at[-size:].set(0.0)
    return params


@pytest.fixture(scope="module", params=FORMS)
def evaluated(request):
    config, images = make_config(request.param), awkward_images()
    method, params, model_state = start(config, images)
    step = compiled() if request.param == "centre" else compiled(request.param)
    (loss, (metrics, _)), gradients = step(params, model_state, jax.random.key(1), make_batch(images))
    return config, method, params, model_state, images, loss, metrics, gradients


def test_the_loss_is_the_weighted_sum_of_its_terms(evaluated):
    *_, loss, metrics, _ = evaluated
    assert set(metrics) == {"loss", "recon", "consistency", "symmetry", "head_error_deg"}
    assert all(np.isfinite(value) and value >= 0 for value in metrics.values())
    expected = sum(LOSS[name] * float(metrics[name]) for name in ("recon", "consistency", "symmetry"))
    assert float(loss) == pytest.approx(expected, rel=1e-5) == float(metrics["loss"])


def test_gradients_are_finite_with_blank_images_and_reach_both_networks(evaluated):
    *_, gradients = evaluated
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradients))
    for network in ("encoder", "generator"):
        assert all(np.any(leaf) for leaf in jax.tree.leaves(gradients[network]))


def test_encode_and_reconstruct_have_the_contracts_shapes(evaluated):
    config, method, params, model_state, images, *_ = evaluated
    latents, pose = jax.jit(method.encode)(params, model_state, images)
    assert latents.shape == (6, config.model.latent_dim) and pose.theta.shape == (6,) and pose.tau.shape == (6, 2)
    coords = jnp.broadcast_to(pixel_grid(9, 9), (6, 81, 2))
    values = jax.jit(method.reconstruct)(params, model_state, latents, coords)
    assert values.shape == (6, 81, 1) and np.all(np.abs(np.asarray(values) - 0.5) <= 0.5)


@pytest.fixture(scope="module")
def made():
    config, images = make_config(), awkward_images()
    _, params, model_state = start(config, images)
    return config, params, model_state, images


@pytest.mark.parametrize("left_out", ["recon", "consistency"])
def test_a_term_of_weight_zero_is_absent_and_the_others_are_what_they_were(made, left_out):
    _, params, model_state, images = made
    _, metrics = evaluate(params, model_state, images, 1)
    loss, others = evaluate(params, model_state, images, 1, **{left_out: 0.0})
    assert set(others) == set(metrics) - {left_out}
    assert loss == pytest.approx(metrics["loss"] - LOSS[left_out] * metrics[left_out], rel=1e-4)


def test_noise_enters_through_aux_alone(made):
    config, params, model_state, images = made
    quiet = without_aux(params, config)
    first, second = (evaluate(params, model_state, images, seed)[1] for seed in (1, 2))
    assert abs(first["recon"] - second["recon"]) > 1e-4 * first["recon"]
    first, second = (evaluate(quiet, model_state, images, seed)[1] for seed in (1, 2))
    assert first["recon"] == pytest.approx(second["recon"], rel=1e-6)
    assert first["consistency"] != second["consistency"]  # other turns


def test_without_noise_the_reconstruction_is_what_encode_and_reconstruct_give(made):
    config, params, model_state, images = made
    quiet = without_aux(params, config)
    method = thesis.make_method(config, num_channels=1, low=0.0, axis_name=None)
    latents, pose = jax.jit(method.encode)(quiet, model_state, images)
    grid = jnp.broadcast_to(pixel_grid(SIDE, SIDE), (6, SIDE * SIDE, 2))
    values = jax.jit(method.reconstruct)(quiet, model_state, latents, transform_coords(grid, invert_pose(pose)))
    expected = np.mean((np.asarray(values) - np.asarray(images).reshape(6, -1, 1)) ** 2)
    _, metrics = evaluate(quiet, model_state, images, 1)
    assert metrics["recon"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("num_copies", [1, 3])
def test_consistency_compares_every_image_with_its_own_turned_copies(made, monkeypatch, num_copies):
    """Copies that are dimmed instead of turned can be encoded here as well, one by one."""
    _, params, model_state, images = made
    turns = []

    def dim(keys, images, **settings):
        turns.append(settings["translation_px"])
        return images * (1 - 0.25 * len(turns))

    config = make_config(num_copies=num_copies)
    method = thesis.make_method(config, num_channels=1, low=0.0, axis_name=None)
    encode = jax.jit(method.encode)
    latents = [np.asarray(encode(params, model_state, images * (1 - 0.25 * i))[0]) for i in range(num_copies + 1)]
    expected = np.mean([(copy - latents[0]) ** 2 for copy in latents[1:]])
    monkeypatch.setattr(thesis, "random_views", dim)
    _, (metrics, _) = jax.jit(method.loss)(params, model_state, jax.random.key(1), make_batch(images))
    assert turns == [0.0] * num_copies
    assert float(metrics["consistency"]) == pytest.approx(expected, rel=1e-4)


def test_two_golden_steps(made):
    _, params, model_state, images = made
    losses = []
    for key in jax.random.split(jax.random.key(4), 2):
        (loss, (_, model_state)), gradients = compiled()(params, model_state, key, make_batch(images))
        params = jax.tree.map(lambda p, g: p - 0.1 * g, params, gradients)
        losses.append(float(loss))
    assert losses == pytest.approx(GOLDEN_LOSSES, rel=1e-3)


def test_a_subset_of_the_pixels_estimates_the_loss_on_all_of_them(made):
    config, params, model_state, images = made
    quiet = without_aux(params, config)
    exact = evaluate(quiet, model_state, images, 1)[1]["recon"]
    some = [evaluate(quiet, model_state, images, seed, num_pixels=64)[1]["recon"] for seed in range(40)]
    assert np.std(some) > 0 and np.mean(some) == pytest.approx(exact, abs=4 * np.std(some) / np.sqrt(40))
