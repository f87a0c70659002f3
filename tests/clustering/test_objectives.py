"""Losses of the clusterers: agreement with float64 NumPy from the equations, and their invariances."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from irl_inr_jax.clustering import objectives

B, K = 12, 4


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def sample_probs(rng, b=B, k=K):
    weights = rng.gamma(0.6, size=(b, k)) + 1e-3
    return weights / weights.sum(1, keepdims=True)


def single(*arrays):
    return [jnp.asarray(array, jnp.float32) for array in arrays]


def test_agreement_is_the_mean_log_of_the_inner_products(rng):
    p, q = sample_probs(rng), sample_probs(rng)
    expected = -np.mean([np.log(np.dot(p[i], q[i])) for i in range(B)])
    assert objectives.agreement_loss(*single(np.log(p) + 3, np.log(q) - 7)) == pytest.approx(expected, rel=1e-5)


def test_agreement_is_zero_for_equal_certain_predictions_and_keeps_its_gradient_for_opposite_ones():
    """With logits (a, 0) and (0, b) it is log(1 + e^a) + log(1 + e^b) - log(e^a + e^b), here in float64."""
    logits, other = np.array([[40.0, 0.0], [0.0, 60.0]]), np.array([[0.0, 50.0], [30.0, 0.0]])
    assert objectives.agreement_loss(*single(logits, logits)) == pytest.approx(0, abs=1e-6)
    value, grad = jax.value_and_grad(objectives.agreement_loss)(*single(logits, other))

    def log_sum(values):
        return values.max(1) + np.log(np.exp(values - values.max(1, keepdims=True)).sum(1))

    expected = log_sum(logits) + log_sum(other) - log_sum(logits + other)
    assert value == pytest.approx(expected.mean(), rel=1e-5)
    softmax, joint = (np.exp(x - log_sum(x)[:, None]) for x in (logits, logits + other))
    np.testing.assert_allclose(grad, (softmax - joint) / 2, atol=1e-6)
    assert np.abs(np.asarray(grad)).max() > 0.4


def test_the_size_loss_with_a_uniform_prior_is_the_negative_entropy_plus_log_k(rng):
    p = sample_probs(rng)
    mean = p.mean(0)
    expected = np.sum(mean * np.log(mean)) + np.log(K)
    assert objectives.size_loss(*single(p, np.full(K, 1 / K))) == pytest.approx(expected, rel=1e-4)


def test_the_size_loss_compares_sorted_sizes_with_any_prior(rng):
    p, prior = sample_probs(rng), np.array([0.1, 0.5, 0.15, 0.25])
    mean, shares = np.sort(p.mean(0)), np.sort(prior)
    expected = np.sum(mean * np.log(mean / shares))
    assert objectives.size_loss(*single(p, prior)) == pytest.approx(expected, rel=1e-4)
    as_prior = np.tile(prior[[2, 0, 3, 1]], (B, 1))
    assert objectives.size_loss(*single(as_prior, prior)) == pytest.approx(0, abs=1e-6)


def test_an_empty_cluster_has_a_loss_and_finite_gradients():
    probs = jnp.eye(3)[jnp.array([0, 0, 1])]
    value, grad = jax.value_and_grad(objectives.size_loss)(probs, jnp.full(3, 1 / 3))
    assert value == pytest.approx(np.log(3) - (-(2 / 3) * np.log(2 / 3) - (1 / 3) * np.log(1 / 3)), rel=1e-4)
    assert np.isfinite(grad).all()


def test_the_self_label_loss_weights_clusters_equally_and_uses_confident_images_only(rng):
    logits, labels = rng.normal(size=(B, K)), np.array([0] * 7 + [1] * 3 + [2, 3])
    confident = np.array([True] * 9 + [False, True, False])
    log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    losses = -log_p[np.arange(B), labels]
    expected = np.mean([losses[(labels == c) & confident].mean() for c in (0, 1, 2)])
    value = objectives.selflabel_loss(jnp.asarray(logits, jnp.float32), jnp.asarray(labels), jnp.asarray(confident))
    assert value == pytest.approx(expected, rel=1e-5)


def test_the_self_label_loss_and_gradient_are_zero_without_confident_images():
    def loss(logits):
        return objectives.selflabel_loss(logits, jnp.array([0, 1]), jnp.zeros(2, bool))

    value, grad = jax.value_and_grad(loss)(jnp.ones((2, 3)))
    assert value == 0
    np.testing.assert_array_equal(grad, np.zeros((2, 3)))


@pytest.mark.parametrize("alpha", [1e-4, 1.0, 5.0])
def test_soft_assignment_is_the_kernel_of_students_t(rng, alpha):
    latents, means = rng.normal(size=(B, 3)), rng.normal(size=(K, 3))
    kernel = np.array([[(1 + np.sum((z - m) ** 2) / alpha) ** (-(alpha + 1) / 2) for m in means] for z in latents])
    expected = kernel / kernel.sum(1, keepdims=True)
    found = objectives.soft_assignment(*single(latents, means), alpha)
    np.testing.assert_allclose(found, expected, rtol=2e-4)


def test_an_image_on_a_mean_has_a_finite_gradient():
    means = jnp.array([[0.0, 0.0], [1.0, 1.0]])
    grad = jax.grad(lambda z: objectives.soft_assignment(z, means, 1e-4)[0, 1])(means[:1])
    assert np.isfinite(grad).all()


def test_the_target_distribution_follows_its_definition(rng):
    q = sample_probs(rng)
    expected = np.empty_like(q)
    for i in range(B):
        weights = [q[i, j] ** 2 / q[:, j].sum() for j in range(K)]
        expected[i] = np.array(weights) / np.sum(weights)
    np.testing.assert_allclose(objectives.target_distribution(*single(q)), expected, rtol=1e-5)
    kl = np.mean(np.sum(expected * np.log(expected / q), axis=1))
    assert objectives.target_loss(*single(expected, q)) == pytest.approx(kl, rel=1e-4)


def test_mutual_information_is_that_of_the_symmetric_joint(rng):
    p, q = sample_probs(rng), sample_probs(rng)
    joint = sum(np.outer(p[i], q[i]) for i in range(B)) / B
    joint = (joint + joint.T) / 2
    expected = sum(
        joint[c, d] * np.log(joint[c, d] / (joint[c].sum() * joint[:, d].sum())) for c in range(K) for d in range(K)
    )
    assert objectives.mutual_information_loss(*single(p, q)) == pytest.approx(-expected, rel=1e-4)


def test_mutual_information_is_at_most_log_k_and_zero_for_one_cluster():
    certain = jnp.eye(K)[jnp.arange(B) % K]
    assert objectives.mutual_information_loss(certain, certain) == pytest.approx(-np.log(K), rel=1e-4)
    one = jnp.zeros((B, K)).at[:, 0].set(1.0)
    assert objectives.mutual_information_loss(one, one) == pytest.approx(0, abs=1e-5)


def test_losses_do_not_depend_on_the_numbering_of_clusters(rng):
    p, q, order = sample_probs(rng), sample_probs(rng), rng.permutation(K)
    prior = np.array([0.1, 0.2, 0.3, 0.4])
    labels = rng.integers(0, K, B)
    confident = jnp.asarray(rng.random(B) < 0.7)
    pairs = [
        (
            objectives.agreement_loss(*single(np.log(p), np.log(q))),
            objectives.agreement_loss(*single(np.log(p[:, order]), np.log(q[:, order]))),
        ),
        (objectives.size_loss(*single(p, prior)), objectives.size_loss(*single(p[:, order], prior))),
        (
            objectives.mutual_information_loss(*single(p, q)),
            objectives.mutual_information_loss(*single(p[:, order], q[:, order])),
        ),
        (
            objectives.selflabel_loss(jnp.log(single(p)[0]), jnp.asarray(labels), confident),
            objectives.selflabel_loss(
                jnp.log(single(p[:, order])[0]), jnp.asarray(np.argsort(order)[labels]), confident
            ),
        ),
    ]
    for before, after in pairs:
        assert after == pytest.approx(float(before), rel=1e-5)
