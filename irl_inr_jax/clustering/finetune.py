"""The trained encoder with linear heads on its latents, and epochs of training both. Knows no clusterer.

The encoder's batch norm, if it has any, keeps the statistics of its own training.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import NamedSharding, PartitionSpec
from jaxtyping import Array, Float, Float32, Int32
from ml_collections import ConfigDict
from sklearn.cluster import KMeans

from irl_inr_jax.clustering.heads import BestHead
from irl_inr_jax.clustering.task import ClusterTask, Points
from irl_inr_jax.data.batches import epoch_order
from irl_inr_jax.devices.mesh import AXIS, make_mesh, replicate
from irl_inr_jax.training.inference import map_batches
from irl_inr_jax.training.optimizer import allow_promotion
from irl_inr_jax.types import PyTree

# Nats from the least likely cluster to the likeliest. In many dimensions that go together round Gaussians are far surer
# than the data: neighbours that disagree then cost more than one cluster for all, and SCAN collapses at once.
MAX_SPREAD = 30.0


class Tuned(NamedTuple):
    """What is trained, `params` {"encoder", "heads", ...}, the moving average of it, and the optimiser's state."""

    params: PyTree
    average: PyTree
    opt_state: PyTree


class TunedEncoder(NamedTuple):
    """The encoder as it was trained, `params` {"encoder"}, and all that stays: other networks, mean and deviation of z.

    latents(params, frozen, images) -> (b, d), standardised. standardised: (n, d) those of the fitted images at first.
    """

    params: PyTree
    frozen: PyTree
    latents: Callable[..., Float[Array, "b d"]]
    standardised: Float[np.ndarray, "n d"]


class Classifier(NamedTuple):
    """An encoder and heads: `params` {"encoder", "heads"}; logits(params, frozen, images) -> (heads, b, k)."""

    params: PyTree
    frozen: PyTree
    logits: Callable[..., Float[Array, "heads b k"]]


def make_tuned_encoder(task: ClusterTask) -> TunedEncoder:
    """The encoder, its latents standardised by the fitted images' mean and one deviation for all.

    So settings mean the same whatever the scale of a method's latents.
    """
    fitted, trained = task.fitted.latents, task.trained
    mean, deviation = fitted.mean(axis=0), max(float(np.sqrt(fitted.var(axis=0).mean())), 1e-12)
    frozen = {
        "params": {name: value for name, value in trained.params.items() if name != "encoder"},
        "model_state": trained.model_state,
        "mean": jnp.asarray(mean, jnp.float32),
        "deviation": jnp.asarray(deviation, jnp.float32),
    }

    def latents(params, frozen, images):
        learnt = {**frozen["params"], "encoder": params["encoder"]}
        raw, _ = trained.method.encode(learnt, frozen["model_state"], images)
        return (raw - frozen["mean"]) / frozen["deviation"]

    return TunedEncoder({"encoder": trained.params["encoder"]}, frozen, latents, (fitted - mean) / deviation)


def make_classifier(task: ClusterTask, *, num_heads: int, start: str) -> Classifier:
    """The encoder under `num_heads` linear heads that start as `HEAD_STARTS[start]`, each from a seed of its own."""
    encoder = make_tuned_encoder(task)
    heads = [HEAD_STARTS[start](encoder.standardised, task.num_clusters, task.seed + i) for i in range(num_heads)]
    heads = jax.tree.map(lambda *leaves: jnp.stack([jnp.asarray(leaf, jnp.float32) for leaf in leaves]), *heads)

    def logits(params, frozen, images):
        found = encoder.latents(params, frozen, images)
        return jax.vmap(lambda kernel, bias: found @ kernel + bias)(params["heads"]["kernel"], params["heads"]["bias"])

    return Classifier({**encoder.params, "heads": heads}, encoder.frozen, logits)


def start_at_random(latents: Float[np.ndarray, "n d"], num_clusters: int, seed: int) -> dict[str, np.ndarray]:
    """A head that knows nothing, as in SCAN: small normal weights."""
    latent_dim = latents.shape[1]
    kernel = np.random.default_rng(seed).normal(size=(latent_dim, num_clusters)) / np.sqrt(latent_dim)
    return {"kernel": kernel, "bias": np.zeros(num_clusters)}


def start_at_kmeans(latents: Float[np.ndarray, "n d"], num_clusters: int, seed: int) -> dict[str, np.ndarray]:
    """The head that gives each latent the posterior of k equal round Gaussians about the means of k-means.

    Their variance is that within the clusters, or what keeps the logits of an image within `MAX_SPREAD` on average. It
    has no bad corners to start from, as a head drawn at random has.
    """
    kmeans = KMeans(num_clusters, n_init=10, random_state=seed).fit(latents)
    means = kmeans.cluster_centers_.astype(np.float64)
    variance = max(kmeans.inertia_ / latents.size, 1e-3)
    kernel, bias = means.T / variance, -(means**2).sum(axis=1) / (2 * variance)
    softer = max(1.0, float(np.ptp(latents @ kernel + bias, axis=1).mean()) / MAX_SPREAD)
    return {"kernel": kernel / softer, "bias": bias / softer}


HEAD_STARTS = {"kmeans": start_at_kmeans, "random": start_at_random}


def make_predict(task: ClusterTask, outputs: Callable[..., Array]) -> Callable[[PyTree, PyTree, Points], np.ndarray]:
    """predict(params, frozen, points): `outputs(params, frozen, images)` (..., b, k) of all images, (..., n, k)."""

    @jax.jit
    def on_batch(given, rows):
        return jnp.moveaxis(outputs(*given, task.trained.to_unit(rows)), -2, 0)

    def predict(params: PyTree, frozen: PyTree, points: Points) -> Float32[np.ndarray, "... n k"]:
        outputs = map_batches(on_batch, (params, frozen), points.images, size=task.trained.batch_size)
        return np.moveaxis(outputs, 0, -2)

    return predict


def make_adam(learning_rate: float, *, weight_decay: float = 0.0) -> optax.GradientTransformation:
    """Adam; the weight decay is added to the gradient, as SCAN's authors have it."""
    return allow_promotion(optax.chain(optax.add_decayed_weights(weight_decay), optax.adam(learning_rate)))


def make_run_epoch(
    loss: Callable[..., tuple[Array, dict[str, Array]]],
    optimizer: optax.GradientTransformation,
    *,
    task: ClusterTask,
    frozen: PyTree,
    batch_size: int,
    average_decay: float,
) -> Callable[[Tuned, PyTree, int], tuple[Tuned, dict[str, np.ndarray]]]:
    """run_epoch(tuned, data, epoch) -> (tuned, mean metrics): one pass over the fitted images in a random order.

    loss(params, frozen, key, rows (b,), data) -> (scalar, metrics), `data` a pytree of arrays, `rows` those of the
    fitted images that make the batch. Where the number of devices divides the batch it is shared out among them.
    average_decay: of the moving average of the parameters; with 0 the average is the parameters themselves.
    """
    num_rows = len(task.fitted.images)
    batch_size = min(batch_size, num_rows)
    devices = jax.local_devices()
    mesh = make_mesh(devices if batch_size % len(devices) == 0 else devices[:1])
    split = NamedSharding(mesh, PartitionSpec(AXIS))
    frozen = replicate(frozen, mesh)

    @jax.jit
    def take_step(tuned, frozen, data, seed_key, step, rows):
        key = jax.random.fold_in(seed_key, step)
        grads, metrics = jax.grad(loss, has_aux=True)(tuned.params, frozen, key, rows, data)
        updates, opt_state = optimizer.update(grads, tuned.opt_state, tuned.params)
        params = optax.apply_updates(tuned.params, updates)
        average = optax.incremental_update(params, tuned.average, 1 - average_decay)
        return Tuned(params, average, opt_state), metrics

    def run_epoch(tuned, data, epoch):
        tuned, data = replicate(tuned, mesh), replicate(data, mesh)
        order = epoch_order(task.seed, epoch, num_rows).astype(np.int32)
        steps_per_epoch = num_rows // batch_size
        collected = []
        for i in range(steps_per_epoch):
            rows = jax.device_put(order[i * batch_size : (i + 1) * batch_size], split)
            step = np.int32(epoch * steps_per_epoch + i)
            tuned, metrics = take_step(tuned, frozen, data, jax.random.key(task.seed + 1), step, rows)
            collected.append(metrics)
        return tuned, jax.tree.map(lambda *values: np.mean(jax.device_get(values), axis=0), *collected)

    return run_epoch


def train_heads(
    task: ClusterTask,
    classifier: Classifier,
    loss: Callable[..., tuple[Array, dict[str, Array]]],
    data: PyTree,
    *,
    settings: ConfigDict,
    weight_decay: float,
    prior: Float[np.ndarray, "k"],
    what: str,
) -> BestHead:
    """Encoder and heads after `settings.num_epochs`: the head of the lowest training loss that has not collapsed.

    loss: as in `make_run_epoch`, its metrics `loss` (heads,) and `sizes` (heads, k), the clusters' shares of the batch.
    what: the stage's name in the progress.
    """
    optimizer = make_adam(settings.learning_rate, weight_decay=weight_decay)
    run_epoch = make_run_epoch(
        loss, optimizer, task=task, frozen=classifier.frozen, batch_size=settings.batch_size, average_decay=0.0
    )
    tuned = Tuned(classifier.params, classifier.params, optimizer.init(classifier.params))
    best = BestHead.none(classifier.params)
    with task.progress(f"{what}: epoch", settings.num_epochs) as update:
        for epoch in range(settings.num_epochs):
            tuned, metrics = run_epoch(tuned, data, epoch)
            best = best.after(tuned.params, metrics["loss"], metrics["sizes"], prior)
            update(epoch + 1, f"loss {metrics['loss'].min():.4f}")
    return best


def classify(
    task: ClusterTask, classifier: Classifier, params: PyTree
) -> tuple[Int32[np.ndarray, "n"], Float32[np.ndarray, "n"]]:
    """The most probable cluster of each assigned image by the one head of `params`, and its probability."""
    logits = make_predict(task, classifier.logits)(params, classifier.frozen, task.assigned)[0]
    probs = np.asarray(jax.nn.softmax(logits))
    return probs.argmax(1).astype(np.int32), probs.max(1)
