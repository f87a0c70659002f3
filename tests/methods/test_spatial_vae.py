"""Spatial-VAE: likelihood and divergences against float64, and samples of the posterior."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from irl_inr_jax.geometry.coords import invert_pose, pixel_grid, rotate_coords, transform_coords
from irl_inr_jax.methods import spatial_vae
from irl_inr_jax.presets import tiny

SIDE = 8
GRID = jnp.broadcast_to(pixel_grid(SIDE, SIDE), (6, SIDE * SIDE, 2))


def make_config(*, num_pixels=0):
    config = tiny.get_config("spatial_vae")
    config.model.encoder.head_widths = (8, 8)
    config.model.spatial.update(widths=(8, 8), num_frequencies=0)
    config.loss.num_pixels = num_pixels
    config.vae.update(kl=0.7, theta_std=0.6, tau_std=0.2)
    return config


def without_width(params):
    """Parameters under which the posterior has no width, so that its samples are its means."""
    params = jax.tree.map(lambda leaf: leaf, params)
    last = max(params["encoder"]["MLP_0"].items())[1]
    half = last["bias"].size // 2
    last["kernel"], last["bias"] = last["kernel"].at[:, half:].set(0.0), last["bias"].at[half:].set(-30.0)
    return params


def log_likelihood(values, target):
    """Log likelihood of each image in float64, from the expected pixels of `reconstruct`."""
    p, t = np.asarray(values, np.float64), np.asarray(target, np.float64)
    return (t * np.log(p) + (1 - t) * np.log1p(-p)).sum((1, 2))


@pytest.mark.parametrize("low", [0.0, -1.0])
def test_without_width_the_loss_follows_from_encode_and_reconstruct(compile_method, make_images, make_batch, low):
    compiled, images = compile_method(make_config(), low=low), make_images(low=low)
    params, model_state = compiled.init(jax.random.key(0), images)
    params = without_width(params)
    _, (metrics, _) = jax.jit(compiled.method.loss)(params, model_state, jax.random.key(1), make_batch(images))
    latents, pose = compiled.encode(params, model_state, images)
    values = compiled.reconstruct(params, model_state, latents, transform_coords(GRID, invert_pose(pose)))
    target = (np.asarray(images, np.float64).reshape(6, -1, 1) - low) / (1 - low)
    expected = -log_likelihood((np.asarray(values, np.float64) - low) / (1 - low), target).mean()
    assert float(metrics["recon"]) == pytest.approx(expected, rel=1e-4)

    width = -30.0  # log deviation, as in `without_width`
    for name, mean, prior_std in (
        ("kl_theta", pose.theta[:, None], 0.6),
        ("kl_tau", pose.tau, 0.2),
        ("kl_latents", latents, 1.0),
    ):
        # The network's tau is in units of its prior's deviation, and so is its width.
        log_std = width + np.log(0.2) if name == "kl_tau" else width
        one = -log_std + np.log(prior_std) + 0.5 * ((np.asarray(mean, np.float64) / prior_std) ** 2 - 1)
        assert float(metrics[name]) == pytest.approx(one.sum(1).mean(), rel=1e-5)


@pytest.mark.slow
def test_few_pixels_estimate_the_loss_and_gradient_on_all_pixels(compile_method, make_images, make_batch):
    exact_step = compile_method(make_config()).step
    compiled, images, batch = compile_method(make_config(num_pixels=40)), make_images(), make_batch(make_images())
    params, model_state = compiled.init(jax.random.key(0), images)
    params = without_width(params)
    (exact, _), exact_gradients = exact_step(params, model_state, jax.random.key(1), batch)
    keys = jax.random.split(jax.random.key(2), 400)
    step = jax.jit(jax.vmap(compiled.step, in_axes=(None, None, 0, None)))
    (losses, _), gradients = step(params, model_state, keys, batch)
    error = np.std(losses) / np.sqrt(len(keys))
    assert abs(np.mean(losses) - float(exact)) < 4 * error < 0.02 * float(exact)
    expected = exact_gradients["generator"]["logits"]["bias"]
    found = np.asarray(gradients["generator"]["logits"]["bias"])
    assert np.all(np.abs(found.mean(0) - expected) < 4 * found.std(0) / np.sqrt(len(keys)))


def test_samples_have_the_mean_and_deviation_of_the_posterior():
    names = {"theta": 1, "scaled_tau": 2, "latents": 3}
    rng = np.random.default_rng(0)
    mean, log_std = (
        spatial_vae.Factors(*(jnp.asarray(rng.normal(size=(2, width)), jnp.float32) for width in names.values()))
        for _ in range(2)
    )
    keys = jax.random.split(jax.random.key(0), (4000, 2))
    samples = jax.jit(jax.vmap(spatial_vae.sample_factors, in_axes=(0, None, None)))(keys, mean, log_std)
    for sample, m, s in zip(samples, mean, log_std, strict=True):
        np.testing.assert_allclose((sample.mean(0) - m) / jnp.exp(s), 0, atol=0.08)
        np.testing.assert_allclose(sample.std(0) / jnp.exp(s), 1, atol=0.06)
    noise = np.concatenate([(x - m) / jnp.exp(s) for x, m, s in zip(samples, mean, log_std, strict=True)], axis=-1)
    correlation = np.corrcoef(noise.reshape(4000, -1), rowvar=False)
    assert np.abs(correlation - np.eye(12)).max() < 0.08


def test_a_rotated_pose_renders_the_rotated_image(compile_method, make_images):
    """On a square grid, a quarter rotation of the pose is `rot90` of the image."""
    compiled, images = compile_method(make_config()), make_images()
    params, model_state = compiled.init(jax.random.key(0), images)
    latents, pose = compiled.encode(params, model_state, images)

    def render(pose):
        values = compiled.reconstruct(params, model_state, latents, transform_coords(GRID, invert_pose(pose)))
        return np.asarray(values).reshape(6, SIDE, SIDE)

    quarter = jnp.full(6, jnp.pi / 2)
    tau = rotate_coords(pose.tau[:, None], quarter)[:, 0]
    found = render(dataclasses.replace(pose, theta=pose.theta + quarter, tau=tau))
    np.testing.assert_allclose(found, np.rot90(render(pose), axes=(1, 2)), atol=1e-5)
    assert np.abs(found - render(pose)).max() > 1e-3
