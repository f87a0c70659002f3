"""IRL-INR (Kwon, Choi, Ryu, ICML 2023): Figure 1 of the paper as pure functions.

    E_phi(J) = (z, theta, tau)      H_psi(z) = eta      J_p = I(S_{theta,tau}^-1(x_p); eta)

z alone determines the canonical image and the pose alone its position. Two views of every image, S_{theta_i,tau_i}[J]
with random poses, must agree in z (consistency), and each must be reconstructed from the z of the other
(cross-reconstruction). With `config.loss.neighbours`, z of an image must also be nearer to z of one of its neighbours
than to z of the other images of the batch.
"""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int
from ml_collections import ConfigDict

from irl_inr_jax.augment.views import example_keys, random_views, select_pixels
from irl_inr_jax.methods import losses
from irl_inr_jax.methods.encoder_input import EncoderInput, make_encoder_input
from irl_inr_jax.methods.pairs import neighbour_loss
from irl_inr_jax.methods.pose import HeadPose, PoseForm, make_pose_form
from irl_inr_jax.models.encoder import Encoder, make_encoder
from irl_inr_jax.models.generator import Generator, make_generator
from irl_inr_jax.models.initial_weights import choose_initial_weights
from irl_inr_jax.models.polar_encoder import PolarEncoder, make_polar_encoder
from irl_inr_jax.types import AxisName, Batch, Method, Pose, PyTree

CONSISTENCY = {"cosine": losses.cosine_consistency_loss, "mse": losses.mse_consistency_loss}


class Encoded(NamedTuple):
    """Output of the encoder: z, its estimate of the pose, and further outputs that only some methods use."""

    latents: Float[Array, "b d"]
    head: HeadPose
    aux: Float[Array, "b a"]


@dataclasses.dataclass(frozen=True)
class Parts:
    """The networks E and (H, I), the input of E, the form of the pose, and the settings of losses and views.

    axis_name: the mapped axis over which neighbours are gathered; None outside a mapped function.
    """

    encoder: Encoder | PolarEncoder
    encoder_input: EncoderInput
    generator: Generator
    form: PoseForm
    latent_dim: int
    weights: ConfigDict
    views: ConfigDict
    encoder_calls: int
    initial_weights: str
    axis_name: AxisName


def make_method(config: ConfigDict, *, num_channels: int, low: float, axis_name: AxisName) -> Method:
    """Make IRL-INR from `config.model`, `config.loss` and `config.views`."""
    generator = make_generator(config, num_channels=num_channels, low=low, axis_name=axis_name)
    parts = make_parts(config, generator, axis_name=axis_name, num_aux=0)
    return bind_parts("irl_inr", parts, loss)


def make_parts(config: ConfigDict, generator: Generator, *, axis_name: AxisName, num_aux: int) -> Parts:
    """Return the configured parts, with `num_aux` encoder outputs in addition to latents and pose."""
    form = make_pose_form(config)
    num_outputs = config.model.latent_dim + form.num_outputs + num_aux
    if config.model.encoder.trunk == "polar":
        encoder = make_polar_encoder(config, num_outputs=num_outputs)
    else:
        encoder = make_encoder(config, num_outputs=num_outputs, axis_name=axis_name, activation=jax.nn.relu)
    return Parts(
        encoder=encoder,
        encoder_input=make_encoder_input(config, form),
        generator=generator,
        form=form,
        latent_dim=config.model.latent_dim,
        weights=config.loss,
        views=config.views,
        encoder_calls=config.model.encoder.num_calls,
        initial_weights=config.model.initial_weights,
        axis_name=axis_name,
    )


def bind_parts(name: str, parts: Parts, loss: Callable[..., tuple[jax.Array, tuple[dict, PyTree]]]) -> Method:
    """Return the functions of this module as a `Method`, with the given loss."""
    return Method(
        name=name,
        init=choose_initial_weights(partial(init, parts), parts.initial_weights),
        loss=partial(loss, parts),
        encode=partial(encode, parts),
        reconstruct=partial(reconstruct, parts),
        encode_in_training=partial(encode_in_training, parts),
        is_shared=lambda path: path[0] == "generator" and parts.generator.is_shared(path[1:]),
    )


def init(parts: Parts, key: jax.Array, images: Float[Array, "b h w c"]) -> tuple[PyTree, PyTree]:
    """Return the parameters phi, psi and the untrained state: batch norm statistics and the INR's frequencies."""
    encoder_key, generator_key = jax.random.split(key)
    encoder_variables = parts.encoder.init(encoder_key, parts.encoder_input(images[:2]), train=False)
    generator_params, frequencies = parts.generator.init(generator_key, images)
    params = {"encoder": encoder_variables["params"], "generator": generator_params}
    return params, {"batch_stats": encoder_variables.get("batch_stats", {}), "frequencies": frequencies}


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


def weigh_terms(
    weights: ConfigDict, progress: Float[Array, ""], terms: dict[str, Float[Array, ""]]
) -> Float[Array, ""]:
    """Compute L of section 3.3: the weighted sum of the terms; two of the weights follow their ramps."""
    ramps = {
        "consistency": losses.ramp(progress, *weights.consistency_ramp),
        "neighbours": losses.ramp(progress, *weights.neighbours_ramp),
    }
    return sum((weights[name] * ramps.get(name, 1.0) * term for name, term in terms.items()), jnp.zeros(()))


def encode(
    parts: Parts, params: PyTree, model_state: PyTree, images: Float[Array, "b h w c"]
) -> tuple[Float[Array, "b d"], Pose | None]:
    """Compute E_phi(J) = (z, theta, tau); the pose is None for the form 'none'."""
    encoded, _ = apply_encoder(parts, params, model_state, images, train=False)
    if parts.form.name == "none":
        return encoded.latents, None
    eta = parts.generator.emit(params["generator"], encoded.latents)
    render = partial(parts.generator.render, params["generator"], eta, model_state["frequencies"])
    return encoded.latents, parts.form.find_pose(images, encoded.head, render)


def encode_in_training(
    parts: Parts, params: PyTree, model_state: PyTree, images: Float[Array, "b h w c"]
) -> tuple[Float[Array, "b d"], PyTree]:
    """Compute z with batch norm by the statistics of these images; return it and the updated running averages."""
    encoded, batch_stats = apply_encoder(parts, params, model_state, images, train=True)
    return encoded.latents, batch_stats


def reconstruct(
    parts: Parts, params: PyTree, model_state: PyTree, latents: Float[Array, "b d"], coords: Float[Array, "#b n 2"]
) -> Float[Array, "b n c"]:
    """Compute I(x; H_psi(z)) at any coords of the canonical image, at any resolution."""
    eta = parts.generator.emit(params["generator"], latents)
    return parts.generator.render(params["generator"], eta, model_state["frequencies"], coords)


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


def make_view(
    parts: Parts,
    key: jax.Array,
    positions: Int[Array, "b"],
    images: Float[Array, "b h w c"],
    *,
    translation_px: float,
) -> Float[Array, "b h w c"]:
    """Transform every image by a random pose, with the configured interpolation."""
    return random_views(
        example_keys(key, positions),
        images,
        translation_px=translation_px,
        interpolation=parts.views.interpolation,
        fill=parts.views.fill,
    )


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


def apply_encoder(
    parts: Parts, params: PyTree, model_state: PyTree, images: Float[Array, "b h w c"], *, train: bool
) -> tuple[Encoded, PyTree]:
    """Return the encoder's output and the new batch norm statistics, which are taken over all given images together."""
    variables = {"params": params["encoder"], "batch_stats": model_state["batch_stats"]}
    outputs, updated = parts.encoder.apply(variables, parts.encoder_input(images), train=train, mutable=["batch_stats"])
    latents, head, aux = jnp.split(outputs, [parts.latent_dim, parts.latent_dim + parts.form.num_outputs], axis=-1)
    return Encoded(latents, parts.form.read_head(head), aux), updated.get("batch_stats", {})
