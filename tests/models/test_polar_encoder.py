"""Test the encoder on polar images: its invariance to circular shifts, and its outputs."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from irl_inr_jax.models.polar_encoder import make_polar_encoder

LATENTS = 5


@pytest.fixture(scope="module")
def encode():
    """A jitted encoder of 16 angles, 3 radii and 2 channels with random parameters: 5 latents and 2 others."""
    from irl_inr_jax.presets import tiny

    config = tiny.get_config()
    config.model.latent_dim = LATENTS
    config.model.encoder.polar.update(num_angles=16, num_radii=3, widths=(6, 7, 8), head_width=9, pose_widths=(4,))
    encoder = make_polar_encoder(config, num_outputs=LATENTS + 2)
    variables = jax.jit(partial(encoder.init, train=False))(jax.random.key(0), polar_images())
    return jax.jit(partial(encoder.apply, variables, train=True))


def polar_images():
    return jnp.asarray(np.random.default_rng(0).uniform(size=(4, 3, 16, 2)), jnp.float32)


def test_latents_are_invariant_to_circular_shifts_by_the_stride_and_the_pose_is_not(encode):
    outputs = encode(polar_images())
    assert outputs.shape == (4, LATENTS + 2) and outputs.dtype == jnp.float32
    for shift in (4, 8, -4):
        shifted = encode(jnp.roll(polar_images(), shift, axis=2))
        np.testing.assert_allclose(shifted[:, :LATENTS], outputs[:, :LATENTS], atol=1e-5)
        assert np.abs(np.asarray(shifted - outputs)[:, LATENTS:]).min(axis=0).max() > 1e-3
    assert np.abs(np.asarray(encode(jnp.roll(polar_images(), 1, axis=2)) - outputs)[:, :LATENTS]).max() > 1e-3


def test_latents_depend_on_the_radius_and_the_channel(encode):
    outputs = encode(polar_images())[:, :LATENTS]
    for changed in (jnp.roll(polar_images(), 1, axis=1), polar_images()[..., ::-1]):
        assert np.abs(np.asarray(encode(changed)[:, :LATENTS] - outputs)).max() > 1e-2
