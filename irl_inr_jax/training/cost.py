"""Estimate the time and memory of a training run."""

import dataclasses
import time
from typing import NamedTuple

import jax
import numpy as np
from ml_collections import ConfigDict

from irl_inr_jax.data.lazy import LazyImages
from irl_inr_jax.data.subsets import take
from irl_inr_jax.training.run import lower_steps, total_steps
from irl_inr_jax.types import Dataset

TRIED_BATCH = 32  # images a step in the trial that costs are estimated from
TRIED_STEPS = 3


class Cost(NamedTuple):
    """An estimate from a few small steps on one device of this machine.

    seconds: of the whole run. data_mb, state_mb, working_mb: images, parameters and optimiser, and what a step of the
    configured batch takes beyond.
    """

    device: str
    images_per_second: float
    num_steps: int
    seconds: float
    data_mb: float
    state_mb: float
    working_mb: float


def estimate_cost(config: ConfigDict, dataset: Dataset) -> Cost:
    """Takes `TRIED_STEPS` steps of at most `TRIED_BATCH` images on one device, and from them reckons the whole run."""
    batch_size = min(config.train.batch_size, TRIED_BATCH, len(dataset.train.ids))
    few = take(dataset.train, np.arange(batch_size, dtype=np.int32))
    num_steps = total_steps(config, dataset)
    lowered, state, given = lower_steps(config, dataclasses.replace(dataset, train=few), num_steps=1)
    compiled = lowered.compile()
    state, _ = jax.block_until_ready(compiled(state, *given))
    started = time.monotonic()
    for _ in range(TRIED_STEPS):
        state, _ = jax.block_until_ready(compiled(state, *given))
    images_per_second = TRIED_STEPS * batch_size / (time.monotonic() - started)
    return Cost(
        device=jax.local_devices()[0].device_kind,
        images_per_second=images_per_second,
        num_steps=num_steps,
        seconds=num_steps * config.train.batch_size / images_per_second,
        data_mb=0.0 if isinstance(dataset.train.images, LazyImages) else dataset.train.images.nbytes / 1e6,
        state_mb=sum(leaf.nbytes for leaf in jax.tree.leaves((state.params, state.opt_state))) / 1e6,
        working_mb=compiled.memory_analysis().temp_size_in_bytes / 1e6 * config.train.batch_size / batch_size,
    )
