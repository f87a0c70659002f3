"""Networks, encoding, reconstruction and weighted loss shared by IRL-INR, the thesis' method and their baselines.

E_phi(J) = (z, theta, tau)      H_psi(z) = eta      I(x; eta)
"""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int
from ml_collections import ConfigDict

from irl_inr_jax.augment.views import example_keys, random_views
from irl_inr_jax.methods import losses
from irl_inr_jax.methods.encoder_input import EncoderInput, make_encoder_input
from irl_inr_jax.methods.pose import HeadPose, PoseForm, make_pose_form
from irl_inr_jax.models.encoder import Encoder, make_encoder
from irl_inr_jax.models.generator import Generator
from irl_inr_jax.models.initial_weights import choose_initial_weights
from irl_inr_jax.models.polar_encoder import PolarEncoder, make_polar_encoder
from irl_inr_jax.types import AxisName, Method, Pose, PyTree

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


def apply_encoder(
    parts: Parts, params: PyTree, model_state: PyTree, images: Float[Array, "b h w c"], *, train: bool
) -> tuple[Encoded, PyTree]:
    """Return the encoder's output and the new batch norm statistics, which are taken over all given images together."""
    variables = {"params": params["encoder"], "batch_stats": model_state["batch_stats"]}
    outputs, updated = parts.encoder.apply(variables, parts.encoder_input(images), train=train, mutable=["batch_stats"])
    latents, head, aux = jnp.split(outputs, [parts.latent_dim, parts.latent_dim + parts.form.num_outputs], axis=-1)
    return Encoded(latents, parts.form.read_head(head), aux), updated.get("batch_stats", {})
