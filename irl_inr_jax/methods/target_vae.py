"""TARGET-VAE (Nasiri, Bepler, NeurIPS 2022): a variational autoencoder that attends to one rotation and one position.

    q(r, t | J) = softmax of logits over the P rotations and all positions of a group convolution
    q(theta | r, t) = N(2 pi r / P + residual, std^2)     q(z | r, t) = N(mean, std^2)     tau = the position t

z, theta and tau are taken from the rotation and position of the object, so that z can be invariant to both. The priors
are uniform in r, N(0, tau_std^2) in t, N(2 pi r / P, (pi / P)^2) in theta and N(0, 1) in z.
"""

import dataclasses
import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple, cast

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from ml_collections import ConfigDict

from irl_inr_jax.augment.views import example_keys, select_pixels
from irl_inr_jax.geometry.moments import angle_of, wrap_angle
from irl_inr_jax.methods.losses import bernoulli_loss, categorical_kl, normal_kl
from irl_inr_jax.models.group_conv import GroupConvEncoder, make_group_conv, position_coords, rotation_offsets
from irl_inr_jax.models.initial_weights import choose_initial_weights
from irl_inr_jax.models.inr import as_probability
from irl_inr_jax.models.spatial_generator import SpatialGenerator, init_spatial_generator, make_spatial_generator
from irl_inr_jax.types import AxisName, Batch, Method, Pose, PyTree


class Posterior(NamedTuple):
    """Encoder output at each of the m pairs of a position and a rotation, rotations varying fastest.

    logits: of the attention. theta: the mean of the angle's residual; it and its deviation are in units of the prior's
    deviation pi / P, so that both start at the prior. latents: the mean of z.
    """

    logits: Float[Array, "b m"]
    theta: Float[Array, "b m"]
    theta_log_std: Float[Array, "b m"]
    latents: Float[Array, "b m d"]
    latents_log_std: Float[Array, "b m d"]


class Pairs(NamedTuple):
    """Pose of an object at each of the m pairs, and the log of the pair's prior probability.

    tau: the position, or 0 for images that are only rotated.
    """

    theta: Float[Array, "m"]
    tau: Float[Array, "m 2"]
    log_prior: Float[Array, "m"]


@dataclasses.dataclass(frozen=True)
class Parts:
    """The two networks and the settings of posterior, priors and likelihood.

    low: the least value of a pixel. num_pixels: number of random pixels on which the likelihood is estimated; 0 for
    all. translation: False for images that are only rotated; tau is then 0 for every position. angle_mean: 'direction'
    or 'number', see `mean_angle`.
    """

    encoder: GroupConvEncoder
    generator: SpatialGenerator
    init_generator: Callable[..., tuple[PyTree, jax.Array | None]]
    latent_dim: int
    low: float
    num_pixels: int
    translation: bool
    tau_std: float
    temperature: float
    angle_mean: str
    kl_weight: float


def make_method(config: ConfigDict, *, num_channels: int, low: float, axis_name: AxisName) -> Method:
    """Make TARGET-VAE from `config.model`, `config.vae` and `config.loss.num_pixels`.

    axis_name is unused: nothing here is normalised over the batch.
    """
    generator = make_spatial_generator(config, num_channels=num_channels)
    parts = Parts(
        encoder=make_group_conv(config, num_outputs=3 + 2 * config.model.latent_dim),
        generator=generator,
        init_generator=partial(init_spatial_generator, generator, config),
        latent_dim=config.model.latent_dim,
        low=low,
        num_pixels=config.loss.num_pixels,
        translation=config.model.pose.translation,
        tau_std=config.vae.tau_std,
        temperature=config.vae.temperature,
        angle_mean=config.vae.angle_mean,
        kl_weight=config.vae.kl,
    )
    return Method(
        name="target_vae",
        init=choose_initial_weights(partial(init, parts), config.model.initial_weights),
        loss=partial(loss, parts),
        encode=partial(encode, parts),
        reconstruct=partial(reconstruct, parts),
    )


def init(parts: Parts, key: jax.Array, images: Float[Array, "b h w c"]) -> tuple[PyTree, PyTree]:
    """Return the parameters and the untrained frequencies of the coords. The generator starts at the mean pixel."""
    encoder_key, *generator_keys = jax.random.split(key, 3)
    encoder = parts.encoder.init(encoder_key, images[:2])["params"]
    generator, frequencies = parts.init_generator(*generator_keys, images, parts.low)
    return {"encoder": encoder, "generator": generator}, {"frequencies": frequencies}


def loss(parts: Parts, params: PyTree, model_state: PyTree, key: jax.Array, batch: Batch):
    """Compute -ELBO, mean over images: -log p(J | theta, tau, z) of one sample and the weighted KL divergences."""
    sample_key, pixel_key = jax.random.split(key)
    images = batch.images
    posterior, pairs = apply_encoder(parts, params, images), list_pairs(parts, images)
    latents, pose = sample_posterior(parts, example_keys(sample_key, batch.positions), posterior, pairs)

    coords, target = select_pixels(example_keys(pixel_key, batch.positions), images, pose, parts.num_pixels)
    logits = predict_logits(parts, params, model_state, latents, coords)
    nll = bernoulli_loss(logits, as_probability(target, parts.low))

    num_all, num_sampled = images[0, ..., 0].size, coords.shape[1]
    terms = {"recon": jnp.mean(nll) * (num_all / num_sampled), **divergences(posterior, pairs)}
    weighted = [term * (1.0 if name == "recon" else parts.kl_weight) for name, term in terms.items()]
    total = sum(weighted[1:], start=weighted[0])
    return total, ({"loss": total, **terms}, model_state)


def divergences(posterior: Posterior, pairs: Pairs) -> dict[str, Float[Array, ""]]:
    """Compute KL(q || prior) of the attention, and of angle and z in expectation under it; means over images."""
    log_attention = jax.nn.log_softmax(posterior.logits)
    attention = jnp.exp(log_attention)
    kl_theta = normal_kl(posterior.theta, posterior.theta_log_std, jnp.zeros(()), 1.0)
    kl_latents = normal_kl(posterior.latents, posterior.latents_log_std, jnp.zeros(()), 1.0).sum(-1)
    return {
        "kl_attention": categorical_kl(log_attention, pairs.log_prior).mean(),
        "kl_theta": (attention * kl_theta).sum(-1).mean(),
        "kl_latents": (attention * kl_latents).sum(-1).mean(),
    }


def sample_posterior(
    parts: Parts, keys: jax.Array, posterior: Posterior, pairs: Pairs
) -> tuple[Float[Array, "b d"], Pose]:
    """Sample z and the pose at a soft choice of position and rotation by Gumbel-softmax; one key per image."""
    unit = math.pi / parts.encoder.num_rotations

    def one(key, posterior):
        attention_key, theta_key, latents_key = jax.random.split(key, 3)
        noise = jax.random.gumbel(attention_key, posterior.logits.shape)
        weights = jax.nn.softmax((posterior.logits + noise) / parts.temperature)
        theta_noise = jax.random.normal(theta_key, ()) * unit
        latents_noise = jax.random.normal(latents_key, posterior.latents.shape[1:])
        theta = mean_angle(parts.angle_mean, weights, pairs.theta, unit * posterior.theta)
        theta += (weights @ jnp.exp(posterior.theta_log_std)) * theta_noise
        latents = weights @ posterior.latents + (weights @ jnp.exp(posterior.latents_log_std)) * latents_noise
        return latents, Pose(theta=theta, tau=weights @ pairs.tau)

    return jax.vmap(one)(keys, posterior)


def mean_angle(
    angle_mean: str, weights: Float[Array, "m"], offsets: Float[Array, "m"], residuals: Float[Array, "m"]
) -> Float[Array, ""]:
    """Compute the weighted mean of the angles offset + residual, as directions or, as the authors do, as numbers.

    The authors' offsets are in (-pi, pi]: the mean of two angles just below and just above half a turn is near 0.
    """
    if angle_mean == "number":
        return weights @ (wrap_angle(offsets) + residuals)
    theta = offsets + residuals
    return angle_of(weights @ jnp.stack([jnp.cos(theta), jnp.sin(theta)], axis=-1))


def encode(
    parts: Parts, params: PyTree, model_state: PyTree, images: Float[Array, "b h w c"]
) -> tuple[Float[Array, "b d2"], Pose]:
    """Return mean and deviation of z, concatenated as the authors cluster them, where the attention is highest.

    theta is that of the same position and rotation; tau is the mean position under the attention.
    """
    posterior, pairs = apply_encoder(parts, params, images), list_pairs(parts, images)
    best = jnp.argmax(posterior.logits, axis=-1)
    at_best = jax.tree.map(lambda leaf: jax.vmap(lambda row, m: row[m])(leaf, best), posterior)
    theta = pairs.theta[best] + at_best.theta * math.pi / parts.encoder.num_rotations
    tau = jax.nn.softmax(posterior.logits) @ pairs.tau
    return jnp.concatenate([at_best.latents, jnp.exp(at_best.latents_log_std)], axis=-1), Pose(theta=theta, tau=tau)


def reconstruct(
    parts: Parts, params: PyTree, model_state: PyTree, latents: Float[Array, "b d2"], coords: Float[Array, "#b n 2"]
) -> Float[Array, "b n c"]:
    """Compute the expected pixels for the mean of z at any coords of the canonical image, at any resolution."""
    logits = predict_logits(parts, params, model_state, latents[:, : parts.latent_dim], coords)
    return parts.low + (1 - parts.low) * jax.nn.sigmoid(logits)


def predict_logits(
    parts: Parts, params: PyTree, model_state: PyTree, latents: Float[Array, "b d"], coords: Float[Array, "#b n 2"]
) -> Float[Array, "b n c"]:
    """Compute G(x, z) before the sigmoid."""
    logits = parts.generator.apply({"params": params["generator"]}, latents, coords, model_state["frequencies"])
    return cast(jax.Array, logits)


def apply_encoder(parts: Parts, params: PyTree, images: Float[Array, "b h w c"]) -> Posterior:
    """Compute the posterior at every pair of a position and a rotation."""
    outputs = cast(jax.Array, parts.encoder.apply({"params": params["encoder"]}, images))
    outputs = outputs.reshape(len(images), -1, outputs.shape[-1])
    logits, theta, theta_log_std = jnp.moveaxis(outputs[..., :3], -1, 0)
    latents, latents_log_std = jnp.split(outputs[..., 3:], 2, axis=-1)
    return Posterior(logits, theta, theta_log_std, latents, latents_log_std)


def list_pairs(parts: Parts, images: Float[Array, "b h w c"]) -> Pairs:
    """List the pairs in the encoder's order, for images of this size."""
    encoder = parts.encoder
    positions = position_coords(
        *images.shape[1:3], size=encoder.kernel_size, padding=encoder.padding, stride=encoder.stride
    )
    log_prior = jax.nn.log_softmax(-0.5 * ((positions / parts.tau_std) ** 2).sum(-1)) - math.log(encoder.num_rotations)
    tau = positions if parts.translation else jnp.zeros_like(positions)
    return Pairs(
        theta=jnp.tile(rotation_offsets(encoder.num_rotations), len(positions)),
        tau=jnp.repeat(tau, encoder.num_rotations, axis=0),
        log_prior=jnp.repeat(log_prior, encoder.num_rotations),
    )
