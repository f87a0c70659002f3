"""The method of the thesis (its chapter 3): an MLP encoder, noise on the latents, and consistency over M rotations.

    Enc(W) = (m^, z, aux)      eta = H(z + epsilon * aux), epsilon ~ N(0, I)      W_r = G(eta; F(R_theta^ (x_r, y_r)))

Rotations only. It differs from IRL-INR in the encoder, in the noise, by which latents near z give the same image, and
in a consistency loss between the training image and M rotated copies of it.
"""

from functools import partial

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from irl_inr_jax.augment.views import example_keys, select_pixels
from irl_inr_jax.methods import losses
from irl_inr_jax.methods.parts import CONSISTENCY, Parts, apply_encoder, bind_parts, make_parts, make_view, weigh_terms
from irl_inr_jax.models.generator import make_generator
from irl_inr_jax.types import AxisName, Batch, Method, PyTree


def make_method(config: ConfigDict, *, num_channels: int, low: float, axis_name: AxisName) -> Method:
    """Make the thesis' method from `config.model`, `config.loss` and `config.views`."""
    generator = make_generator(config, num_channels=num_channels, low=low, axis_name=axis_name)
    parts = make_parts(config, generator, axis_name=axis_name, num_aux=config.model.latent_dim)
    return bind_parts("thesis", parts, loss)


def loss(parts: Parts, params: PyTree, model_state: PyTree, key: jax.Array, batch: Batch):
    """Compute L of section 3.7 on the images and on M rotated copies of each."""
    noise_key, *rotation_keys = jax.random.split(key, 1 + parts.weights.num_copies)
    pixel_key = jax.random.fold_in(key, 1 + parts.weights.num_copies)
    images, num_images = batch.images, len(batch.images)
    if parts.weights.rotate_images:
        image_key = jax.random.fold_in(key, 2 + parts.weights.num_copies)
        images = make_view(parts, image_key, batch.positions, images, translation_px=0.0)
    copies = [make_view(parts, each, batch.positions, images, translation_px=0.0) for each in rotation_keys]
    encoded, batch_stats = apply_encoder(parts, params, model_state, jnp.concatenate([images, *copies]), train=True)
    latents = encoded.latents[:num_images]
    head = jax.tree.map(lambda leaf: leaf[:num_images], encoded.head)

    epsilon = jax.vmap(lambda key: jax.random.normal(key, latents.shape[1:]))(example_keys(noise_key, batch.positions))
    eta = parts.generator.emit(params["generator"], latents + epsilon * encoded.aux[:num_images])
    render = partial(parts.generator.render, params["generator"], eta, model_state["frequencies"])
    pose = parts.form.find_pose(images, head, render)
    coords, target = select_pixels(example_keys(pixel_key, batch.positions), images, pose, parts.weights.num_pixels)

    symmetry, head_error = parts.form.symmetry_loss(images, head, pose)
    terms = {
        "recon": losses.recon_loss(render(coords=coords), target),
        "consistency": CONSISTENCY[parts.weights.consistency_distance](
            encoded.latents[num_images:], jnp.tile(latents, (parts.weights.num_copies, 1))
        ),
        "symmetry": symmetry,
    }
    terms = {name: term for name, term in terms.items() if parts.weights[name]}
    total = weigh_terms(parts.weights, batch.progress, terms)
    metrics = {"loss": total, **terms, "head_error_deg": jnp.degrees(head_error)}
    return total, (metrics, {**model_state, "batch_stats": batch_stats})
