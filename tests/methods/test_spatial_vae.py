import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from irl_inr_jax.presets import tiny

from irl_inr_jax.geometry.coords import invert_pose, pixel_grid, rotate_coords, transform_coords
from irl_inr_jax.methods import METHODS, spatial_vae
from irl_inr_jax.types import Batch

SIDE = 16
KL_WEIGHT = 0.7

GOLDEN_LOSSES = [152.842789, 160.433350]


def make_config(*, translation=True, num_pixels=40, dtype="float32", num_frequencies=0, trunk="mlp"):
    config = tiny.get_config("spatial_vae")
    config.model.dtype = dtype
    config.model.pose.translation = translation
    config.model.spatial.num_frequencies = num_frequencies
    config.model.encoder.update(trunk=trunk, stage_sizes=(1, 1), width=4)
    config.loss.num_pixels = num_pixels
    config.vae.update(kl=KL_WEIGHT, theta_std=0.6, tau_std=0.2)
    return config


def awkward_images(channels=1):
    """Noise, a blank image and a constant one."""
    noise = np.random.default_rng(0).uniform(size=(4, SIDE, SIDE, channels)) ** 3
    blank, constant = np.zeros((1, SIDE, SIDE, channels)), np.full((1, SIDE, SIDE, channels), 0.6)
    return jnp.asarray(np.concatenate([noise, blank, constant]), jnp.float32)


def make_batch(images, positions=None):
    positions = jnp.arange(len(images)) if positions is None else positions
    return Batch(images=images, positions=positions, progress=jnp.float32(0.25))


@functools.cache
def make(low=0.0, channels=1, **changes):
    """The method, with its loss and gradients compiled, and where it starts."""
    method = METHODS["spatial_vae"](make_config(**changes), num_channels=channels, low=low, axis_name=None)
    images = low + (1 - low) * awkward_images(channels)
    params, model_state = jax.jit(method.init)(jax.random.key(0), images)
    step = jax.jit(jax.value_and_grad(method.loss, has_aux=True))
    return method, step, params, model_state, images


def certain(params):
    """Parameters under which the posterior has no width, so that its samples are its means."""
    params = jax.tree.map(lambda leaf: leaf, params)
    last = max(params["encoder"]["MLP_0"].items())[1]
    half = last["bias"].size // 2
    last["kernel"], last["bias"] = last["kernel"].at[:, half:].set(0.0), last["bias"].at[half:].set(-30.0)
    return params


def log_likelihood(values, target):
    """Of each image in float64, from the pixels that `reconstruct` expects."""
    p, t = np.asarray(values, np.float64), np.asarray(target, np.float64)
    return (t * np.log(p) + (1 - t) * np.log1p(-p)).sum((1, 2))


SETTINGS = {
    "mlp": {},
    "turns alone": {"translation": False, "num_pixels": 0},
    "resnet, features, colour": {"trunk": "resnet18", "num_frequencies": 6, "channels": 3},
    "low, bfloat16": {"low": -1.0, "dtype": "bfloat16"},
}


@pytest.fixture(scope="module", params=SETTINGS)
def evaluated(request):
    settings = SETTINGS[request.param]
    method, step, params, model_state, images = make(**settings)
    (loss, (metrics, new_state)), gradients = step(params, model_state, jax.random.key(1), make_batch(images))
    assert jax.tree.structure(new_state) == jax.tree.structure(model_state)
    return settings, method, params, model_state, images, loss, metrics, gradients


def test_the_loss_is_the_surprise_and_the_weighted_divergences(evaluated):
    settings, *_, loss, metrics, _ = evaluated
    divergences = {"kl_theta", "kl_latents"} | ({"kl_tau"} if settings.get("translation", True) else set())
    assert set(metrics) == {"loss", "recon"} | divergences
    assert all(np.isfinite(value) and value >= 0 for value in metrics.values())
    expected = float(metrics["recon"]) + KL_WEIGHT * sum(float(metrics[name]) for name in divergences)
    assert float(loss) == pytest.approx(expected, rel=1e-5) == float(metrics["loss"])


def test_gradients_are_finite_with_blank_images_and_reach_both_networks(evaluated):
    *_, gradients = evaluated
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradients))
    for network in ("encoder", "generator"):
        assert all(np.any(leaf) for leaf in jax.tree.leaves(gradients[network]))


def test_encode_and_reconstruct_have_the_contracts_shapes(evaluated):
    settings, method, params, model_state, images, *_ = evaluated
    latents, pose = jax.jit(method.encode)(params, model_state, images)
    assert latents.shape == (6, 2) and pose.theta.shape == (6,) and pose.tau.shape == (6, 2)
    assert bool(np.any(pose.tau)) == settings.get("translation", True)
    values = jax.jit(method.reconstruct)(params, model_state, latents, jnp.broadcast_to(pixel_grid(9, 9), (6, 81, 2)))
    low = settings.get("low", 0.0)
    assert values.shape == (6, 81, settings.get("channels", 1)) and values.dtype == jnp.float32
    assert np.all(np.asarray(values) >= low) and np.all(np.asarray(values) <= 1)


def test_a_checkpoint_can_hold_the_state(evaluated):
    """Orbax refuses arrays without numbers, such as the frequencies of bare coords would be."""
    _, _, params, model_state, *_ = evaluated
    assert all(leaf.size for leaf in jax.tree.leaves((params, model_state)))


def test_the_first_images_lie_about_the_mean_pixel(evaluated):
    settings, method, params, model_state, images, *_ = evaluated
    grid = jnp.broadcast_to(pixel_grid(9, 9), (6, 81, 2))
    values = jax.jit(method.reconstruct)(params, model_state, jnp.zeros((6, 2)), grid)
    scale = 1 - settings.get("low", 0.0)
    np.testing.assert_allclose(values.mean((0, 1)) / scale, images.mean((0, 1, 2)) / scale, atol=0.1)


@pytest.mark.parametrize("low", [0.0, -1.0])
def test_without_width_the_loss_follows_from_encode_and_reconstruct(low):
    method, step, params, model_state, images = make(low=low, num_pixels=0)
    params = certain(params)
    (_, (metrics, _)), _ = step(params, model_state, jax.random.key(1), make_batch(images))
    latents, pose = jax.jit(method.encode)(params, model_state, images)
    grid = jnp.broadcast_to(pixel_grid(SIDE, SIDE), (6, SIDE * SIDE, 2))
    values = jax.jit(method.reconstruct)(params, model_state, latents, transform_coords(grid, invert_pose(pose)))
    expected = -log_likelihood((values - low) / (1 - low), awkward_images().reshape(6, -1, 1)).mean()
    assert float(metrics["recon"]) == pytest.approx(expected, rel=1e-4)

    width = -30.0  # of log std, as `certain` has it
    for name, mean, prior_std in (
        ("kl_theta", pose.theta[:, None], 0.6),
        ("kl_tau", pose.tau, 0.2),
        ("kl_latents", latents, 1.0),
    ):
        # The network's tau is in units of its prior's deviation, and so is its width.
        log_std = width + np.log(0.2) if name == "kl_tau" else width
        one = -log_std + np.log(prior_std) + 0.5 * ((np.asarray(mean, np.float64) / prior_std) ** 2 - 1)
        assert float(metrics[name]) == pytest.approx(one.sum(1).mean(), rel=1e-5)


def test_few_pixels_estimate_what_all_pixels_give():
    _, step, params, model_state, images = make(num_pixels=0)
    _, few, *_ = make(num_pixels=40)
    params, batch = certain(params), make_batch(images)
    (exact, _), exact_gradients = step(params, model_state, jax.random.key(1), batch)
    keys = jax.random.split(jax.random.key(2), 400)
    (losses, _), gradients = jax.jit(jax.vmap(few, in_axes=(None, None, 0, None)))(params, model_state, keys, batch)
    error = np.std(losses) / np.sqrt(len(keys))
    assert abs(np.mean(losses) - float(exact)) < 4 * error < 0.02 * float(exact)
    expected = exact_gradients["generator"]["logits"]["bias"]
    found = np.asarray(gradients["generator"]["logits"]["bias"])
    assert np.all(np.abs(found.mean(0) - expected) < 4 * found.std(0) / np.sqrt(len(keys)))


def test_samples_have_the_posteriors_mean_and_deviation():
    names = {"theta": 1, "scaled_tau": 2, "latents": 3}
    draws = np.random.default_rng(0)
    mean, log_std = (
        spatial_vae.Factors(*(jnp.asarray(draws.normal(size=(2, width)), jnp.float32) for width in names.values()))
        for _ in range(2)
    )
    keys = jax.random.split(jax.random.key(0), (4000, 2))
    samples = jax.jit(jax.vmap(spatial_vae.sample_factors, in_axes=(0, None, None)))(keys, mean, log_std)
    for drawn, m, s in zip(samples, mean, log_std, strict=True):
        np.testing.assert_allclose((drawn.mean(0) - m) / jnp.exp(s), 0, atol=0.08)
        np.testing.assert_allclose(drawn.std(0) / jnp.exp(s), 1, atol=0.06)
    noise = np.concatenate([(x - m) / jnp.exp(s) for x, m, s in zip(samples, mean, log_std, strict=True)], axis=-1)
    correlation = np.corrcoef(noise.reshape(4000, -1), rowvar=False)
    assert np.abs(correlation - np.eye(12)).max() < 0.08


def test_draws_belong_to_the_place_in_the_batch_and_not_to_the_order():
    _, step, params, model_state, images = make()
    order = jnp.array([3, 0, 5, 1, 4, 2])
    key = jax.random.key(3)
    (loss, _), _ = step(params, model_state, key, make_batch(images))
    (shuffled, _), _ = step(params, model_state, key, make_batch(images[order], order))
    (moved, _), _ = step(params, model_state, key, make_batch(images, jnp.arange(6) + 6))
    assert float(shuffled) == pytest.approx(float(loss), rel=1e-5)
    assert float(moved) != pytest.approx(float(loss), rel=1e-5)


def test_a_turned_pose_draws_the_picture_turned():
    """On a square grid, a quarter turn of the pose is `rot90` of the picture."""
    method, _, params, model_state, images = make()
    latents, pose = jax.jit(method.encode)(params, model_state, images)
    grid = jnp.broadcast_to(pixel_grid(SIDE, SIDE), (6, SIDE * SIDE, 2))

    def draw(pose):
        values = jax.jit(method.reconstruct)(params, model_state, latents, transform_coords(grid, invert_pose(pose)))
        return np.asarray(values).reshape(6, SIDE, SIDE)

    quarter = jnp.full(6, jnp.pi / 2)
    tau = rotate_coords(pose.tau[:, None], quarter)[:, 0]
    found = draw(dataclasses.replace(pose, theta=pose.theta + quarter, tau=tau))
    np.testing.assert_allclose(found, np.rot90(draw(pose), axes=(1, 2)), atol=1e-5)
    assert np.abs(found - draw(pose)).max() > 1e-3


def test_a_larger_weight_of_the_divergences_changes_nothing_else():
    _, step, params, model_state, images = make()
    config = make_config()
    config.vae.kl = 3.0
    method = METHODS["spatial_vae"](config, num_channels=1, low=0.0, axis_name=None)
    batch, key = make_batch(images), jax.random.key(5)
    (_, (metrics, _)), _ = step(params, model_state, key, batch)
    loss, (others, _) = jax.jit(method.loss)(params, model_state, key, batch)
    kl = sum(float(metrics[name]) for name in ("kl_theta", "kl_tau", "kl_latents"))
    assert float(others["recon"]) == pytest.approx(float(metrics["recon"]), rel=1e-5)
    assert float(loss) == pytest.approx(float(metrics["recon"]) + 3 * kl, rel=1e-5)


def test_two_golden_steps():
    _, step, params, model_state, images = make()
    losses = []
    for key in jax.random.split(jax.random.key(4), 2):
        (loss, (_, model_state)), gradients = step(params, model_state, key, make_batch(images))
        params = jax.tree.map(lambda p, g: p - 1e-4 * g, params, gradients)
        losses.append(float(loss))
    assert losses == pytest.approx(GOLDEN_LOSSES, rel=1e-3)
