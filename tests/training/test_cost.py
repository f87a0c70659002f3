"""The estimate of time and memory, on a run whose steps and sizes are known."""

import dataclasses

import numpy as np
import pytest

from irl_inr_jax.data.datasets import make_dataset
from irl_inr_jax.data.lazy import LazyImages
from irl_inr_jax.presets import tiny
from irl_inr_jax.training.cost import estimate_cost


@pytest.fixture
def config():
    return tiny.get_config()


@pytest.fixture
def dataset(config):
    return make_dataset(config.data)


def test_the_estimate_counts_the_steps_and_the_bytes_of_the_run(config, dataset):
    cost = estimate_cost(config, dataset)
    assert cost.num_steps == 2 * (256 // 64)
    assert cost.seconds == pytest.approx(cost.num_steps * 64 / cost.images_per_second)
    assert cost.data_mb == pytest.approx(256 * 16 * 16 / 1e6)


@pytest.mark.slow
def test_twice_the_batch_needs_twice_the_memory_of_a_step_and_images_on_disk_none(config, dataset):
    cost = estimate_cost(config, dataset)
    config.train.batch_size = 128
    images = dataset.train.images
    lazy = LazyImages(lambda rows: images[rows], images.shape[1:], images.dtype, np.arange(len(images)))
    on_disk = dataclasses.replace(dataset, train=dataclasses.replace(dataset.train, images=lazy), test=None)
    twice = estimate_cost(config, on_disk)
    assert twice.data_mb == 0 and twice.num_steps == 2 * (256 // 128)
    assert twice.working_mb == pytest.approx(2 * cost.working_mb)
    assert twice.state_mb == cost.state_mb > 0
