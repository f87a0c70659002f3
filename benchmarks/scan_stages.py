"""Time of SCAN's two stages on noise: one epoch of each, after one that compiles."""

import time

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from benchmarks.inputs import make_noise
from irl_inr_jax.augment.augmentation import make_augment
from irl_inr_jax.clustering.finetune import make_adam, make_run_epoch, start_tuning
from irl_inr_jax.clustering.heads import make_prior
from irl_inr_jax.clustering.image_batches import select_own, select_pairs
from irl_inr_jax.clustering.scan import list_candidates, make_scan_classifier, make_scan_loss, make_selflabel_loss
from irl_inr_jax.clustering.task import ClusterTask, Points
from irl_inr_jax.devices.compute import choose_speed
from irl_inr_jax.devices.mesh import make_mesh
from irl_inr_jax.training.inference import TrainedMethod
from irl_inr_jax.training.run import make_run
from irl_inr_jax.types import Dataset

NUM_CLUSTERS = 10


def untrained(config: ConfigDict, dataset: Dataset) -> TrainedMethod:
    """Return the method with its initial parameters."""
    method = make_run(config, dataset, make_mesh(jax.devices()[:1]), neighbours=None).method
    images = jnp.asarray(dataset.train.images[:8], jnp.float32) / 255
    params, model_state = jax.jit(method.init)(jax.random.key(0), images)
    return TrainedMethod(method, params, model_state, dataset.scaling, config.evaluation.batch_size)


def make_task(config: ConfigDict, dataset: Dataset) -> ClusterTask:
    """Return the task of clustering the images with an untrained encoder."""
    trained = untrained(config, dataset)
    points = Points(trained.encode(dataset.train.images)[0], dataset.train.images)
    return ClusterTask(
        fitted=points,
        assigned=points,
        num_clusters=NUM_CLUSTERS,
        seed=0,
        trained=trained,
        settings=config.clustering,
        augment=config.augment,
        orbits=config.orbits,
        wafers=config.wafers,
        fill=config.views.fill,
        steps_per_call=choose_speed(config).steps_per_call,
    )


def time_stages(config: ConfigDict, *, num_timed: int) -> dict[str, tuple[float, int]]:
    """Return stage → (seconds per image and epoch, number of epochs)."""
    dataset = make_noise(config, num_timed)
    task, settings = make_task(config, dataset), config.clustering.scan
    prior = make_prior(settings.prior, NUM_CLUSTERS)
    augment = make_augment(settings.augment, task.augment, fill=task.fill, low=task.trained.scaling.low)
    classifier = make_scan_classifier(task)
    num_neighbours = min(settings.num_neighbours, num_timed - 1)
    neighbours = np.random.default_rng(0).integers(num_timed, size=(num_timed, num_neighbours), dtype=np.int32)
    stages = {
        "clustering": (
            make_scan_loss(task, classifier, augment, prior),
            settings.batch_size,
            settings.num_epochs,
            {"neighbours": jnp.asarray(list_candidates(neighbours, settings))},
            select_pairs,
        ),
        "self-label": (
            make_selflabel_loss(task, classifier, augment),
            settings.selflabel_batch_size,
            settings.selflabel_epochs,
            {},
            select_own,
        ),
    }
    optimizer = make_adam(settings.learning_rate, weight_decay=settings.weight_decay)
    seconds = {}
    for stage, (loss, batch_size, num_epochs, data, select) in stages.items():
        run_epoch = make_run_epoch(
            loss,
            optimizer,
            task=task,
            frozen=classifier.frozen,
            batch_size=batch_size,
            average_decay=0.0,
            select=select,
        )
        tuned = start_tuning(classifier.params, optimizer)
        tuned, _ = run_epoch(tuned, data, 0)
        started = time.perf_counter()
        jax.block_until_ready(run_epoch(tuned, data, 1))
        taken = num_timed - num_timed % min(batch_size, num_timed)  # an incomplete last batch is dropped
        seconds[stage] = (time.perf_counter() - started) / taken, num_epochs
    return seconds
