"""Parts shared by the methods: resolution of reconstructions, ramps of the weights, and batch norm of the encoder."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from irl_inr_jax.geometry.coords import pixel_grid
from irl_inr_jax.methods.parts import weigh_terms
from irl_inr_jax.presets import tiny

SIDE = 8


def make_config(variant=""):
    config = tiny.get_config(variant)
    config.model.encoder.head_widths = (8, 8)
    config.model.hypernet.widths = (8,)
    config.model.inr.update(widths=(8, 8), num_frequencies=8)
    return config


def test_reconstructions_of_all_resolutions_are_the_same_image(compile_method, make_images):
    compiled, images = compile_method(make_config()), make_images()
    params, model_state = compiled.init(jax.random.key(0), images)
    latents, _ = compiled.encode(params, model_state, images)
    coords = jnp.concatenate([pixel_grid(SIDE, SIDE), pixel_grid(3 * SIDE, 3 * SIDE)])
    values = compiled.reconstruct(params, model_state, latents, jnp.broadcast_to(coords, (6, *coords.shape)))
    coarse, fine = np.split(np.asarray(values), [SIDE * SIDE], axis=1)
    middles = fine.reshape(6, 3 * SIDE, 3 * SIDE)[:, 1::3, 1::3]  # the middle of three fine pixels is the coarse one
    np.testing.assert_allclose(middles, coarse.reshape(6, SIDE, SIDE), atol=1e-4)


@pytest.mark.parametrize(("progress", "share"), [(0.0, 0.0), (0.2, 0.0), (0.4, 0.5), (0.6, 1.0), (1.0, 1.0)])
def test_only_the_weights_of_consistency_and_neighbours_follow_their_ramps(progress, share):
    weights = make_config().loss
    weights.update(recon=2.0, consistency=3.0, neighbours=5.0, consistency_ramp=(0.2, 0.6), neighbours_ramp=(0.0, 0.0))
    terms = {"recon": jnp.array(1.0), "consistency": jnp.array(10.0), "neighbours": jnp.array(100.0)}
    total = weigh_terms(weights, jnp.array(progress), terms)
    assert float(total) == pytest.approx(2 + 30 * share + 500, rel=1e-6)


def test_encoding_in_training_depends_on_the_other_images_and_updates_the_averages(compile_method, make_images):
    config = make_config("paper")
    config.model.encoder.update(trunk="resnet18", stage_sizes=(1,), width=4)
    compiled, images = compile_method(config), make_images()
    params, model_state = compiled.init(jax.random.key(0), images)
    encode = jax.jit(compiled.method.encode_in_training)
    latents, batch_stats = encode(params, model_state, images)
    others, _ = encode(params, model_state, images.at[1:].multiply(0.5))
    assert not np.allclose(latents[0], others[0])
    before, after = jax.tree.leaves(model_state["batch_stats"]), jax.tree.leaves(batch_stats)
    assert before and any(not np.array_equal(*pair) for pair in zip(before, after, strict=True))
    fixed, _ = compiled.encode(params, model_state, images)
    alone, _ = compiled.encode(params, model_state, images.at[1:].multiply(0.5))
    np.testing.assert_allclose(fixed[0], alone[0], rtol=1e-5, atol=1e-6)
