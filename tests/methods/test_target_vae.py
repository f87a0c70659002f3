import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from irl_inr_jax.presets import tiny

from irl_inr_jax.geometry.coords import invert_pose, pixel_grid, transform_coords
from irl_inr_jax.methods import target_vae
from irl_inr_jax.models.group_conv import position_coords
from irl_inr_jax.types import Batch

SIDE, NUM_ROTATIONS = 16, 4
SETTINGS = {
    "default": {},
    "turns alone": {"translation": False},
    "signed": {"low": -1.0},
    "bare coords": {"bare": True},
}

GOLDEN_LOSSES = [184.450348, 184.805481]


def make_config(*, translation=True, bare=False, num_pixels=64, **vae):
    config = tiny.get_config("target_vae")
    config.model.pose.translation = translation
    config.model.spatial.num_frequencies = 0 if bare else 16
    config.model.group_conv.update(num_rotations=NUM_ROTATIONS, features=4, kernel_size=10, padding=4, stride=2)
    config.loss.num_pixels = num_pixels
    config.vae.update({"kl": 0.5, **vae})
    return config


def awkward_images(low=0.0):
    """Noise, a blank image and a constant one."""
    noise = np.random.default_rng(0).uniform(size=(4, SIDE, SIDE, 1)) ** 3
    images = np.concatenate([low + (1 - low) * noise, np.zeros((1, SIDE, SIDE, 1)), np.full((1, SIDE, SIDE, 1), 0.6)])
    return jnp.asarray(images, jnp.float32)


def make_batch(images, positions=None):
    positions = jnp.arange(len(images)) if positions is None else positions
    return Batch(images=images, positions=positions, progress=jnp.float32(0.25))


@functools.cache
def compiled(low=0.0, **settings):
    """The method with its functions compiled, the loss with its gradients."""
    method = target_vae.make_method(make_config(**settings), num_channels=1, low=low, axis_name=None)
    step = jax.jit(jax.value_and_grad(method.loss, has_aux=True))
    return jax.jit(method.init), step, jax.jit(method.encode), jax.jit(method.reconstruct)


def moved_params(params):
    """Parameters with biases that are not 0."""
    leaves, structure = jax.tree.flatten(params)
    rng = np.random.default_rng(5)
    moved = [leaf + jnp.asarray(0.2 * rng.normal(size=leaf.shape), jnp.float32) for leaf in leaves]
    return jax.tree.unflatten(structure, moved)


def sharpened(params, factor):
    """Parameters whose attention has `factor` times the logits."""
    heads = params["encoder"]["heads"]
    heads = {**heads, "kernel": heads["kernel"].at[:, 0].multiply(factor)}
    return {**params, "encoder": {**params["encoder"], "heads": heads}}


def decided(params, *, log_std):
    """Parameters whose attention is on one pair alone, whatever the noise, with these log deviations throughout."""
    params = sharpened(params, 1e5)
    kernel, bias = (params["encoder"]["heads"][name] for name in ("kernel", "bias"))
    spread = np.r_[2, 3 + (kernel.shape[1] - 3) // 2 : kernel.shape[1]]
    heads = {"kernel": kernel.at[:, spread].set(0.0), "bias": bias.at[spread].set(log_std)}
    return {**params, "encoder": {**params["encoder"], "heads": heads}}


def turn_difference(theta1, theta2):
    return np.angle(np.exp(1j * (np.float64(theta1) - np.float64(theta2))))


@pytest.fixture(scope="module", params=SETTINGS)
def evaluated(request):
    settings = SETTINGS[request.param]
    init, step, encode, reconstruct = compiled(**settings)
    images = awkward_images(settings.get("low", 0.0))
    params, model_state = init(jax.random.key(0), images)
    (loss, (metrics, new_state)), gradients = step(params, model_state, jax.random.key(1), make_batch(images))
    assert jax.tree.all(jax.tree.map(lambda a, b: bool((a == b).all()), model_state, new_state))
    return settings, (params, model_state), images, (loss, metrics, gradients), encode, reconstruct


def test_the_loss_is_the_likelihood_and_the_weighted_divergences(evaluated):
    _, _, _, (loss, metrics, _), *_ = evaluated
    assert set(metrics) == {"loss", "recon", "kl_attention", "kl_theta", "kl_latents"}
    assert all(np.isfinite(value) and value >= 0 for value in metrics.values())
    divergences = sum(float(metrics[name]) for name in ("kl_attention", "kl_theta", "kl_latents"))
    assert float(loss) == pytest.approx(float(metrics["recon"]) + 0.5 * divergences, rel=1e-5)
    assert float(loss) == float(metrics["loss"])


def test_gradients_are_finite_with_blank_images_and_reach_both_networks(evaluated):
    *_, (_, _, gradients), _, _ = evaluated
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradients))
    for network in ("encoder", "generator"):
        assert all(np.any(leaf) for leaf in jax.tree.leaves(gradients[network]))


def test_encode_and_reconstruct_have_the_contracts_shapes(evaluated):
    settings, state, images, _, encode, reconstruct = evaluated
    latents, pose = encode(*state, images)
    assert latents.shape == (6, 16) and pose.theta.shape == (6,) and pose.tau.shape == (6, 2)
    assert np.all(np.asarray(latents)[:, 8:] > 0)  # deviations
    assert np.any(pose.tau) == settings.get("translation", True)
    values = reconstruct(*state, latents, jnp.broadcast_to(pixel_grid(9, 9), (6, 81, 2)))
    low = settings.get("low", 0.0)
    assert values.shape == (6, 81, 1) and low <= np.min(values) and np.max(values) <= 1
    # It starts at the mean pixel.
    assert np.mean(values) == pytest.approx(float(images.mean()), abs=0.15 * (1 - low))


@pytest.fixture(scope="module")
def made():
    images = awkward_images()
    params, model_state = compiled()[0](jax.random.key(0), images)
    return moved_params(params), model_state, images


def test_a_quarter_turn_of_the_image_turns_the_pose_and_leaves_the_latents(made):
    params, model_state, images = made
    params, encode = sharpened(params, 30.0), compiled()[2]
    latents, pose = encode(params, model_state, images[:4])
    turned_latents, turned_pose = encode(params, model_state, jnp.rot90(images[:4], axes=(1, 2)))
    np.testing.assert_allclose(turned_latents, latents, atol=1e-4)
    np.testing.assert_allclose(turn_difference(turned_pose.theta, pose.theta), np.pi / 2, atol=1e-4)
    x, y = np.asarray(pose.tau).T
    np.testing.assert_allclose(turned_pose.tau, np.stack([-y, x], axis=-1), atol=1e-4)
    assert np.abs(pose.tau).max() > 1e-2


def test_moving_the_image_by_the_stride_moves_tau_and_nothing_else(made):
    params, model_state, images = made
    small = np.zeros((4, SIDE, SIDE, 1), np.float32)
    small[:, 6:10, 6:10] = images[:4, 6:10, 6:10] + 0.5
    encode = compiled()[2]
    params = decided(params, log_std=0.0)
    latents, pose = encode(params, model_state, small)
    moved_latents, moved_pose = encode(params, model_state, np.roll(small, (-2, 2), axis=(1, 2)))
    np.testing.assert_allclose(moved_latents, latents, atol=1e-4)
    np.testing.assert_allclose(moved_pose.theta, pose.theta, atol=1e-4)
    np.testing.assert_allclose(moved_pose.tau - pose.tau, np.full((4, 2), 2 * 2 / SIDE), atol=1e-4)


def float64_divergences(outputs, *, tau_std):
    """The KL terms of one image by loops over places and rotations, in radians and coords. outputs: (t, r, 3 + 2 d)."""
    outputs = np.float64(outputs)
    places = np.float64(position_coords(SIDE, SIDE, size=10, padding=4, stride=2))
    half_turn = np.pi / NUM_ROTATIONS
    attention = np.exp(outputs[..., 0] - np.log(np.exp(outputs[..., 0]).sum()))
    density = np.exp(-(places**2).sum(-1) / (2 * tau_std**2))
    prior = np.repeat((density / density.sum() / NUM_ROTATIONS)[:, None], NUM_ROTATIONS, axis=1)

    def gaussian(mean, std, prior_mean, prior_std):
        ratio = (std / prior_std) ** 2
        return 0.5 * (ratio - 1 - np.log(ratio) + ((mean - prior_mean) / prior_std) ** 2)

    of_attention = of_theta = of_latents = 0.0
    for t in range(len(places)):
        for r in range(NUM_ROTATIONS):
            _, residual, log_std, *z = outputs[t, r]
            offset = 2 * np.pi * r / NUM_ROTATIONS
            q = attention[t, r]
            of_attention += q * np.log(q / prior[t, r])
            of_theta += q * gaussian(offset + half_turn * residual, half_turn * np.exp(log_std), offset, half_turn)
            of_latents += q * sum(gaussian(z[i], np.exp(z[8 + i]), 0.0, 1.0) for i in range(8))
    return of_attention, of_theta, of_latents


@pytest.mark.parametrize("tau_std", [0.1, 0.6])
def test_the_divergences_are_those_of_float64_loops(made, tau_std):
    params, model_state, images = made
    config = make_config()
    encoder = target_vae.make_group_conv(config, num_outputs=3 + 2 * config.model.latent_dim)
    outputs = encoder.apply({"params": params["encoder"]}, images)
    expected = np.mean([float64_divergences(image, tau_std=tau_std) for image in outputs], axis=0)
    (_, (metrics, _)), _ = compiled(tau_std=tau_std)[1](params, model_state, jax.random.key(1), make_batch(images))
    found = [float(metrics[name]) for name in ("kl_attention", "kl_theta", "kl_latents")]
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_a_decided_posterior_is_drawn_as_encode_and_reconstruct_have_it(made):
    """The likelihood is then the cross-entropy of the image and what is drawn at its pose."""
    params, model_state, images = made
    params = decided(params, log_std=-20.0)
    images = images[:4]
    _, step, encode, reconstruct = compiled(num_pixels=0)
    latents, pose = encode(params, model_state, images)
    grid = jnp.broadcast_to(pixel_grid(SIDE, SIDE), (4, SIDE * SIDE, 2))
    values = np.float64(reconstruct(params, model_state, latents, transform_coords(grid, invert_pose(pose))))
    target = np.float64(images).reshape(4, -1, 1)
    expected = -(target * np.log(values) + (1 - target) * np.log(1 - values)).sum((1, 2)).mean()
    (_, (metrics, _)), _ = step(params, model_state, jax.random.key(1), make_batch(images))
    assert float(metrics["recon"]) == pytest.approx(expected, rel=1e-4)


def test_some_pixels_estimate_the_likelihood_of_all(made):
    params, model_state, images = made
    params = decided(params, log_std=-20.0)
    recon = [
        float(compiled(num_pixels=num)[1](params, model_state, jax.random.key(1), make_batch(images))[0][1][0]["recon"])
        for num in (0, 2000)
    ]
    assert recon[1] == pytest.approx(recon[0], rel=0.1) and recon[1] != recon[0]


def draw(posterior, *, num_draws, temperature=1.0):
    """`num_draws` samples of a posterior over NUM_ROTATIONS rotations at two places."""
    config = make_config(temperature=temperature)
    parts = target_vae.make_method(config, num_channels=1, low=0.0, axis_name=None).loss.args[0]
    places = jnp.array([[0.5, 0.0], [0.0, -0.25]])
    offsets = jnp.arange(float(NUM_ROTATIONS)) * (2 * jnp.pi / NUM_ROTATIONS)
    pairs = target_vae.Pairs(jnp.tile(offsets, 2), jnp.repeat(places, NUM_ROTATIONS, axis=0), jnp.zeros(8))
    posterior = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (num_draws, *leaf.shape)), posterior)
    keys = jax.random.split(jax.random.key(0), num_draws)
    latents, pose = jax.jit(target_vae.sample_posterior, static_argnums=0)(parts, keys, posterior, pairs)
    return np.asarray(latents), np.asarray(pose.theta), np.asarray(pose.tau)


def make_posterior(logits):
    return target_vae.Posterior(
        logits=jnp.asarray(logits, jnp.float32),
        theta=jnp.full(8, 0.5),
        theta_log_std=jnp.full(8, -2.0),
        latents=jnp.broadcast_to(jnp.arange(3.0), (8, 3)),
        latents_log_std=jnp.full((8, 3), -1.0),
    )


def test_samples_have_the_moments_of_what_is_attended_to():
    latents, theta, tau = draw(make_posterior(np.where(np.arange(8) == 5, 1e6, 0.0)), num_draws=4000)
    np.testing.assert_allclose(tau, np.broadcast_to([0.0, -0.25], tau.shape), atol=1e-6)
    assert theta.mean() == pytest.approx(np.pi / 2 + 0.5 * np.pi / 4, abs=0.01)
    assert theta.std() == pytest.approx(np.pi / 4 * np.exp(-2), rel=0.05)
    np.testing.assert_allclose(latents.mean(0), [0, 1, 2], atol=0.03)
    np.testing.assert_allclose(latents.std(0), np.exp(-1), rtol=0.05)
    assert abs(np.corrcoef(latents[:, 0], theta)[0, 1]) < 0.05 and abs(np.corrcoef(latents[:, :2].T)[0, 1]) < 0.05


def test_the_choice_is_softer_the_higher_the_temperature():
    logits = np.where(np.arange(8) % 4 == 1, 0.0, -1e9)  # both places alike, one rotation
    _, theta, tau = draw(make_posterior(logits), num_draws=1000, temperature=0.02)
    share = 2 * tau[:, 0]
    assert np.mean((share < 0.05) | (share > 0.95)) > 0.9 and share.mean() == pytest.approx(0.5, abs=0.05)
    _, _, tau = draw(make_posterior(logits), num_draws=1000, temperature=1000.0)
    np.testing.assert_allclose(tau, np.broadcast_to([0.25, -0.125], tau.shape), atol=0.01)
    np.testing.assert_allclose(turn_difference(theta.mean(), np.pi / 2 + np.pi / 8), 0.0, atol=0.02)


def test_angles_on_both_sides_of_a_whole_turn_average_to_one_between_them():
    logits = np.where(np.isin(np.arange(8), [0, 3]), 0.0, -1e9)  # 0 and 270 degrees
    _, theta, _ = draw(make_posterior(logits), num_draws=1000, temperature=1000.0)
    assert turn_difference(np.median(theta), -np.pi / 4 + np.pi / 8) == pytest.approx(0.0, abs=0.02)


def test_draws_go_with_the_place_in_the_batch(made):
    params, model_state, images = made
    step, order = compiled()[1], np.array([3, 0, 5, 1, 4, 2])
    (loss, _), _ = step(params, model_state, jax.random.key(1), make_batch(images))
    (permuted, _), _ = step(params, model_state, jax.random.key(1), make_batch(images[order], jnp.asarray(order)))
    (others, _), _ = step(params, model_state, jax.random.key(1), make_batch(images[order]))
    assert float(permuted) == pytest.approx(float(loss), rel=1e-5) != float(others)


def test_two_golden_steps(made):
    params, model_state, images = made
    losses = []
    for key in jax.random.split(jax.random.key(4), 2):
        (loss, (_, model_state)), gradients = compiled()[1](params, model_state, key, make_batch(images))
        params = jax.tree.map(lambda p, g: p - 1e-3 * g, params, gradients)
        losses.append(float(loss))
    assert losses == pytest.approx(GOLDEN_LOSSES, rel=1e-3)
