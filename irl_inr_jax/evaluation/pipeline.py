"""One trained run → one record of numbers: clustering, pose, reconstruction, invariance."""

import hashlib
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Float32
from ml_collections import ConfigDict

from irl_inr_jax.clustering import Clustering, ClusterTask, Points
from irl_inr_jax.clustering.choose_k import KCurves, Recommendation, largest_k, measure_k, recommend_k
from irl_inr_jax.data.lazy import in_chunks
from irl_inr_jax.data.subsets import take
from irl_inr_jax.evaluation.comparison import Truth, compare_clusterers
from irl_inr_jax.evaluation.embeddings import embed_images
from irl_inr_jax.evaluation.equivariance import (
    measure_invariance,
    measure_pose,
    measure_pose_by_differences,
    reference_images,
    relative_pose,
)
from irl_inr_jax.metrics.circular import align_within_classes, circular_correlation, median_angle_error_deg
from irl_inr_jax.metrics.clustering_scores import neighbour_purity
from irl_inr_jax.metrics.reconstruction import psnr
from irl_inr_jax.training.inference import TrainedMethod
from irl_inr_jax.types import Dataset, Embeddings, ImageSet, InputError, Pose

NUM_NEIGHBOURS = 20
MAX_PURITY_IMAGES = 10_000
MAX_MOVED_IMAGES = 10_000  # in the measures of invariance and pose, which hold them as float32
DEFAULT_NUM_CLUSTERS = 10


class EvaluationOptions(NamedTuple):
    """What the user asked for.

    split: the one to score, 'auto', 'train' or 'test'. transductive: cluster the scored images by themselves although
    there are others to learn from. num_clusters: 'auto' chooses k, '' takes the configured one. num_seeds: of random
    clusterers. folder: where clusterings are kept between evaluations, or None.
    scores_only: leave out what is measured of pose, invariance and reconstruction.
    """

    split: str
    transductive: bool
    clusterers: list[str]
    num_clusters: str
    num_seeds: int
    folder: Path | None
    scores_only: bool


class Evaluation(NamedTuple):
    """The record that becomes results.json, and what the figures are drawn from.

    clusterings: by clusterer. task: what they were given. outliers: (n,) how unlike the others each image is, or None.
    curves: of k, and what they recommend, where k was to be chosen. references: (n, h, w, c) the images before they
    were moved. true_pose, predicted_pose: (m,) motions applied to images and found in them; None without pose.
    """

    results: dict
    embeddings: Embeddings
    clusterings: dict[str, Clustering]
    task: ClusterTask
    outliers: Float32[np.ndarray, "n"] | None
    curves: tuple[KCurves, Recommendation] | None
    references: Float[np.ndarray, "n h w c"] | None
    true_pose: Pose | None
    predicted_pose: Pose | None


def evaluate(
    trained: TrainedMethod,
    dataset: Dataset,
    config: ConfigDict,
    asked: EvaluationOptions,
    *,
    say: Callable[[str], None],
    progress: Callable[[str, int], AbstractContextManager[Callable[[int, str], None]]],
) -> Evaluation:
    """Everything that is measured on one split; `say` and `progress` are told what goes on, since it takes a while."""
    started = time.monotonic()
    split, images = choose_split(dataset, asked.split)
    say(f"encoding {len(images.images)} images")
    embeddings = embed_images(trained, images)
    encoded = time.monotonic()

    assigned = Points(embeddings.latents, images.images)
    fitted, fitted_labels = assigned, images.labels
    if split == "test" and not asked.transductive:
        say(f"encoding the {len(dataset.train.images)} training images, which clusterers learn from")
        fitted = Points(embed_images(trained, dataset.train).latents, dataset.train.images)
        fitted_labels = dataset.train.labels
    curves = None
    if asked.num_clusters == "auto":
        curves = choose_num_clusters(fitted, config, progress=progress)
        say(curves[1].reason)
    task = ClusterTask(
        fitted=fitted,
        assigned=assigned,
        num_clusters=count_clusters(config, dataset, asked.num_clusters, None if curves is None else curves[1].k),
        seed=config.seed,
        trained=trained,
        settings=config.clustering,
        augment=config.augment,
        orbits=config.orbits,
        fill=config.views.fill,
        say=say,
        progress=progress,
    )
    truth = Truth(fitted_labels, images.labels, dataset.class_names)
    compared = compare_clusterers(task, truth, asked.clusterers, num_seeds=asked.num_seeds, folder=asked.folder)
    motion, references, true, predicted = {}, None, None, None
    if not asked.scores_only:
        say("turning and shifting images to see whether latents stay and poses follow")
        motion, references, true, predicted = measure_equivariance(trained, images, embeddings, config)
    results = {
        "data": describe_data(dataset, split, images),
        "clustering": compared.scores,
        "num_clusters": describe_choice(task.num_clusters, curves),
        "latents": measure_latents(embeddings),
        "device": jax.devices()[0].device_kind,
        **motion,
    }
    if trained.method.reconstruct is not None and not asked.scores_only:
        say("reconstructing")
        errors = trained.recon_errors(images.images, embeddings.latents, embeddings.pose)
        results["reconstruction"] = {"mse": float(errors.mean()), "psnr": psnr(errors, peak=1 - dataset.scaling.low)}
    results["seconds"] = {"encode": encoded - started, "total": time.monotonic() - started}
    return Evaluation(
        results, embeddings, compared.clusterings, task, compared.outliers, curves, references, true, predicted
    )


def measure_equivariance(
    trained: TrainedMethod, images: ImageSet, embeddings: Embeddings, config: ConfigDict
) -> tuple[dict, Float[np.ndarray, "n h w c"], Pose | None, Pose | None]:
    """`invariance`, and `pose` for a method that has one; the images before they were moved; true and found pose."""
    fill, shift_px = config.views.fill, config.evaluation.shift_px
    first = np.arange(min(len(images.ids), MAX_MOVED_IMAGES))
    images, pose = take(images, first), jax.tree.map(lambda leaf: leaf[first], embeddings.pose)
    references = reference_images(trained, images, fill=fill)
    spread, true, predicted = measure_invariance(
        trained, references, shift_px=shift_px, seed=config.data.seed, fill=fill
    )
    results = {"invariance": spread}
    if images.pose is not None and pose is not None:
        _, before = trained.encode_unit(references)
        true, predicted = images.pose, relative_pose(pose, before)
        if config.model.pose.translation:
            results["pose_by_differences"] = measure_pose_by_differences(true, pose, before)
        if images.labels is not None:
            results["pose_within_classes"] = measure_absolute_pose(images, pose)
    if predicted is not None:
        results["pose"] = measure_pose(true, predicted, translation=config.model.pose.translation)
    return results, references, true, predicted


def measure_absolute_pose(images: ImageSet, pose: Pose) -> dict[str, float]:
    """How well theta^ follows the truth from image to image, with one upright for all images of a class.

    Unlike the relative pose it counts as errors what differs between images of a class, their noise above all.
    """
    known = images.labels >= 0
    true, predicted = np.asarray(images.pose.theta)[known], np.asarray(pose.theta)[known]
    aligned = align_within_classes(true, predicted, images.labels[known])
    return {
        "rotation_correlation": circular_correlation(true, aligned),
        "rotation_median_error_deg": median_angle_error_deg(true, aligned),
    }


def choose_split(dataset: Dataset, split: str) -> tuple[str, ImageSet]:
    """The split by name; 'auto' is the test split, or the training split where none was kept apart.

    Raises InputError for a test split that does not exist.
    """
    if split == "auto":
        split = "train" if dataset.test is None else "test"
    if split == "test" and dataset.test is None:
        raise InputError(
            "expected a test split for --split test, found none in this data set; use --split train, or train with "
            "--config.data.test_fraction=0.2"
        )
    return split, dataset.train if split == "train" else dataset.test


def choose_num_clusters(
    fitted: Points,
    config: ConfigDict,
    *,
    progress: Callable[[str, int], AbstractContextManager[Callable[[int, str], None]]],
) -> tuple[KCurves, Recommendation]:
    """The curves of k over the fitted latents, and what they recommend."""
    max_clusters = config.evaluation.max_clusters
    with progress("choosing k: tried", largest_k(len(fitted.latents), max_clusters)) as update:
        curves = measure_k(fitted.latents, max_clusters=max_clusters, seed=config.seed, update=update)
    return curves, recommend_k(curves)


def count_clusters(config: ConfigDict, dataset: Dataset, asked: str, recommended: int | None) -> int:
    """k: as recommended or asked for, else as configured, else the number of classes, else 10."""
    if recommended is not None:
        return recommended
    if asked not in ("", "auto"):
        return int(asked)
    return config.evaluation.num_clusters or len(dataset.class_names) or DEFAULT_NUM_CLUSTERS


def describe_choice(num_clusters: int, curves: tuple[KCurves, Recommendation] | None) -> dict:
    """The k that was used, and where it was to be chosen, the recommendation and its curves."""
    if curves is None:
        return {"used": num_clusters}
    measured, recommended = curves
    return {
        "used": num_clusters,
        "recommended": recommended.k,
        "reason": recommended.reason,
        "curves": {name: np.asarray(values).tolist() for name, values in vars(measured).items()},
    }


def describe_data(dataset: Dataset, split: str, images: ImageSet) -> dict:
    """What was evaluated, with a digest of the very pixels."""
    digest = hashlib.sha256()
    for chunk in in_chunks(images.images):
        digest.update(np.ascontiguousarray(chunk).data)
    return {
        "name": dataset.name,
        "description": dataset.description,
        "split": split,
        "num_images": len(images.images),
        "num_train": len(dataset.train.images),
        "image_shape": list(images.images.shape[1:]),
        "class_names": list(dataset.class_names),
        "num_labelled": 0 if images.labels is None else int((images.labels >= 0).sum()),
        "scaling": dataset.scaling._asdict(),
        "notes": list(dataset.notes),
        "skipped": list(dataset.skipped),
        "sha256": digest.hexdigest(),
    }


def measure_latents(embeddings: Embeddings) -> dict[str, float]:
    """Purity of the 20 nearest neighbours of z: how often they share the label, over at most 10,000 images."""
    if embeddings.labels is None:
        return {}
    kept = np.flatnonzero(embeddings.labels >= 0)[:MAX_PURITY_IMAGES]
    if len(kept) < 2:
        return {}
    neighbours = min(NUM_NEIGHBOURS, len(kept) - 1)
    return {"neighbour_purity": neighbour_purity(embeddings.latents[kept], embeddings.labels[kept], neighbours)}
