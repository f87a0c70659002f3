"""IRL-INR with one MLP of coords and latents: its range and its state without Fourier features."""

import jax
import jax.numpy as jnp
import numpy as np

from irl_inr_jax.methods import METHODS
from irl_inr_jax.presets import tiny


def make_config():
    config = tiny.get_config("mlp_generator")
    config.model.spatial.update(widths=(8, 8), num_frequencies=8)
    config.model.encoder.head_widths = (8, 8)
    return config


def test_values_are_between_low_and_one_and_depend_on_the_latents(compile_method, make_images):
    compiled, images = compile_method(make_config(), num_channels=3, low=-1.0), make_images(3, -1.0)
    params, model_state = compiled.init(jax.random.key(0), images)
    latents = jax.random.normal(jax.random.key(1), (6, 8))
    coords = jnp.asarray(np.random.default_rng(1).uniform(-1.5, 1.5, size=(6, 50, 2)), jnp.float32)
    initial = np.asarray(compiled.reconstruct(params, model_state, latents, coords))
    assert np.abs(initial[0] - initial[1]).max() > 1e-3
    params = jax.tree.map(lambda leaf: 30 * leaf, params)
    values = compiled.reconstruct(params, model_state, latents, coords)
    assert -1 <= float(values.min()) < -0.5 and 0.5 < float(values.max()) <= 1


def test_no_array_of_the_state_is_empty_without_fourier_features(make_images):
    """A checkpoint cannot hold an empty array."""
    config = make_config()
    config.model.spatial.num_frequencies = 0
    method = METHODS["mlp_generator"](config, num_channels=1, low=0.0, axis_name=None)
    state = jax.eval_shape(method.init, jax.random.key(0), make_images())
    assert all(leaf.size for leaf in jax.tree.leaves(state))
