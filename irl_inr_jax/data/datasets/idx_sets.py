"""MNIST and Fashion-MNIST in random poses: MNIST(U) is rotated and shifted, the other two are only rotated.

The published images are upright; 60,000 are for training and 10,000 for testing.
"""

from pathlib import Path

import numpy as np
from ml_collections import ConfigDict

from irl_inr_jax.data.datasets.download import get_idx_files
from irl_inr_jax.data.pixels import check_stack_shape
from irl_inr_jax.data.random_pose import add_random_poses
from irl_inr_jax.data.readers.idx import read_idx_pair
from irl_inr_jax.data.source import Source, array_source, row_ids
from irl_inr_jax.types import InputError

# Registered in tensorflow-datasets with the checksums of the files.
MNIST_URL = "https://storage.googleapis.com/cvdf-datasets/mnist/"
FASHION_MNIST_URL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"

_DIGITS = tuple("0123456789")
_GARMENTS = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


def read_mnist_u(data: ConfigDict) -> Source:
    """Return MNIST(U): digits rotated by any angle and shifted by config.data.translation_px (paper, section 4)."""
    return add_random_poses(data, _read_idx_files(data, "mnist", MNIST_URL, _DIGITS, "MNIST's digits"))


def read_rotated_mnist(data: ConfigDict) -> Source:
    """Return MNIST's digits, each rotated by any angle about the centre of the image."""
    return add_random_poses(data, _read_idx_files(data, "mnist", MNIST_URL, _DIGITS, "MNIST's digits"))


def read_rotated_fashion_mnist(data: ConfigDict) -> Source:
    """Return Fashion-MNIST's garments, each rotated by any angle about the centre of the image."""
    source = _read_idx_files(data, "fashion_mnist", FASHION_MNIST_URL, _GARMENTS, "Fashion-MNIST's garments")
    return add_random_poses(data, source)


def _read_idx_files(
    data: ConfigDict, folder_name: str, base_url: str, class_names: tuple[str, ...], description: str
) -> Source:
    """Return the upright images of the four files in config.data.root/folder_name. Raises InputError."""
    paths = get_idx_files(Path(data.root).expanduser() / folder_name, base_url)
    train, test = (
        _read_split(paths[f"{split}_images"], paths[f"{split}_labels"], len(class_names)) for split in ("train", "test")
    )
    sizes = [images.shape[1:] for images, _ in (train, test)]
    if sizes[0] != sizes[1]:
        raise InputError(f"{paths['test_images']}: expected images of {sizes[0]} pixels, found {sizes[1]}")
    lengths = [len(labels) for _, labels in (train, test)]
    return array_source(
        f"config.data.root ({paths['train_images']})",
        np.concatenate([train[0], test[0]]),
        np.concatenate([row_ids("train", lengths[0]), row_ids("test", lengths[1])]),
        labels=np.concatenate([train[1], test[1]]).astype(np.int32),
        class_names=class_names,
        test=np.repeat([False, True], lengths),
        description=description,
    )


def _read_split(images_path: Path, labels_path: Path, num_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return images (N, h, w) and labels (N,) of one split. Raises InputError for labels that are not classes."""
    images, labels = read_idx_pair(images_path, labels_path)
    if labels.size and labels.max() >= num_classes:
        raise InputError(f"{labels_path}: expected labels of 0 to {num_classes - 1}, found {labels.max()}")
    check_stack_shape(images.shape, f"config.data.root ({images_path})")
    return images, labels
