"""Train the encoder further together with linear heads on its latents; common to DEC, IIC and SCAN."""

import itertools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import NamedSharding, PartitionSpec
from jaxtyping import Array, Float, Float32, Int, Int32, Shaped
from ml_collections import ConfigDict

from irl_inr_jax.clustering.heads import BestHead
from irl_inr_jax.clustering.image_batches import Select, read_batches, select_pairs
from irl_inr_jax.clustering.task import ClusterTask, Points
from irl_inr_jax.clustering.tuned_encoder import Classifier, split_statistics
from irl_inr_jax.data.batches import epoch_order
from irl_inr_jax.data.lazy import LazyImages
from irl_inr_jax.devices.mesh import AXIS, make_mesh, replicate
from irl_inr_jax.training.inference import map_batches
from irl_inr_jax.training.optimizer import allow_promotion
from irl_inr_jax.training.progress import show_progress
from irl_inr_jax.training.step import repeat_step
from irl_inr_jax.types import PyTree


class Tuned(NamedTuple):
    """Trained parameters {"encoder", "heads", ...}, their moving average, and the optimizer's state.

    The optimizer does not see the entry "batch_stats".
    """

    params: PyTree
    average: PyTree
    opt_state: PyTree


class TuningBatches(NamedTuple):
    """Rows of the fitted images in n steps, and the images that `select` chose, or None if all are on the device."""

    rows: Int[Array, "n b"]
    images: Shaped[Array, "n b m h w c"] | None


def make_predict(task: ClusterTask, outputs: Callable[..., Array]) -> Callable[[PyTree, PyTree, Points], np.ndarray]:
    """Make predict(params, frozen, points) -> (..., n, k), which applies `outputs` to all images of the points.

    outputs(params, frozen, images) -> (..., b, k).
    """

    @jax.jit
    def on_batch(given, rows):
        return jnp.moveaxis(outputs(*given, task.trained.to_unit(rows)), -2, 0)

    def predict(params: PyTree, frozen: PyTree, points: Points) -> Float32[np.ndarray, "... n k"]:
        stacked = map_batches(on_batch, (params, frozen), points.images, size=task.trained.batch_size)
        return np.moveaxis(stacked, 0, -2)

    return predict


def make_adam(learning_rate: float, *, weight_decay: float = 0.0) -> optax.GradientTransformation:
    """Make Adam with the weight decay added to the gradient, as in the authors' SCAN."""
    return allow_promotion(optax.chain(optax.add_decayed_weights(weight_decay), optax.adam(learning_rate)))


def start_tuning(params: PyTree, optimizer: optax.GradientTransformation) -> Tuned:
    """Return the state before the first step."""
    return Tuned(params, params, optimizer.init(split_statistics(params)[0]))


def make_tuning_steps(
    loss: Callable[..., tuple[Array, tuple[dict[str, Array], PyTree]]],
    optimizer: optax.GradientTransformation,
    *,
    select: Select,
    average_decay: float,
) -> Callable[..., tuple[Tuned, dict[str, Array]]]:
    """Compile take_steps(tuned, frozen, data, stored, *, seed_key, first, batches, count) -> (tuned, metrics (n, ...)).

    loss, select, average_decay: as in `make_run_epoch`. stored: all fitted images, or None if `batches` has those of
    its steps. first: number of the first step. count: batches that are used.
    """

    @jax.jit
    def take_steps(tuned, frozen, data, stored, *, seed_key, first, batches, count):
        def take_step(state, batch):
            tuned, step = state
            key = jax.random.fold_in(seed_key, step)
            images = batch.images if stored is None else stored[select(key, batch.rows, data)]
            trained, statistics = split_statistics(tuned.params)

            def loss_of(trained):
                return loss({**trained, **statistics}, frozen, key, batch.rows, images, data)

            grads, (metrics, statistics) = jax.grad(loss_of, has_aux=True)(trained)
            updates, opt_state = optimizer.update(grads, tuned.opt_state, trained)
            params = {**optax.apply_updates(trained, updates), **statistics}
            average = optax.incremental_update(params, tuned.average, 1 - average_decay)
            return (Tuned(params, average, opt_state), step + 1), metrics

        (tuned, _), metrics = repeat_step(take_step, (tuned, first), batches, count)
        return tuned, metrics

    return take_steps


def make_run_epoch(
    loss: Callable[..., tuple[Array, tuple[dict[str, Array], PyTree]]],
    optimizer: optax.GradientTransformation,
    *,
    task: ClusterTask,
    frozen: PyTree,
    batch_size: int,
    average_decay: float,
    select: Select,
) -> Callable[[Tuned, PyTree, int], tuple[Tuned, dict[str, np.ndarray]]]:
    """Make run_epoch(tuned, data, epoch) -> (tuned, mean metrics): one pass over the fitted images in random order.

    loss(params, frozen, key, rows (b,), images (b, m, h, w, c), data) -> (scalar, (metrics, statistics)), with `data` a
    pytree of arrays, `rows` the indices of the batch among the fitted images, and the stored images in the rows of
    `select`, which is given the same key. statistics: the new entry of the parameters that the optimizer does not
    change, {"batch_stats"}, or {} if batch norm is not trained. The batch is sharded over the devices if their number
    divides it. `task.steps_per_call` steps are taken in one call, one with streamed images. average_decay: decay of the
    moving average of the parameters; 0 makes it equal to the parameters.
    """
    num_rows = len(task.fitted.images)
    batch_size = min(batch_size, num_rows)
    per_epoch = num_rows // batch_size
    streamed = task.fitted.images if isinstance(task.fitted.images, LazyImages) else None
    num_steps = min(task.steps_per_call, per_epoch) if streamed is None else 1
    devices = jax.local_devices()
    mesh = make_mesh(devices if batch_size % len(devices) == 0 else devices[:1])
    split = NamedSharding(mesh, PartitionSpec(None, AXIS))
    stored = replicate(jnp.asarray(task.fitted.images), mesh) if streamed is None else None
    frozen, select_rows, seed_key = replicate(frozen, mesh), jax.jit(select), jax.random.key(task.seed + 1)
    take_steps = make_tuning_steps(loss, optimizer, select=select, average_decay=average_decay)

    def run_epoch(tuned, data, epoch):
        tuned, data = replicate(tuned, mesh), replicate(data, mesh)
        order = epoch_order(task.seed, epoch, num_rows).astype(np.int32)
        batches = order[: per_epoch * batch_size].reshape(per_epoch, batch_size)

        def select_step(step):
            return select_rows(jax.random.fold_in(seed_key, epoch * per_epoch + step), batches[step], data)

        images = itertools.repeat(None) if streamed is None else read_batches(streamed, select_step, per_epoch, split)
        collected = []
        for start, read in zip(range(0, per_epoch, num_steps), images, strict=False):
            given = batches[start : start + num_steps]
            rows, first, count = np.zeros((num_steps, batch_size), np.int32), epoch * per_epoch + start, len(given)
            rows[:count] = given
            steps = {"first": np.int32(first), "count": np.int32(count)}
            batch = TuningBatches(jax.device_put(rows, split), read)
            tuned, metrics = take_steps(tuned, frozen, data, stored, seed_key=seed_key, batches=batch, **steps)
            collected.append(metrics)
        fetched = jax.device_get(collected)
        return tuned, jax.tree.map(lambda *values: np.mean(np.concatenate(values)[:per_epoch], axis=0), *fetched)

    return run_epoch


def train_heads(
    task: ClusterTask,
    classifier: Classifier,
    loss: Callable[..., tuple[Array, tuple[dict[str, Array], PyTree]]],
    data: PyTree,
    *,
    settings: ConfigDict,
    weight_decay: float,
    prior: Float[np.ndarray, "k"],
    stage: str,
) -> BestHead:
    """Train encoder and heads for `settings.num_epochs` and return the head with the lowest loss that is not collapsed.

    loss: as in `make_run_epoch`, with metrics `loss` (heads,) and `sizes` (heads, k), the clusters' shares of a batch.
    data: has the `neighbours` of the fitted images, for `select_pairs`.
    stage: name shown with the progress.
    """
    optimizer = make_adam(settings.learning_rate, weight_decay=weight_decay)
    run_epoch = make_run_epoch(
        loss,
        optimizer,
        task=task,
        frozen=classifier.frozen,
        batch_size=settings.batch_size,
        average_decay=0.0,
        select=select_pairs,
    )
    tuned = start_tuning(classifier.params, optimizer)
    best = BestHead.none(classifier.params)
    with show_progress(f"{stage}: epoch", settings.num_epochs) as update:
        for epoch in range(settings.num_epochs):
            tuned, metrics = run_epoch(tuned, data, epoch)
            best = best.after(tuned.params, metrics["loss"], metrics["sizes"], prior)
            update(epoch + 1, f"loss {metrics['loss'].min():.4f}")
    return best


def classify(
    task: ClusterTask, classifier: Classifier, params: PyTree
) -> tuple[Int32[np.ndarray, "n"], Float32[np.ndarray, "n"]]:
    """Return the most probable cluster of each assigned image under the only head of `params`, and its probability."""
    logits = make_predict(task, classifier.logits)(params, classifier.frozen, task.assigned)[0]
    probs = np.asarray(jax.nn.softmax(logits))
    return probs.argmax(1).astype(np.int32), probs.max(1)
