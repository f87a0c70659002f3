"""Test that data sets which a configuration cannot be trained on are refused."""

import dataclasses

import jax
import numpy as np
import pytest

from irl_inr_jax.data.datasets import make_dataset
from irl_inr_jax.data.lazy import LazyImages
from irl_inr_jax.devices.mesh import make_mesh
from irl_inr_jax.presets import tiny
from irl_inr_jax.training.preconditions import check_batch, check_neighbours, find_obstacles
from irl_inr_jax.types import InputError


def test_a_batch_must_be_filled():
    dataset, mesh = make_dataset(tiny.get_config().data), make_mesh(jax.devices()[:1])

    def check(**changes):
        config = tiny.get_config()
        config.train.update(changes)
        check_batch(config, dataset, mesh)

    check()
    check(batch_size=257, num_epochs=0)  # a training-free method takes no batches
    with pytest.raises(InputError, match=r"at most the 256 training images, found 257; try --config.*batch_size=64"):
        check(batch_size=257)


@pytest.mark.multi_device
def test_a_batch_must_be_shared_evenly():
    config = tiny.get_config()
    with pytest.raises(InputError, match=r"multiple of the 3 devices, found 64; try --config.train.batch_size=63"):
        check_batch(config, make_dataset(config.data), make_mesh(jax.devices()[:3]))


def test_streamed_images_and_too_few_images_are_refused():
    config = tiny.get_config()
    dataset = make_dataset(config.data)
    images = dataset.train.images
    lazy = LazyImages(lambda rows: images[rows], images.shape[1:], images.dtype, np.arange(len(images)))
    streamed = dataclasses.replace(dataset, train=dataclasses.replace(dataset.train, images=lazy))
    check_neighbours(config, streamed)  # the weight is 0
    config.loss.neighbours = 0.5
    check_neighbours(config, dataset)
    with pytest.raises(InputError, match=r"expected images in memory .* set config.loss.neighbours=0"):
        check_neighbours(config, streamed)
    config.loss.num_neighbours = 256
    with pytest.raises(InputError, match=r"num_neighbours below the number of training images, 256, found 256"):
        check_neighbours(config, dataset)
    assert find_obstacles(tiny.get_config(), dataset) == []
    config.train.batch_size = 1000
    batch, neighbours = find_obstacles(config, dataset)
    assert "batch_size" in batch and "training would be refused: expected config.loss.num_neighbours" in neighbours
