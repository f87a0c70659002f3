"""TARGET-VAE: equivariance of the encoder, divergences against float64, and samples of the posterior."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from irl_inr_jax.geometry.coords import invert_pose, pixel_grid, transform_coords
from irl_inr_jax.methods import target_vae
from irl_inr_jax.models.group_conv import position_coords
from irl_inr_jax.presets import tiny
from irl_inr_jax.types import Pose

SIDE, NUM_ROTATIONS, KERNEL_SIZE, PADDING = 8, 4, 6, 3
sample_posterior = jax.jit(target_vae.sample_posterior, static_argnums=0)


def make_config(*, num_pixels=0, **vae):
    config = tiny.get_config("target_vae")
    config.model.spatial.update(widths=(8, 8), num_frequencies=8)
    config.model.group_conv.update(
        num_rotations=NUM_ROTATIONS, features=4, kernel_size=KERNEL_SIZE, padding=PADDING, stride=2
    )
    config.loss.num_pixels = num_pixels
    config.vae.update({"kl": 0.5, **vae})
    return config


def make_parts(**vae):
    return target_vae.make_method(make_config(**vae), num_channels=1, low=0.0, axis_name=None).loss.args[0]


def sharpened(params, factor):
    """Parameters whose attention has `factor` times the logits."""
    heads = params["encoder"]["heads"]
    heads = {**heads, "kernel": heads["kernel"].at[:, 0].multiply(factor)}
    return {**params, "encoder": {**params["encoder"], "heads": heads}}


def on_one_pair(params, *, log_std):
    """Parameters whose attention is on one pair only, whatever the noise, with these log deviations throughout."""
    params = sharpened(params, 1e5)
    kernel, bias = (params["encoder"]["heads"][name] for name in ("kernel", "bias"))
    spread = np.r_[2, 3 + (kernel.shape[1] - 3) // 2 : kernel.shape[1]]
    heads = {"kernel": kernel.at[:, spread].set(0.0), "bias": bias.at[spread].set(log_std)}
    return {**params, "encoder": {**params["encoder"], "heads": heads}}


def angle_difference(theta1, theta2):
    return np.angle(np.exp(1j * (np.float64(theta1) - np.float64(theta2))))


@pytest.fixture(scope="module")
def made(compile_method, make_images):
    """The compiled method, parameters with biases that are not 0, the model state and images."""
    compiled, images = compile_method(make_config()), make_images()
    params, model_state = compiled.init(jax.random.key(0), images)
    leaves, structure = jax.tree.flatten(params)
    rng = np.random.default_rng(5)
    changed = [leaf + jnp.asarray(0.2 * rng.normal(size=leaf.shape), jnp.float32) for leaf in leaves]
    return compiled, jax.tree.unflatten(structure, changed), model_state, images


def test_a_quarter_rotation_of_the_image_rotates_the_pose_and_leaves_the_latents(made):
    compiled, params, model_state, images = made
    params = sharpened(params, 30.0)
    latents, pose = compiled.encode(params, model_state, images[:4])
    rotated_latents, rotated = compiled.encode(params, model_state, jnp.rot90(images[:4], axes=(1, 2)))
    np.testing.assert_allclose(rotated_latents, latents, atol=1e-4)
    np.testing.assert_allclose(angle_difference(rotated.theta, pose.theta), np.pi / 2, atol=1e-4)
    x, y = np.asarray(pose.tau).T
    np.testing.assert_allclose(rotated.tau, np.stack([-y, x], axis=-1), atol=1e-4)
    assert np.abs(pose.tau).max() > 1e-2
    assert np.all(np.asarray(latents)[:, 8:] > 0)  # the deviations of z


def test_translating_the_image_by_the_stride_translates_tau_only(made):
    compiled, params, model_state, images = made
    small = np.zeros((4, SIDE, SIDE, 1), np.float32)
    small[:, 3:5, 3:5] = images[:4, 3:5, 3:5] + 0.5
    params = on_one_pair(params, log_std=0.0)
    latents, pose = compiled.encode(params, model_state, small)
    translated = np.roll(small, (-2, 2), axis=(1, 2))
    translated_latents, translated_pose = compiled.encode(params, model_state, translated)
    np.testing.assert_allclose(translated_latents, latents, atol=1e-4)
    np.testing.assert_allclose(translated_pose.theta, pose.theta, atol=1e-4)
    np.testing.assert_allclose(translated_pose.tau - pose.tau, np.full((4, 2), 2 * 2 / SIDE), atol=1e-4)


def float64_divergences(outputs, *, tau_std):
    """The KL terms of one image by loops over positions and rotations. outputs: (t, r, 3 + 2 d)."""
    outputs = np.float64(outputs)
    positions = np.float64(position_coords(SIDE, SIDE, size=KERNEL_SIZE, padding=PADDING, stride=2))
    unit = np.pi / NUM_ROTATIONS
    attention = np.exp(outputs[..., 0] - np.log(np.exp(outputs[..., 0]).sum()))
    density = np.exp(-(positions**2).sum(-1) / (2 * tau_std**2))
    prior = np.repeat((density / density.sum() / NUM_ROTATIONS)[:, None], NUM_ROTATIONS, axis=1)

    def gaussian(mean, std, prior_mean, prior_std):
        ratio = (std / prior_std) ** 2
        return 0.5 * (ratio - 1 - np.log(ratio) + ((mean - prior_mean) / prior_std) ** 2)

    kl_attention = kl_theta = kl_latents = 0.0
    for t in range(len(positions)):
        for r in range(NUM_ROTATIONS):
            _, residual, log_std, *z = outputs[t, r]
            offset = 2 * np.pi * r / NUM_ROTATIONS
            q = attention[t, r]
            kl_attention += q * np.log(q / prior[t, r])
            kl_theta += q * gaussian(offset + unit * residual, unit * np.exp(log_std), offset, unit)
            kl_latents += q * sum(gaussian(z[i], np.exp(z[8 + i]), 0.0, 1.0) for i in range(8))
    return kl_attention, kl_theta, kl_latents


@pytest.mark.slow
def test_the_divergences_are_those_of_float64_loops(made):
    _, params, _, images = made
    encoder = make_parts().encoder
    outputs = jax.jit(encoder.apply)({"params": params["encoder"]}, images)
    for tau_std in (0.1, 0.6):
        parts = make_parts(tau_std=tau_std)
        posterior = target_vae.apply_encoder(parts, params, images)
        found = target_vae.divergences(posterior, target_vae.list_pairs(parts, images))
        expected = np.mean([float64_divergences(image, tau_std=tau_std) for image in outputs], axis=0)
        found = [float(found[name]) for name in ("kl_attention", "kl_theta", "kl_latents")]
        np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_on_one_pair_the_likelihood_is_that_of_encode_and_reconstruct(made, make_batch):
    """It is then the cross-entropy of the image and its reconstruction."""
    compiled, params, model_state, images = made
    params = on_one_pair(params, log_std=-20.0)
    latents, pose = compiled.encode(params, model_state, images[:4])
    grid = jnp.broadcast_to(pixel_grid(SIDE, SIDE), (4, SIDE * SIDE, 2))
    values = compiled.reconstruct(params, model_state, latents, transform_coords(grid, invert_pose(pose)))
    values, target = np.float64(values), np.float64(images[:4]).reshape(4, -1, 1)
    expected = -(target * np.log(values) + (1 - target) * np.log(1 - values)).sum((1, 2)).mean()
    loss = jax.jit(compiled.method.loss)
    _, (metrics, _) = loss(params, model_state, jax.random.key(1), make_batch(images[:4]))
    assert float(metrics["recon"]) == pytest.approx(expected, rel=1e-4)


def test_some_pixels_estimate_the_likelihood_of_all(made, compile_method, make_batch):
    _, params, model_state, images = made
    params = on_one_pair(params, log_std=-20.0)
    recon = [
        float(
            jax.jit(compile_method(make_config(num_pixels=num_pixels)).method.loss)(
                params, model_state, jax.random.key(1), make_batch(images)
            )[1][0]["recon"]
        )
        for num_pixels in (0, 2000)
    ]
    assert recon[1] == pytest.approx(recon[0], rel=0.1) and recon[1] != recon[0]


def sample(posterior, *, num_samples, temperature=1.0, **vae):
    """Sample a posterior over NUM_ROTATIONS rotations at two positions."""
    positions = jnp.array([[0.5, 0.0], [0.0, -0.25]])
    offsets = jnp.arange(float(NUM_ROTATIONS)) * (2 * jnp.pi / NUM_ROTATIONS)
    pairs = target_vae.Pairs(jnp.tile(offsets, 2), jnp.repeat(positions, NUM_ROTATIONS, axis=0), jnp.zeros(8))
    posterior = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (num_samples, *leaf.shape)), posterior)
    keys = jax.random.split(jax.random.key(0), num_samples)
    latents, pose = sample_posterior(make_parts(temperature=temperature, **vae), keys, posterior, pairs)
    assert isinstance(pose, Pose)
    return np.asarray(latents), np.asarray(pose.theta), np.asarray(pose.tau)


def make_posterior(logits):
    return target_vae.Posterior(
        logits=jnp.asarray(logits, jnp.float32),
        theta=jnp.full(8, 0.5),
        theta_log_std=jnp.full(8, -2.0),
        latents=jnp.broadcast_to(jnp.arange(3.0), (8, 3)),
        latents_log_std=jnp.full((8, 3), -1.0),
    )


def test_samples_have_the_moments_of_the_attended_pair():
    latents, theta, tau = sample(make_posterior(np.where(np.arange(8) == 5, 1e6, 0.0)), num_samples=4000)
    np.testing.assert_allclose(tau, np.broadcast_to([0.0, -0.25], tau.shape), atol=1e-6)
    assert theta.mean() == pytest.approx(np.pi / 2 + 0.5 * np.pi / 4, abs=0.01)
    assert theta.std() == pytest.approx(np.pi / 4 * np.exp(-2), rel=0.05)
    np.testing.assert_allclose(latents.mean(0), [0, 1, 2], atol=0.03)
    np.testing.assert_allclose(latents.std(0), np.exp(-1), rtol=0.05)
    assert abs(np.corrcoef(latents[:, 0], theta)[0, 1]) < 0.05 and abs(np.corrcoef(latents[:, :2].T)[0, 1]) < 0.05


def test_the_choice_is_softer_the_higher_the_temperature():
    logits = np.where(np.arange(8) % 4 == 1, 0.0, -1e9)  # one rotation at both positions
    _, theta, tau = sample(make_posterior(logits), num_samples=1000, temperature=0.02)
    share = 2 * tau[:, 0]
    assert np.mean((share < 0.05) | (share > 0.95)) > 0.9 and share.mean() == pytest.approx(0.5, abs=0.05)
    _, _, tau = sample(make_posterior(logits), num_samples=1000, temperature=1000.0)
    np.testing.assert_allclose(tau, np.broadcast_to([0.25, -0.125], tau.shape), atol=0.01)
    np.testing.assert_allclose(angle_difference(theta.mean(), np.pi / 2 + np.pi / 8), 0.0, atol=0.02)


def test_directions_on_both_sides_of_half_a_turn_average_to_one_between_them():
    logits = np.where(np.isin(np.arange(8), [2, 3]), 0.0, -1e9)  # 180 and 270 degrees
    settings = {"num_samples": 1000, "temperature": 1000.0}
    _, theta, _ = sample(make_posterior(logits), **settings, angle_mean="direction")
    assert angle_difference(np.median(theta), 5 * np.pi / 4 + np.pi / 8) == pytest.approx(0.0, abs=0.02)
    _, theta, _ = sample(make_posterior(logits), **settings)
    assert angle_difference(np.median(theta), np.pi / 4 + np.pi / 8) == pytest.approx(0.0, abs=0.02)


def test_the_published_mean_angle_is_that_of_numbers_up_to_half_a_turn():
    rng = np.random.default_rng(0)
    weights, residuals = rng.dirichlet(np.ones(16)), 0.1 * rng.normal(size=16)
    offsets = np.array([45.0 * r if r <= 4 else 45.0 * r - 360 for r in range(8)] * 2) * np.pi / 180
    given = [jnp.asarray(array, jnp.float32) for array in (weights, offsets % (2 * np.pi), residuals)]
    found = target_vae.mean_angle("number", *given)
    assert float(found) == pytest.approx(np.sum(weights * (offsets + residuals)), abs=1e-5)
    direction = target_vae.mean_angle("direction", *given)
    assert float(direction) == pytest.approx(np.angle(np.sum(weights * np.exp(1j * (offsets + residuals)))), abs=1e-5)


def test_angles_on_both_sides_of_zero_average_to_one_between_them():
    logits = np.where(np.isin(np.arange(8), [0, 3]), 0.0, -1e9)  # 0 and 270 degrees
    _, theta, _ = sample(make_posterior(logits), num_samples=1000, temperature=1000.0)
    assert angle_difference(np.median(theta), -np.pi / 4 + np.pi / 8) == pytest.approx(0.0, abs=0.02)
