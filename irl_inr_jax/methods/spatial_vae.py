"""Spatial-VAE (Bepler et al., NeurIPS 2019): a variational autoencoder whose decoder takes rotated, translated coords.

    q(theta, tau, z | J) = N(mean(J), std(J)^2)      p(J_p | theta, tau, z) = Bernoulli(G(S_{theta,tau}^-1(x_p), z))

The pose has priors like z, N(0, theta_std^2) and N(0, tau_std^2), and is trained through the likelihood only. The
authors translate the coords after rotating them; here tau is the position in the image, as in the whole package.
"""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import NamedTuple, cast

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from ml_collections import ConfigDict

from irl_inr_jax.augment.views import example_keys, select_pixels
from irl_inr_jax.methods.losses import bernoulli_loss, normal_kl
from irl_inr_jax.models.encoder import Encoder, make_encoder
from irl_inr_jax.models.initial_weights import choose_initial_weights
from irl_inr_jax.models.inr import as_probability
from irl_inr_jax.models.spatial_generator import SpatialGenerator, init_spatial_generator, make_spatial_generator
from irl_inr_jax.types import AxisName, Batch, Method, Pose, PyTree


class Factors(NamedTuple):
    """theta, tau in units of its prior's deviation, and z: their means, log deviations or samples.

    t is 2, or 0 for images that are only rotated.
    """

    theta: Float[Array, "b 1"]
    scaled_tau: Float[Array, "b t"]
    latents: Float[Array, "b d"]


@dataclasses.dataclass(frozen=True)
class Parts:
    """The two networks and the settings of posterior, priors and likelihood.

    num_tau: 2, or 0 for images that are only rotated. low: the least value of a pixel. num_pixels: number of random
    pixels on which the likelihood is estimated; 0 for all.
    """

    encoder: Encoder
    generator: SpatialGenerator
    init_generator: Callable[..., tuple[PyTree, jax.Array | None]]
    latent_dim: int
    num_tau: int
    low: float
    num_pixels: int
    theta_std: float
    tau_std: float
    kl_weight: float


def make_method(config: ConfigDict, *, num_channels: int, low: float, axis_name: AxisName) -> Method:
    """Make Spatial-VAE from `config.model`, `config.vae` and `config.loss.num_pixels`."""
    num_tau = 2 if config.model.pose.translation else 0
    num_outputs = 2 * (1 + num_tau + config.model.latent_dim)
    generator = make_spatial_generator(config, num_channels=num_channels)
    parts = Parts(
        encoder=make_encoder(config, num_outputs=num_outputs, axis_name=axis_name, activation=jnp.tanh),
        generator=generator,
        init_generator=partial(init_spatial_generator, generator, config),
        latent_dim=config.model.latent_dim,
        num_tau=num_tau,
        low=low,
        num_pixels=config.loss.num_pixels,
        theta_std=config.vae.theta_std,
        tau_std=config.vae.tau_std,
        kl_weight=config.vae.kl,
    )
    return Method(
        name="spatial_vae",
        init=choose_initial_weights(partial(init, parts), config.model.initial_weights),
        loss=partial(loss, parts),
        encode=partial(encode, parts),
        reconstruct=partial(reconstruct, parts),
    )


def init(parts: Parts, key: jax.Array, images: Float[Array, "b h w c"]) -> tuple[PyTree, PyTree]:
    """Return the parameters and the untrained state: batch norm statistics and the frequencies of the coords.

    The generator starts at the mean pixel. The encoder's log deviations start near 0, the value of the priors of z and
    of the scaled tau.
    """
    encoder_key, *generator_keys = jax.random.split(key, 3)
    encoder_variables = parts.encoder.init(encoder_key, images[:2], train=False)
    generator, frequencies = parts.init_generator(*generator_keys, images, parts.low)
    params = {"encoder": encoder_variables["params"], "generator": generator}
    return params, {"batch_stats": encoder_variables.get("batch_stats", {}), "frequencies": frequencies}


def loss(parts: Parts, params: PyTree, model_state: PyTree, key: jax.Array, batch: Batch):
    """Compute -ELBO, mean over images: -log p(J | theta, tau, z) of one sample and the weighted KL divergences."""
    noise_key, pixel_key = jax.random.split(key)
    images = batch.images
    (mean, log_std), batch_stats = apply_encoder(parts, params, model_state, images, train=True)
    sample = sample_factors(example_keys(noise_key, batch.positions), mean, log_std)

    pixel_keys = example_keys(pixel_key, batch.positions)
    coords, target = select_pixels(pixel_keys, images, read_pose(parts, sample), parts.num_pixels)
    logits = predict_logits(parts, params, model_state, sample.latents, coords)
    nll = bernoulli_loss(logits, as_probability(target, parts.low))

    num_all, num_sampled = images[0, ..., 0].size, coords.shape[1]
    terms = {"recon": jnp.mean(nll) * (num_all / num_sampled), **divergences(parts, mean, log_std)}
    weighted = [term * (1.0 if name == "recon" else parts.kl_weight) for name, term in terms.items()]
    total = sum(weighted[1:], start=weighted[0])
    return total, ({"loss": total, **terms}, {**model_state, "batch_stats": batch_stats})


def divergences(parts: Parts, mean: Factors, log_std: Factors) -> dict[str, Float[Array, ""]]:
    """Compute KL(q || prior) of angle, position and z, each summed over its entries; means over images."""
    prior_std = {"theta": parts.theta_std, "tau": 1.0, "latents": 1.0}
    return {
        f"kl_{name}": normal_kl(m, s, jnp.zeros(()), std).sum(-1).mean()
        for (name, std), m, s in zip(prior_std.items(), mean, log_std, strict=True)
        if m.shape[-1]
    }


def encode(
    parts: Parts, params: PyTree, model_state: PyTree, images: Float[Array, "b h w c"]
) -> tuple[Float[Array, "b d"], Pose]:
    """Return the posterior means of z and of the pose."""
    (mean, _), _ = apply_encoder(parts, params, model_state, images, train=False)
    return mean.latents, read_pose(parts, mean)


def reconstruct(
    parts: Parts, params: PyTree, model_state: PyTree, latents: Float[Array, "b d"], coords: Float[Array, "#b n 2"]
) -> Float[Array, "b n c"]:
    """Compute the expected pixels at any coords of the canonical image, at any resolution."""
    return parts.low + (1 - parts.low) * jax.nn.sigmoid(predict_logits(parts, params, model_state, latents, coords))


def predict_logits(
    parts: Parts, params: PyTree, model_state: PyTree, latents: Float[Array, "b d"], coords: Float[Array, "#b n 2"]
) -> Float[Array, "b n c"]:
    """Compute G(x, z) before the sigmoid."""
    logits = parts.generator.apply({"params": params["generator"]}, latents, coords, model_state["frequencies"])
    return cast(jax.Array, logits)


def apply_encoder(
    parts: Parts, params: PyTree, model_state: PyTree, images: Float[Array, "b h w c"], *, train: bool
) -> tuple[tuple[Factors, Factors], PyTree]:
    """Return means and log deviations of the posterior, and the new batch norm statistics."""
    variables = {"params": params["encoder"], "batch_stats": model_state["batch_stats"]}
    outputs, updated = parts.encoder.apply(variables, images, train=train, mutable=["batch_stats"])
    mean, log_std = (
        Factors(*jnp.split(half, [1, 1 + parts.num_tau], axis=-1)) for half in jnp.split(outputs, 2, axis=-1)
    )
    return (mean, log_std), updated.get("batch_stats", {})


def sample_factors(keys: jax.Array, mean: Factors, log_std: Factors) -> Factors:
    """Sample the posterior as mean + std * noise, so that gradients reach both; one key per image."""

    def one(key, mean, log_std):
        keys = Factors(*jax.random.split(key, len(mean)))
        return jax.tree.map(lambda m, s, k: m + jnp.exp(s) * jax.random.normal(k, m.shape), mean, log_std, keys)

    return jax.vmap(one)(keys, mean, log_std)


def read_pose(parts: Parts, factors: Factors) -> Pose:
    """Convert to a pose in radians and coords; tau is 0 for images that are only rotated."""
    tau = parts.tau_std * factors.scaled_tau if parts.num_tau else jnp.zeros((len(factors.theta), 2))
    return Pose(theta=factors.theta[:, 0], tau=tau)
