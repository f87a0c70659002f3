"""IRL-INR (Kwon, Choi, Ryu, ICML 2023): Figure 1 of the paper as pure functions.

    E_phi(J) = (z, theta, tau)      H_psi(z) = eta      J_p = I(S_{theta,tau}^-1(x_p); eta)

z alone determines the canonical image and the pose alone its position. Two views of every image, S_{theta_i,tau_i}[J]
with random poses, must agree in z (consistency), and each must be reconstructed from the z of the other
(cross-reconstruction). With `config.loss.neighbours`, z of an image must also be nearer to z of one of its neighbours
than to z of the other images of the batch.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from ml_collections import ConfigDict

from irl_inr_jax.augment.views import example_keys, select_pixels
from irl_inr_jax.methods import losses
from irl_inr_jax.methods.pairs import neighbour_loss
from irl_inr_jax.methods.parts import (
    CONSISTENCY,
    Encoded,
    Parts,
    apply_encoder,
    bind_parts,
    make_parts,
    make_view,
    weigh_terms,
)
from irl_inr_jax.models.generator import make_generator
from irl_inr_jax.types import AxisName, Batch, Method, PyTree


def make_method(config: ConfigDict, *, num_channels: int, low: float, axis_name: AxisName) -> Method:
    """Make IRL-INR from `config.model`, `config.loss` and `config.views`."""
    generator = make_generator(config, num_channels=num_channels, low=low, axis_name=axis_name)
    parts = make_parts(config, generator, axis_name=axis_name, num_aux=0)
    return bind_parts("irl_inr", parts, loss)


def loss(parts: Parts, params: PyTree, model_state: PyTree, key: jax.Array, batch: Batch):
    """Compute the weighted sum of the losses on two views of every image, each term, and the new model state."""
    view_key, pixel_key = jax.random.split(key)
    with jax.named_scope("views"):
        views = make_views(parts, view_key, batch)
        neighbour_views = make_neighbour_views(parts, jax.random.fold_in(key, 2), batch)
    # (z, theta, tau) = E_phi(J)
    encoded, neighbours, batch_stats = encode_views(parts, params, model_state, views, neighbour_views)
    latents, head = encoded.latents, encoded.head
    weights, half = parts.weights, len(views) // 2
    only_first = not weights.cross and not parts.form.uses_generator
    eta = parts.generator.emit(params["generator"], latents[:half] if only_first else latents)  # eta = H_psi(z)
    render = partial(parts.generator.render, params["generator"], frequencies=model_state["frequencies"])
    with jax.named_scope("pose"):
        pose = parts.form.find_pose(views, head, partial(render, jax.lax.stop_gradient(eta)))

    # J_p = I(S_{theta,tau}^-1(x_p); eta) on the selected pixels p of each view.
    keys = example_keys(pixel_key, batch.positions)
    coords, target = select_pixels(keys, views, pose, weights.num_pixels)
    terms = {}
    if weights.recon:
        first_eta, first_coords, first_target = jax.tree.map(lambda leaf: leaf[:half], (eta, coords, target))
        terms["recon"] = losses.recon_loss(render(first_eta, coords=first_coords), first_target)
    if weights.cross:
        # The views exchange their pixels, which are smaller than the weights of the INRs.
        other_coords, other_target = jax.tree.map(lambda leaf: jnp.roll(leaf, half, axis=0), (coords, target))
        terms["cross"] = losses.recon_loss(render(eta, coords=other_coords), other_target)
    if weights.consistency:
        distance = CONSISTENCY[weights.consistency_distance]
        terms["consistency"] = distance(latents[:half], latents[half:])
    if weights.neighbours:
        assert batch.neighbours is not None, "a loss with neighbours needs them in the batch"
        terms["neighbours"] = neighbour_loss(
            jnp.concatenate([latents[:half], neighbours]), weights.neighbour_scale, parts.axis_name
        )
    num_shown = half * weights.symmetry_views
    shown = jax.tree.map(lambda leaf: leaf[:num_shown], (views, head, pose))
    symmetry, head_error = parts.form.symmetry_loss(*shown)
    if weights.symmetry:
        terms["symmetry"] = symmetry

    total = weigh_terms(weights, batch.progress, terms)
    metrics = {"loss": total, **terms, "head_error_deg": jnp.degrees(head_error)}
    return total, (metrics, {**model_state, "batch_stats": batch_stats})


def make_views(parts: Parts, key: jax.Array, batch: Batch) -> Float[Array, "b2 h w c"]:
    """Make two views of every image, all first views first: rotated; rotated and translated (section 3.3.2)."""
    first_key, second_key = jax.random.split(key)
    first = make_view(parts, first_key, batch.positions, batch.images, translation_px=0.0)
    second = make_view(parts, second_key, batch.positions, batch.images, translation_px=parts.views.translation_px)
    return jnp.concatenate([first, second])


def make_neighbour_views(parts: Parts, key: jax.Array, batch: Batch) -> Float[Array, "n h w c"]:
    """Make a view of the neighbour of every image, as the second views are; no views without neighbours."""
    if batch.neighbours is None:
        return batch.images[:0]
    return make_view(parts, key, batch.positions, batch.neighbours, translation_px=parts.views.translation_px)


def encode_views(
    parts: Parts,
    params: PyTree,
    model_state: PyTree,
    views: Float[Array, "b2 h w c"],
    neighbour_views: Float[Array, "n h w c"],
) -> tuple[Encoded, Float[Array, "n d"], PyTree]:
    """Apply the encoder in training; return its output for the views, z of the neighbours and the batch statistics.

    One call on all views together, or one on each (`config.model.encoder.num_calls`).
    """
    images, batch_stats = jnp.concatenate([views, neighbour_views]), model_state["batch_stats"]
    num_calls = 1 if parts.encoder_calls == 1 else 2 * len(images) // len(views)
    outputs = []
    for part in jnp.split(images, num_calls):
        output, batch_stats = apply_encoder(
            parts, params, {**model_state, "batch_stats": batch_stats}, part, train=True
        )
        outputs.append(output)
    encoded = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *outputs)
    return jax.tree.map(lambda leaf: leaf[: len(views)], encoded), encoded.latents[len(views) :], batch_stats
