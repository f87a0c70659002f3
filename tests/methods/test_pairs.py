"""Test the pairs of a contrastive loss, and the neighbour loss against float64 on one device and on four."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec as P

from irl_inr_jax.devices.mesh import AXIS, make_mesh
from irl_inr_jax.methods.pairs import gather_pairs, neighbour_loss


def reference_loss(latents):
    """Mean of -log of the share of each latent's Cauchy kernel that is on its partner, pair by pair."""
    z = np.asarray(latents, np.float64)
    kernel = 1 / (1 + ((z[:, None] - z) ** 2).sum(-1))
    np.fill_diagonal(kernel, 0)
    rows = np.arange(len(z))
    return -np.log(kernel[rows, np.roll(rows, len(z) // 2)] / kernel.sum(1)).mean()


def latents_of(num_images, scale=1.0):
    return jnp.asarray(scale * np.random.default_rng(0).normal(size=(2 * num_images, 3)), jnp.float32)


def test_each_vector_has_its_partner_and_itself():
    vectors = latents_of(3)
    pairs = gather_pairs(vectors, None)
    np.testing.assert_array_equal(pairs.candidates, vectors)
    np.testing.assert_array_equal(pairs.is_self, np.eye(6, dtype=bool))
    np.testing.assert_array_equal(pairs.is_positive, np.roll(np.eye(6, dtype=bool), 3, axis=1))


def test_the_neighbour_loss_is_that_of_float64():
    loss = jax.jit(lambda latents: neighbour_loss(latents, 1.0, None))
    for latents in (latents_of(1), latents_of(5), latents_of(4, scale=30.0)):
        assert float(loss(latents)) == pytest.approx(reference_loss(latents), rel=1e-5, abs=1e-6)
        scaled = jax.jit(lambda latents: neighbour_loss(latents, 20.0, None))(latents)
        assert float(scaled) == pytest.approx(reference_loss(20 * latents), rel=1e-5, abs=1e-6)
    same = jnp.ones((8, 3))
    value, gradient = jax.jit(jax.value_and_grad(lambda latents: neighbour_loss(latents, 1.0, None)))(same)
    assert float(value) == pytest.approx(np.log(7), rel=1e-6) and np.isfinite(gradient).all()


@pytest.mark.multi_device
def test_four_devices_have_the_loss_and_the_gradient_of_one():
    """Images and their neighbours are split over the devices; negatives come from all of them."""
    images, neighbours = jnp.split(latents_of(8), 2)

    def local(images, neighbours):
        return neighbour_loss(jnp.concatenate([images, neighbours]), 2.0, None)

    def mapped(images, neighbours):
        def loss(images, neighbours):
            return neighbour_loss(jnp.concatenate([images, neighbours]), 2.0, AXIS)

        value, gradients = jax.value_and_grad(loss, argnums=(0, 1))(images, neighbours)
        return jax.lax.pmean(value, AXIS), gradients

    expected, expected_gradients = jax.jit(jax.value_and_grad(local, argnums=(0, 1)))(images, neighbours)
    over_devices = jax.shard_map(
        mapped, mesh=make_mesh(jax.devices()[:4]), in_specs=P(AXIS), out_specs=(P(), P(AXIS)), check_vma=False
    )
    value, gradients = jax.jit(over_devices)(images, neighbours)
    assert float(value) == pytest.approx(float(expected), rel=1e-5)
    for gradient, of_one in zip(gradients, expected_gradients, strict=True):
        np.testing.assert_allclose(np.asarray(gradient) / 4, of_one, rtol=1e-4, atol=1e-6)
