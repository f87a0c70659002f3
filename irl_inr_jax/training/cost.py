"""Estimate the time and memory of a training run."""

import dataclasses
import time
from typing import NamedTuple

import jax
import numpy as np
from ml_collections import ConfigDict

from irl_inr_jax.data.lazy import LazyImages
from irl_inr_jax.data.subsets import take
from irl_inr_jax.devices.mesh import make_mesh
from irl_inr_jax.training.run import first_batches, init_state, lower_step, make_run
from irl_inr_jax.training.stored_images import arbitrary_neighbours
from irl_inr_jax.types import Dataset

TRIAL_BATCH = 32  # images of a step in the trial
TRIAL_STEPS = 3


class Cost(NamedTuple):
    """An estimate from a few small steps on one device of this machine.

    seconds: of the whole run. data_mb: images. state_mb: parameters and optimizer. working_mb: what a step of the
    configured batch needs in addition.
    """

    device: str
    images_per_second: float
    num_steps: int
    seconds: float
    data_mb: float
    state_mb: float
    working_mb: float


def estimate_cost(config: ConfigDict, dataset: Dataset) -> Cost:
    """Take `TRIAL_STEPS` steps of at most `TRIAL_BATCH` images on one device, and extrapolate to the whole run."""
    batch_size = min(config.train.batch_size, TRIAL_BATCH, len(dataset.train.ids))
    num_steps = config.train.num_epochs * (len(dataset.train.images) // config.train.batch_size)
    few = take(dataset.train, np.arange(batch_size, dtype=np.int32))
    few = dataclasses.replace(few, images=np.asarray(few.images[:batch_size]))
    trial = config.copy_and_resolve_references()
    trial.train.batch_size = batch_size
    few_dataset, neighbours = dataclasses.replace(dataset, train=few), arbitrary_neighbours(config, batch_size)
    run = make_run(trial, few_dataset, make_mesh(jax.local_devices()[:1]), neighbours)
    compiled, batches = lower_step(run).compile(), first_batches(run)
    state, _ = jax.block_until_ready(compiled(init_state(run), *batches))
    started = time.monotonic()
    for _ in range(TRIAL_STEPS):
        state, _ = jax.block_until_ready(compiled(state, *batches))
    images_per_second = TRIAL_STEPS * batch_size / (time.monotonic() - started)
    memory = compiled.memory_analysis()
    return Cost(
        device=jax.local_devices()[0].device_kind,
        images_per_second=images_per_second,
        num_steps=num_steps,
        seconds=num_steps * config.train.batch_size / images_per_second,
        data_mb=0.0 if isinstance(dataset.train.images, LazyImages) else dataset.train.images.nbytes / 1e6,
        state_mb=sum(leaf.nbytes for leaf in jax.tree.leaves((state.params, state.opt_state))) / 1e6,
        working_mb=(memory.temp_size_in_bytes if memory else 0) / 1e6 * config.train.batch_size / batch_size,
    )
