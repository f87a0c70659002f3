"""MNIST and Fashion-MNIST in random poses: MNIST(U) turns and shifts, the rotated ones only turn.

The published images are upright; 60,000 are for training and 10,000 for testing.
"""

from pathlib import Path

import numpy as np
from ml_collections import ConfigDict

from irl_inr_jax.data.datasets.download import get_idx_files
from irl_inr_jax.data.pixels import check_stack_shape
from irl_inr_jax.data.random_pose import reject_translation, make_posed_dataset
from irl_inr_jax.data.readers.idx import read_idx_pair
from irl_inr_jax.data.source import row_ids
from irl_inr_jax.types import Dataset, ImageSet, InputError

# As tensorflow-datasets has them registered, with the checksums of the files.
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


def make_mnist_u(data: ConfigDict) -> Dataset:
    """MNIST(U): each digit turned by any angle and shifted by translation_px on the canvas (paper, section 4)."""
    return _make_idx_dataset(data, "mnist", MNIST_URL, _DIGITS, "MNIST's digits")


def make_rotated_mnist(data: ConfigDict) -> Dataset:
    """MNIST's digits, each turned by any angle about the middle of the image."""
    reject_translation(data)
    return _make_idx_dataset(data, "mnist", MNIST_URL, _DIGITS, "MNIST's digits")


def make_rotated_fashion_mnist(data: ConfigDict) -> Dataset:
    """Fashion-MNIST's garments, each turned by any angle about the middle of the image."""
    reject_translation(data)
    return _make_idx_dataset(data, "fashion_mnist", FASHION_MNIST_URL, _GARMENTS, "Fashion-MNIST's garments")


def _make_idx_dataset(
    data: ConfigDict, folder_name: str, base_url: str, class_names: tuple[str, ...], description: str
) -> Dataset:
    """The four files under config.data.root/folder_name as a posed data set. Raises InputError."""
    paths = get_idx_files(Path(data.root).expanduser() / folder_name, base_url)
    splits = [
        _read_split(prefix, paths[f"{prefix}_images"], paths[f"{prefix}_labels"], len(class_names))
        for prefix in ("train", "test")
    ]
    return make_posed_dataset(
        data,
        *splits,
        class_names=class_names,
        translation_px=data.translation_px,
        zoom=1.0,
        description=description,
        source=f"config.data.root ({paths['train_images']})",
    )


def _read_split(prefix: str, images_path: Path, labels_path: Path, num_classes: int) -> ImageSet:
    images, labels = read_idx_pair(images_path, labels_path)
    if labels.size and labels.max() >= num_classes:
        raise InputError(f"{labels_path}: expected labels of 0 to {num_classes - 1}, found {labels.max()}")
    check_stack_shape(images.shape, f"config.data.root ({images_path})")
    return ImageSet(images[..., None], row_ids(prefix, len(images)), labels.astype(np.int32), pose=None)
