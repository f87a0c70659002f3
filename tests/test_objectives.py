import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from irl_inr_jax import objectives
from irl_inr_jax.objectives import angle_error, centre_symmetry_loss, mse_consistency_loss, ramp, recon_loss

cosine_consistency_loss = jax.jit(objectives.cosine_consistency_loss)
orientation_symmetry_loss = jax.jit(objectives.orientation_symmetry_loss)
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
def test_cosine_consistency_is_one_less_the_mean_cosine(seed):
    a, b = random_array(seed, 5, 7), random_array(seed + 1, 5, 7)
    x, y = np.asarray(a, np.float64), np.asarray(b, np.float64)
    cosines = [(u @ v) / np.sqrt((u @ u) * (v @ v)) for u, v in zip(x, y, strict=True)]
    assert float(cosine_consistency_loss(a, b)) == pytest.approx(1 - np.mean(cosines), abs=1e-5)


def test_cosine_consistency_knows_directions_only():
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
    gradient = jax.grad(objectives.orientation_symmetry_loss)(random_array(0, 3, 2), theta, strength)
    assert not np.any(gradient[1]) and np.all(np.abs(gradient[0]) > 0)


def test_the_angle_error_knows_angles_and_not_lengths():
    theta = jnp.array([0.0, 3.0, -3.0, 1.0])
    off = jnp.array([0.5, -0.25, 0.5, -0.75])
    lengths = jnp.array([1.0, 0.01, 30.0, 2.0])[:, None]
    assert float(angle_error(lengths * unit(theta + off), theta)) == pytest.approx(0.5, abs=1e-4)
    across_the_cut = angle_error(unit(jnp.array([3.1])), jnp.array([-3.1]))
    assert float(across_the_cut) == pytest.approx(2 * np.pi - 6.2, abs=1e-5)
    assert float(angle_error(-unit(theta), theta)) == pytest.approx(np.pi, abs=1e-3)


def test_a_ramp_is_flat_linear_flat():
    at = jnp.linspace(0, 1, 11)
    values = np.asarray(jax.vmap(lambda progress: ramp(progress, 0.2, 0.7))(at))
    np.testing.assert_allclose(values, [0, 0, 0, 0.2, 0.4, 0.6, 0.8, 1, 1, 1, 1], atol=1e-5)
    assert np.all(np.diff(values) >= 0)
    assert float(ramp(jnp.float32(0.5), 0.0, 0.0)) == 1
