import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from irl_inr_jax.presets import tiny

from irl_inr_jax.geometry.coords import pixel_grid
from irl_inr_jax.methods import mlp_generator
from irl_inr_jax.types import Batch

SIDE = 12
LOSS = {"recon": 0.5, "cross": 1.0, "consistency": 0.3, "symmetry": 2.0, "consistency_ramp": (0.0, 0.0)}
FORMS = {
    "canonical": {"encoder.input": "canonical"},
    "moment": {"encoder.input": "raw", "pose.form": "moment"},
    "none": {"encoder.input": "raw", "pose.form": "none"},
}

GOLDEN_LOSSES = [0.225470, 0.180025]


def make_config(form="canonical"):
    config = tiny.get_config("mlp_generator")
    config.model.update_from_flattened_dict(FORMS[form])
    config.loss.update(LOSS)
    return config


def awkward_images(channels=1, low=0.0):
    """Noise, a blank image and a constant one."""
    shape = (1, SIDE, SIDE, channels)
    noise = np.random.default_rng(0).uniform(low, 1, size=(4, *shape[1:])) ** 3
    return jnp.asarray(np.concatenate([noise, np.zeros(shape), np.full(shape, 0.6)]), jnp.float32)


def make_batch(images):
    return Batch(images=images, positions=jnp.arange(len(images)), progress=jnp.float32(0.25))


def make_method(config, *, channels=1, low=0.0):
    return mlp_generator.make_method(config, num_channels=channels, low=low, axis_name=None)


def start(config, images, *, low=0.0):
    method = make_method(config, channels=images.shape[-1], low=low)
    params, model_state = jax.jit(method.init)(jax.random.key(0), images)
    return method, params, model_state


def random_points(num_images, num_points):
    return jnp.asarray(np.random.default_rng(1).uniform(-1.5, 1.5, size=(num_images, num_points, 2)), jnp.float32)


@functools.cache
def compiled(form="canonical"):
    return jax.jit(jax.value_and_grad(make_method(make_config(form)).loss, has_aux=True))


@pytest.fixture(scope="module", params=FORMS)
def evaluated(request):
    config, images = make_config(request.param), awkward_images()
    method, params, model_state = start(config, images)
    (loss, (metrics, _)), gradients = compiled(request.param)(
        params, model_state, jax.random.key(1), make_batch(images)
    )
    return config, method, params, model_state, images, loss, metrics, gradients


def test_the_loss_is_the_weighted_sum_of_its_terms(evaluated):
    *_, loss, metrics, _ = evaluated
    names = ("recon", "cross", "consistency", "symmetry")
    assert set(metrics) == {"loss", *names, "head_error_deg"}
    assert all(np.isfinite(value) and value >= 0 for value in metrics.values())
    assert float(loss) == pytest.approx(sum(LOSS[name] * float(metrics[name]) for name in names), rel=1e-5)


def test_gradients_are_finite_with_blank_images_and_reach_both_networks(evaluated):
    *_, gradients = evaluated
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradients))
    for network in ("encoder", "generator"):
        assert all(np.any(leaf) for leaf in jax.tree.leaves(gradients[network]))


def test_encode_and_reconstruct_have_the_contracts_shapes(evaluated):
    config, method, params, model_state, images, *_ = evaluated
    latents, pose = jax.jit(method.encode)(params, model_state, images)
    assert latents.shape == (6, config.model.latent_dim)
    if config.model.pose.form == "none":
        assert pose is None
    else:
        assert pose.theta.shape == (6,) and pose.tau.shape == (6, 2)
    values = jax.jit(method.reconstruct)(params, model_state, latents, random_points(6, 81))
    assert values.shape == (6, 81, 1) and np.all(np.abs(np.asarray(values) - 0.5) <= 0.5)


@pytest.mark.parametrize("num_frequencies", [0, 16])
def test_a_point_is_drawn_from_its_own_coords_and_latents_alone(num_frequencies):
    config = make_config()
    config.model.spatial.num_frequencies = num_frequencies
    method, params, model_state = start(config, awkward_images())
    latents, coords = jax.random.normal(jax.random.key(1), (3, config.model.latent_dim)), random_points(3, 5)
    reconstruct = jax.jit(method.reconstruct)
    together = np.asarray(reconstruct(params, model_state, latents, coords))
    alone = reconstruct(params, model_state, jnp.repeat(latents, 5, axis=0), coords.reshape(15, 1, 2))
    np.testing.assert_allclose(together.reshape(15, 1, 1), alone, atol=1e-5)
    assert np.ptp(together[0]) > 1e-4


def test_no_array_of_the_state_is_without_elements():
    """A checkpoint takes none."""
    config = make_config()
    config.model.spatial.num_frequencies = 0
    state = jax.eval_shape(make_method(config).init, jax.random.key(0), awkward_images())
    assert all(leaf.size for leaf in jax.tree.leaves(state))


@pytest.mark.parametrize(("channels", "low"), [(1, 0.0), (3, -1.0)])
def test_the_first_picture_is_the_mean_pixel_and_hears_the_latents(channels, low):
    config, images = make_config(), awkward_images(channels, low)
    method, params, model_state = start(config, images, low=low)
    latents = jax.random.normal(jax.random.key(1), (6, config.model.latent_dim))
    grid = jnp.broadcast_to(pixel_grid(SIDE, SIDE), (6, SIDE * SIDE, 2))
    values = np.asarray(jax.jit(method.reconstruct)(params, model_state, latents, grid))
    assert np.sqrt(np.mean((values - np.asarray(images.mean((0, 1, 2)))) ** 2)) < 0.1 * (1 - low)
    assert np.abs(values[0] - values[1]).max() > 1e-3


def test_values_lie_between_low_and_one():
    method, params, model_state = start(make_config(), awkward_images(3, -1.0), low=-1.0)
    params = jax.tree.map(lambda leaf: 30 * leaf, params)
    latents = jax.random.normal(jax.random.key(1), (6, 8))
    values = jax.jit(method.reconstruct)(params, model_state, latents, random_points(6, 50))
    assert -1 <= float(values.min()) < -0.5 and 0.5 < float(values.max()) <= 1


def test_two_golden_steps():
    images = awkward_images()
    _, params, model_state = start(make_config(), images)
    losses = []
    for key in jax.random.split(jax.random.key(4), 2):
        (loss, (_, model_state)), gradients = compiled()(params, model_state, key, make_batch(images))
        params = jax.tree.map(lambda p, g: p - 0.1 * g, params, gradients)
        losses.append(float(loss))
    assert losses == pytest.approx(GOLDEN_LOSSES, rel=1e-3)
