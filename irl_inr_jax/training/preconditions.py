"""Refuse, before anything is compiled, a data set that a configuration cannot be trained on."""

import functools

import jax
from jax.sharding import Mesh
from ml_collections import ConfigDict

from irl_inr_jax.data.lazy import LazyImages
from irl_inr_jax.devices.mesh import make_mesh
from irl_inr_jax.types import Dataset, InputError


def check_batch(config: ConfigDict, dataset: Dataset, mesh: Mesh) -> None:
    """Raise InputError for a batch that the data set cannot fill or the devices cannot share evenly."""
    if config.train.num_epochs == 0:
        return
    batch_size, num_images, num_devices = config.train.batch_size, len(dataset.train.images), mesh.size
    if batch_size > num_images:
        raise InputError(
            f"expected config.train.batch_size of at most the {num_images} training images, found {batch_size}; "
            f"try --config.train.batch_size={max(1, num_images // 4)}"
        )
    if batch_size % num_devices:
        raise InputError(
            f"expected config.train.batch_size to be a multiple of the {num_devices} devices, found {batch_size}; "
            f"try --config.train.batch_size={num_devices * max(1, batch_size // num_devices)}"
        )


def check_neighbours(config: ConfigDict, dataset: Dataset) -> None:
    """Raise InputError if the loss needs neighbours that the data set cannot give."""
    if not config.loss.neighbours:
        return
    num_images, num_neighbours = len(dataset.train.images), config.loss.num_neighbours
    if isinstance(dataset.train.images, LazyImages):
        raise InputError(
            f"expected images in memory with config.loss.neighbours={config.loss.neighbours}, found {num_images} "
            f"images that are streamed from disk; set config.loss.neighbours=0, or load them with a larger "
            f"config.data.memory_mb"
        )
    if num_neighbours >= num_images:
        raise InputError(
            f"expected config.loss.num_neighbours below the number of training images, {num_images}, found "
            f"{num_neighbours}; set a smaller number, or config.loss.neighbours=0"
        )


def find_obstacles(config: ConfigDict, dataset: Dataset) -> list[str]:
    """Return the messages of the checks above that training on all devices of this machine would fail."""
    checks = (functools.partial(check_batch, mesh=make_mesh(jax.local_devices())), check_neighbours)
    found = []
    for check in checks:
        try:
            check(config, dataset)
        except InputError as error:
            found.append(f"training would be refused: {error}")
    return found
