"""A method whose latents are known, and images that it evaluates."""

import numpy as np
import pytest

from irl_inr_jax.evaluation.pipeline import EvaluationOptions, evaluate
from irl_inr_jax.presets import tiny
from irl_inr_jax.training.inference import TrainedMethod
from irl_inr_jax.types import Dataset, ImageSet, Method, Scaling


def unused(*arguments):
    raise AssertionError("evaluating neither initialises nor trains a method")


def encode(params, model_state, images):
    """The brightest pixel: no pose, and invariant to rotations about the centre."""
    return images.max((1, 2)), None


@pytest.fixture
def trained():
    method = Method("brightness", unused, unused, encode, None)
    return TrainedMethod(method, {}, {}, scaling=Scaling(1 / 255, 0.0, 0.0, ""), batch_size=8)


def make_split(labels, name="test", with_labels=True):
    """Squares at random places, with a brightness per class."""
    rng = np.random.default_rng(0)
    images = np.zeros((len(labels), 12, 12, 1), np.uint8)
    for image, label in zip(images, labels, strict=True):
        row, column = rng.integers(1, 8, 2)
        image[row : row + 3, column : column + 3] = 60 + 90 * label
    ids = np.array([f"{name}/{i}" for i in range(len(labels))])
    return ImageSet(images, ids, labels.astype(np.int32) if with_labels else None, None)


def make_data(test=True, with_labels=True):
    train = make_split(np.arange(30) % 3, "train", with_labels)
    split = make_split(np.arange(24) % 3, "test", with_labels) if test else None
    names = ("dim", "grey", "bright") if with_labels else ()
    return Dataset("squares", train, split, names, Scaling(1 / 255, 0.0, 0.0, ""), "squares of three brightnesses")


@pytest.fixture
def config():
    config = tiny.get_config()
    config.evaluation.shift_px = 0.0
    return config


def run(trained, data, config, **options):
    options = EvaluationOptions(
        **{
            "split": "auto",
            "transductive": False,
            "clusterers": ["kmeans"],
            "num_clusters": "",
            "num_seeds": 1,
            "folder": None,
            "scores_only": False,
            **options,
        }
    )
    return evaluate(trained, data, config, options)
