"""An evaluated set of arrows at known poses, without any training, and its page."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from irl_inr_jax.evaluation.pipeline import Evaluation, EvaluationOptions, evaluate
from irl_inr_jax.geometry.moments import moment_pose
from irl_inr_jax.geometry.warps import transform_images
from irl_inr_jax.presets import tiny
from irl_inr_jax.report.html.content import describe_report
from irl_inr_jax.training.inference import TrainedMethod
from irl_inr_jax.types import Dataset, ImageSet, Method, Pose, Scaling

SIDE, COUNT = 24, 90
NASTY = "</script><script>window.attacked = 1</script><img src=x onerror='window.attacked = 1'>&amp;{{content}}"


class Arrows(NamedTuple):
    """An evaluation of arrows and everything that the report is made of."""

    evaluation: Evaluation
    trained: TrainedMethod
    dataset: Dataset
    config: ConfigDict
    pose: Pose

    def describe(self, curated=None, **changes):
        """The content of the page, with corrected clusters, and `changes` to results.json."""
        results = {**self.evaluation.results, "method": "moments", "step": 7, "files": {"raw_csv": False}, **changes}
        metrics = [{"step": step, "loss": 1 / step, "images_per_second": 3.0} for step in (1, 2, 3)]
        return describe_report(results, self.evaluation, self.dataset, metrics=metrics, curated=curated or {})


def make_arrows(labels):
    """Arrows in three lengths, in canonical pose."""
    images = np.zeros((len(labels), SIDE, SIDE, 1), np.float32)
    for image, label in zip(images, labels, strict=True):
        image[8 - 2 * label : 18, 11:13] = 1
        image[14:18, 8:16] = 1
    return images


def encode(params, model_state, images):
    pose, _ = moment_pose(images, translation=True)
    return jnp.stack([images.sum((1, 2, 3)), jnp.sqrt(images.sum((1, 2, 3)))], axis=1), pose


def reconstruct(params, model_state, latents, coords):
    """A disc whose size is that of the latents."""
    inside = (coords**2).sum(-1) < latents[:, :1] / 200
    return inside.astype(jnp.float32)[..., None]


def unused(*arguments):
    raise AssertionError("a report neither initialises nor trains a method")


@pytest.fixture(scope="session")
def arrows(tmp_path_factory):
    rng = np.random.default_rng(0)
    labels = (np.arange(COUNT) % 3).astype(np.int32)
    pose = Pose(rng.uniform(0, 2 * np.pi, COUNT).astype(np.float32), rng.normal(0, 0.06, (COUNT, 2)).astype(np.float32))
    placed = jax.tree.map(jnp.asarray, pose)
    unit = transform_images(jnp.asarray(make_arrows(labels)), placed, interpolation="bilinear", fill=0.0)
    ids = np.array([f"arrow {number}" for number in range(COUNT)], dtype=object)
    ids[0], ids[1] = NASTY, "=1+1"
    columns = {"site": np.array([NASTY if number == 3 else f"site {number % 2}" for number in range(COUNT)])}
    split = ImageSet(np.round(255 * np.asarray(unit)).astype(np.uint8), ids, labels, pose, columns)
    names = (NASTY, "middle", "long")
    dataset = Dataset("arrows", split, None, names, Scaling(1 / 255, 0.0, 0.0, ""), f"arrows {NASTY}")
    trained = TrainedMethod(Method("moments", unused, unused, encode, reconstruct), {}, {}, dataset.scaling, 32)
    config = tiny.get_config()
    config.evaluation.shift_px = 0.0
    options = EvaluationOptions("auto", False, ["kmeans", "agglomerative"], "3", 1, None, True)
    evaluation = evaluate(trained, dataset, config, options)
    return Arrows(evaluation, trained, dataset, config, pose)


@pytest.fixture(scope="session")
def unlabelled(arrows):
    """The arrows without labels, pose and decoder."""
    method = dataclasses.replace(
        arrows.trained.method, encode=lambda *arguments: (encode(*arguments)[0], None), reconstruct=None
    )
    trained = dataclasses.replace(arrows.trained, method=method)
    split = dataclasses.replace(arrows.dataset.train, labels=None, pose=None)
    dataset = dataclasses.replace(arrows.dataset, train=split, class_names=())
    options = EvaluationOptions("auto", False, ["kmeans"], "3", 1, None, True)
    return Arrows(evaluate(trained, dataset, arrows.config, options), trained, dataset, arrows.config, arrows.pose)
