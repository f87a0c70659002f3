"""An encoder that clusterers train further, and linear heads on its latents.

Batch norm, if any, keeps the statistics of the encoder's training, or is trained too, as in the authors' SCAN: it then
takes the statistics of each batch, and its running averages are the entry "batch_stats" of the parameters.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from sklearn.cluster import KMeans

from irl_inr_jax.clustering.task import ClusterTask
from irl_inr_jax.devices.threads import single_thread
from irl_inr_jax.types import PyTree

# Nats between the least and the most likely cluster. In many correlated dimensions the posterior of spherical Gaussians
# is far too confident: disagreeing neighbours then cost more than a single cluster for all, and SCAN collapses at once.
MAX_SPREAD = 30.0


class TunedEncoder(NamedTuple):
    """The encoder as trained, `params` {"encoder"}, and everything frozen: other networks, mean and deviation of z.

    latents(params, frozen, images) -> (b, d), standardised. train_latents(params, frozen, images) -> the same and
    {"batch_stats"} after these images, or {} if batch norm is not trained. standardised: (n, d) initial latents of the
    fitted images.
    """

    params: PyTree
    frozen: PyTree
    latents: Callable[..., Float[Array, "b d"]]
    train_latents: Callable[..., tuple[Float[Array, "b d"], PyTree]]
    standardised: Float[np.ndarray, "n d"]


class Classifier(NamedTuple):
    """An encoder with heads, `params` {"encoder", "heads"}.

    logits(params, frozen, images) -> (heads, b, k). train_logits: the same in training, with the statistics of
    `TunedEncoder.train_latents`.
    """

    params: PyTree
    frozen: PyTree
    logits: Callable[..., Float[Array, "heads b k"]]
    train_logits: Callable[..., tuple[Float[Array, "heads b k"], PyTree]]


def make_tuned_encoder(task: ClusterTask, *, standardise: bool = True, trains_batch_norm: bool = False) -> TunedEncoder:
    """Make the encoder with latents standardised by the fitted images' mean and one common deviation.

    Settings then have the same meaning for latents of any scale. Without `standardise` the latents are unchanged.
    """
    fitted, trained = task.fitted.latents, task.trained
    mean, deviation = np.zeros(fitted.shape[1]), 1.0
    if standardise:
        mean, deviation = fitted.mean(axis=0), max(float(np.sqrt(fitted.var(axis=0).mean())), 1e-12)
    frozen = {
        "params": {name: value for name, value in trained.params.items() if name != "encoder"},
        "model_state": trained.model_state,
        "mean": jnp.asarray(mean, jnp.float32),
        "deviation": jnp.asarray(deviation, jnp.float32),
    }

    params = {"encoder": trained.params["encoder"]}
    encode_in_training = trained.method.encode_in_training
    if trains_batch_norm and encode_in_training is not None and trained.model_state["batch_stats"]:
        params["batch_stats"] = trained.model_state["batch_stats"]

    def read(params, frozen):
        statistics = split_statistics(params)[1]
        return {**frozen["params"], "encoder": params["encoder"]}, {**frozen["model_state"], **statistics}

    def latents(params, frozen, images):
        raw, _ = trained.method.encode(*read(params, frozen), images)
        return (raw - frozen["mean"]) / frozen["deviation"]

    def train_latents(params, frozen, images):
        if encode_in_training is None or "batch_stats" not in params:
            return latents(params, frozen, images), {}
        raw, batch_stats = encode_in_training(*read(params, frozen), images)
        return (raw - frozen["mean"]) / frozen["deviation"], {"batch_stats": batch_stats}

    return TunedEncoder(params, frozen, latents, train_latents, (fitted - mean) / deviation)


def split_statistics(params: PyTree) -> tuple[PyTree, PyTree]:
    """Return the parameters without the entry "batch_stats", and {"batch_stats"}, or {} if there is none."""
    trained = {name: value for name, value in params.items() if name != "batch_stats"}
    return trained, {name: value for name, value in params.items() if name == "batch_stats"}


def make_classifier(
    task: ClusterTask, *, num_heads: int, start: str, standardise: bool = True, trains_batch_norm: bool = False
) -> Classifier:
    """Make the encoder with `num_heads` linear heads, initialised by `HEAD_STARTS[start]` from different seeds.

    standardise, trains_batch_norm: of `make_tuned_encoder`.
    """
    encoder = make_tuned_encoder(task, standardise=standardise, trains_batch_norm=trains_batch_norm)
    heads = [HEAD_STARTS[start](encoder.standardised, task.num_clusters, task.seed + i) for i in range(num_heads)]
    heads = jax.tree.map(lambda *leaves: jnp.stack([jnp.asarray(leaf, jnp.float32) for leaf in leaves]), *heads)

    def apply_heads(params, z):
        return jax.vmap(lambda kernel, bias: z @ kernel + bias)(params["heads"]["kernel"], params["heads"]["bias"])

    def logits(params, frozen, images):
        return apply_heads(params, encoder.latents(params, frozen, images))

    def train_logits(params, frozen, images):
        z, statistics = encoder.train_latents(params, frozen, images)
        return apply_heads(params, z), statistics

    return Classifier({**encoder.params, "heads": heads}, encoder.frozen, logits, train_logits)


def start_at_random(latents: Float[np.ndarray, "n d"], num_clusters: int, seed: int) -> dict[str, np.ndarray]:
    """Initialise a head with small normal weights and no bias."""
    latent_dim = latents.shape[1]
    kernel = np.random.default_rng(seed).normal(size=(latent_dim, num_clusters)) / np.sqrt(latent_dim)
    return {"kernel": kernel, "bias": np.zeros(num_clusters)}


def start_at_kmeans(latents: Float[np.ndarray, "n d"], num_clusters: int, seed: int) -> dict[str, np.ndarray]:
    """Initialise a head with the posterior of k equal spherical Gaussians about the means of k-means.

    Their variance is that within clusters, or larger so that the logits of an image spread by at most `MAX_SPREAD` on
    average. It avoids the poor optima that random heads may reach.
    """
    with single_thread():
        kmeans = KMeans(num_clusters, n_init=10, random_state=seed).fit(latents)
    means = kmeans.cluster_centers_.astype(np.float64)
    variance = max(kmeans.inertia_ / latents.size, 1e-3)
    kernel, bias = means.T / variance, -(means**2).sum(axis=1) / (2 * variance)
    softer = max(1.0, float(np.ptp(latents @ kernel + bias, axis=1).mean()) / MAX_SPREAD)
    return {"kernel": kernel / softer, "bias": bias / softer}


def start_uniform(latents: Float[np.ndarray, "n d"], num_clusters: int, seed: int) -> dict[str, np.ndarray]:
    """Initialise weights and biases of a head from U(-1 / sqrt(d), 1 / sqrt(d)), PyTorch's default, as in SCAN."""
    latent_dim, rng = latents.shape[1], np.random.default_rng(seed)
    bound = 1 / np.sqrt(latent_dim)
    kernel = rng.uniform(-bound, bound, size=(latent_dim, num_clusters))
    return {"kernel": kernel, "bias": rng.uniform(-bound, bound, size=num_clusters)}


HEAD_STARTS = {"kmeans": start_at_kmeans, "random": start_at_random, "uniform": start_uniform}
