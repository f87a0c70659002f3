import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
import scipy.special
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from irl_inr_jax.methods import losses
from irl_inr_jax.methods.losses import angle_error, centre_symmetry_loss, mse_consistency_loss, ramp, recon_loss

cosine_consistency_loss = jax.jit(losses.cosine_consistency_loss)
orientation_symmetry_loss = jax.jit(losses.orientation_symmetry_loss)
bernoulli_loss, categorical_kl = jax.jit(losses.bernoulli_loss), jax.jit(losses.categorical_kl)
normal_kl = jax.jit(losses.normal_kl, static_argnums=3)
few = settings(max_examples=20, deadline=None)
SEEDS = st.integers(0, 10**6)


def random_array(seed, *shape):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def unit(theta):
    return jnp.stack([jnp.cos(theta), jnp.sin(theta)], axis=-1)


@pytest.mark.parametrize("loss", [recon_loss, mse_consistency_loss, centre_symmetry_loss])
def test_squared_losses_are_means_over_everything(loss):
    shape = {recon_loss: (4, 9, 3), mse_consistency_loss: (4, 6), centre_symmetry_loss: (4, 2)}[loss]
    a, b = random_array(0, *shape), random_array(1, *shape)
    expected = sum((x - y) ** 2 for x, y in zip(a.ravel().tolist(), b.ravel().tolist(), strict=True)) / a.size
    assert float(loss(a, b)) == pytest.approx(expected, rel=1e-5)
    assert float(loss(a, a)) == 0


@few
@given(SEEDS)
def test_cosine_consistency_is_one_minus_the_mean_cosine(seed):
    a, b = random_array(seed, 5, 7), random_array(seed + 1, 5, 7)
    x, y = np.asarray(a, np.float64), np.asarray(b, np.float64)
    cosines = [(u @ v) / np.sqrt((u @ u) * (v @ v)) for u, v in zip(x, y, strict=True)]
    assert float(cosine_consistency_loss(a, b)) == pytest.approx(1 - np.mean(cosines), abs=1e-5)


def test_cosine_consistency_depends_on_directions_only():
    a, b = random_array(0, 5, 7), random_array(1, 5, 7)
    assert float(cosine_consistency_loss(a, 3.0 * a)) == pytest.approx(0, abs=1e-6)
    assert float(cosine_consistency_loss(a, -a)) == pytest.approx(2, abs=1e-6)
    scaled = cosine_consistency_loss(jnp.arange(1.0, 6.0)[:, None] * a, 0.5 * b)
    assert float(scaled) == pytest.approx(float(cosine_consistency_loss(a, b)), abs=1e-6)


def test_zero_latents_count_as_orthogonal_with_finite_gradients():
    zero, b = jnp.zeros((2, 7)), random_array(0, 2, 7)
    assert float(cosine_consistency_loss(zero, b)) == pytest.approx(1)
    for gradient in jax.grad(cosine_consistency_loss, argnums=(0, 1))(zero, b):
        assert np.isfinite(gradient).all()
    assert np.isfinite(jax.grad(lambda z: cosine_consistency_loss(z, z))(zero)).all()


@few
@given(SEEDS)
def test_orientation_loss_is_the_weighted_squared_distance(seed):
    direction, theta = random_array(seed, 6, 2), 3.0 * random_array(seed + 1, 6)
    strength = jnp.abs(random_array(seed + 2, 6))
    vectors, angles = np.asarray(direction, np.float64), np.asarray(theta, np.float64)
    distances = np.abs(vectors[:, 0] + 1j * vectors[:, 1] - np.exp(1j * angles)) ** 2
    expected = np.mean(np.asarray(strength, np.float64) * distances)
    assert float(orientation_symmetry_loss(direction, theta, strength)) == pytest.approx(expected, rel=1e-4)


def test_orientation_loss_is_zero_at_its_target_and_where_there_is_no_strength():
    theta, ones = jnp.array([0.0, 2.0, -3.0]), jnp.ones(3)
    assert float(orientation_symmetry_loss(unit(theta), theta, ones)) == pytest.approx(0, abs=1e-12)
    strength = jnp.array([1.0, 0.0, 1.0])
    wrong = unit(theta).at[1].set(jnp.array([50.0, -9.0]))
    assert float(orientation_symmetry_loss(wrong, theta, strength)) == pytest.approx(0, abs=1e-12)
    gradient = jax.grad(losses.orientation_symmetry_loss)(random_array(0, 3, 2), theta, strength)
    assert not np.any(gradient[1]) and np.all(np.abs(gradient[0]) > 0)


def test_the_angle_error_depends_on_angles_and_not_on_lengths():
    theta = jnp.array([0.0, 3.0, -3.0, 1.0])
    off = jnp.array([0.5, -0.25, 0.5, -0.75])
    lengths = jnp.array([1.0, 0.01, 30.0, 2.0])[:, None]
    assert float(angle_error(lengths * unit(theta + off), theta)) == pytest.approx(0.5, abs=1e-4)
    across_pi = angle_error(unit(jnp.array([3.1])), jnp.array([-3.1]))
    assert float(across_pi) == pytest.approx(2 * np.pi - 6.2, abs=1e-5)
    assert float(angle_error(-unit(theta), theta)) == pytest.approx(np.pi, abs=1e-3)


def test_a_ramp_is_flat_linear_flat():
    at = jnp.linspace(0, 1, 11)
    values = np.asarray(jax.vmap(lambda progress: ramp(progress, 0.2, 0.7))(at))
    np.testing.assert_allclose(values, [0, 0, 0, 0.2, 0.4, 0.6, 0.8, 1, 1, 1, 1], atol=1e-5)
    assert np.all(np.diff(values) >= 0)
    # Without a ramp the weight is there from the first step.
    assert [float(ramp(jnp.float32(progress), 0.0, 0.0)) for progress in (0.0, 0.5)] == [1, 1]
    assert [float(ramp(jnp.float32(progress), 0.25, 0.25)) for progress in (0.0, 0.25)] == [0, 1]


@few
@given(SEEDS, st.sampled_from([1, 3]))
def test_the_bernoulli_loss_is_the_negative_log_likelihood_of_the_whole_image(seed, channels):
    logits = 3 * random_array(seed, 4, 9, channels)
    target = jax.nn.sigmoid(random_array(seed + 1, 4, 9, channels))
    p, t = scipy.special.expit(np.asarray(logits, np.float64)), np.asarray(target, np.float64)
    expected = -(t * np.log(p) + (1 - t) * np.log(1 - p)).sum((1, 2))
    np.testing.assert_allclose(bernoulli_loss(logits, target), expected, rtol=1e-5)
    ones = np.asarray(target > 0.5)
    binary = -scipy.stats.bernoulli.logpmf(ones, p).sum((1, 2))
    np.testing.assert_allclose(bernoulli_loss(logits, jnp.asarray(ones, jnp.float32)), binary, rtol=1e-5)


def test_the_bernoulli_loss_of_extreme_logits_is_finite_and_least_at_the_target():
    logits = jnp.array([-1e4, -200.0, -30.0, 0.0, 30.0, 200.0, 1e4]).reshape(1, 7, 1)
    for target in (0.0, 0.3, 1.0):
        targets = jnp.full_like(logits, target)
        expected = np.logaddexp(0, np.asarray(logits, np.float64)) - target * np.asarray(logits, np.float64)
        assert float(bernoulli_loss(logits, targets)[0]) == pytest.approx(expected.sum(), rel=1e-5)
        gradient = np.asarray(jax.grad(lambda x, t: losses.bernoulli_loss(x, t).sum())(logits, targets))
        np.testing.assert_allclose(gradient, scipy.special.expit(np.asarray(logits)) - target, atol=1e-5)
    certain = bernoulli_loss(jnp.array([-1e4, 1e4]).reshape(1, 2, 1), jnp.array([0.0, 1.0]).reshape(1, 2, 1))
    assert float(certain[0]) == 0


@few
@given(SEEDS, st.sampled_from([0.1, 1.0, 3.0]))
def test_the_normal_divergence_is_its_integral(seed, prior_std):
    """Against quadrature of q log(q / p) in float64."""
    mean, log_std, prior_mean = (float(x) for x in random_array(seed, 3))
    q, p = scipy.stats.norm(mean, np.exp(log_std)), scipy.stats.norm(prior_mean, prior_std)
    expected, _ = scipy.integrate.quad(
        lambda x: q.pdf(x) * (q.logpdf(x) - p.logpdf(x)), q.mean() - 12 * q.std(), q.mean() + 12 * q.std(), limit=200
    )
    found = normal_kl(jnp.float32(mean), jnp.float32(log_std), jnp.float32(prior_mean), prior_std)
    assert float(found) == pytest.approx(expected, rel=1e-3, abs=1e-5) and float(found) >= -1e-6


def test_the_normal_divergence_is_computed_per_entry_and_is_least_at_the_prior():
    mean, log_std = random_array(0, 5, 4), random_array(1, 5, 4)
    found = normal_kl(mean, log_std, mean[0], 0.3)
    for i, j in np.ndindex(5, 4):
        alone = normal_kl(mean[i, j], log_std[i, j], mean[0, j], 0.3)
        assert float(found[i, j]) == pytest.approx(float(alone), rel=1e-5)
    prior = mean, jnp.full_like(mean, np.log(0.3)), mean
    np.testing.assert_allclose(normal_kl(*prior, 0.3), 0, atol=1e-6)
    for gradient in jax.grad(lambda *q: losses.normal_kl(*q, prior[2], 0.3).sum(), argnums=(0, 1))(*prior[:2]):
        np.testing.assert_allclose(gradient, 0, atol=1e-5)


@few
@given(SEEDS, st.sampled_from([1, 2, 30]))
def test_the_categorical_divergence_is_its_sum(seed, num_outcomes):
    log_probs = jax.nn.log_softmax(3 * random_array(seed, 4, num_outcomes))
    prior = jax.nn.log_softmax(random_array(seed + 1, num_outcomes))
    q, p = (np.exp(np.asarray(x, np.float64)) for x in (log_probs, prior))
    np.testing.assert_allclose(
        categorical_kl(log_probs, prior), scipy.special.rel_entr(q, p).sum(-1), rtol=1e-4, atol=1e-5
    )
    np.testing.assert_allclose(categorical_kl(prior[None], prior), 0, atol=1e-6)


@pytest.mark.parametrize("excluded", [-jnp.inf, -1e4, -200.0])
def test_excluded_outcomes_add_nothing_and_have_finite_gradients(excluded):
    log_probs = jnp.array([[np.log(0.25), excluded, np.log(0.75)]])
    prior = jnp.log(jnp.array([0.5, 0.2, 0.3]))
    expected = 0.25 * np.log(0.25 / 0.5) + 0.75 * np.log(0.75 / 0.3)
    assert float(categorical_kl(log_probs, prior)[0]) == pytest.approx(expected, rel=1e-5)
    gradient = np.asarray(jax.grad(lambda x: losses.categorical_kl(x, prior)[0])(log_probs))
    reference = [0.25 * (np.log(0.25 / 0.5) + 1), 0, 0.75 * (np.log(0.75 / 0.3) + 1)]
    np.testing.assert_allclose(gradient[0], reference, rtol=1e-5)
    neither = jnp.array([np.log(0.7), -jnp.inf, np.log(0.3)])
    possible = jnp.array([[np.log(0.25), -jnp.inf, np.log(0.75)]])
    assert np.isfinite(categorical_kl(possible, neither)[0])
