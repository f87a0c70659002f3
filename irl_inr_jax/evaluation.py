"""One trained run → one record of numbers: clustering, pose, reconstruction, invariance."""

import hashlib
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from ml_collections import ConfigDict

from irl_inr_jax.clustering import get_clusterer
from irl_inr_jax.embed import TrainedMethod, embed_images
from irl_inr_jax.equivariance import measure_invariance, measure_pose, reference_images, relative_pose
from irl_inr_jax.metrics.clustering import neighbour_purity, score_clusters
from irl_inr_jax.metrics.recon import psnr
from irl_inr_jax.types import Dataset, Embeddings, ImageSet, InputError, Pose

NUM_NEIGHBOURS = 20
MAX_PURITY_IMAGES = 10_000


class Evaluation(NamedTuple):
    """The record that becomes results.json, and what the figures are drawn from.

    clusters: cluster numbers (n,) by clusterer. references: (n, h, w, c) the images before they were moved.
    true_pose, predicted_pose: (m,) motions applied to images and found in them; None for a method without pose.
    """

    results: dict
    embeddings: Embeddings
    clusters: dict[str, np.ndarray]
    references: Float[np.ndarray, "n h w c"]
    true_pose: Pose | None
    predicted_pose: Pose | None


def evaluate(
    trained: TrainedMethod,
    dataset: Dataset,
    config: ConfigDict,
    *,
    split: str,
    clusterers: list[str],
    say: Callable[[str], None],
) -> Evaluation:
    """Everything that is measured on one split; `say` is told what is going on, since some of it takes a while."""
    started = time.monotonic()
    split, images = choose_split(dataset, split)
    say(f"encoding {len(images.images)} images")
    embeddings = embed_images(trained, images)
    encoded = time.monotonic()
    scores, clusters = cluster_all(
        images,
        embeddings,
        clusterers=clusterers,
        num_clusters=count_clusters(config, dataset),
        seed=config.seed,
        say=say,
    )
    say("turning and shifting images to see whether latents stay and poses follow")
    fill, shift_px = config.views.fill, config.evaluation.shift_px
    references = reference_images(trained, images, fill=fill)
    spread, true, predicted = measure_invariance(
        trained, references, shift_px=shift_px, seed=config.data.seed, fill=fill
    )
    if images.pose is not None and embeddings.pose is not None:
        _, before = trained.encode_unit(references)
        true, predicted = images.pose, relative_pose(embeddings.pose, before)
    results = {
        "data": describe_data(dataset, split, images),
        "clustering": scores,
        "latents": measure_latents(embeddings),
        "invariance": spread,
    }
    if predicted is not None:
        results["pose"] = measure_pose(true, predicted, translation=config.model.pose.translation)
    if trained.method.reconstruct is not None:
        say("reconstructing")
        errors = trained.recon_errors(images.images, embeddings.latents, embeddings.pose)
        results["reconstruction"] = {"mse": float(errors.mean()), "psnr": psnr(errors)}
    results["seconds"] = {"encode": encoded - started, "total": time.monotonic() - started}
    return Evaluation(results, embeddings, clusters, references, true, predicted)


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


def count_clusters(config: ConfigDict, dataset: Dataset) -> int:
    """k: as configured, else the number of classes, else 10."""
    return config.evaluation.num_clusters or len(dataset.class_names) or 10


def describe_data(dataset: Dataset, split: str, images: ImageSet) -> dict:
    """What was evaluated, with a digest of the very pixels."""
    return {
        "name": dataset.name,
        "description": dataset.description,
        "split": split,
        "num_images": len(images.images),
        "num_train": len(dataset.train.images),
        "image_shape": list(images.images.shape[1:]),
        "class_names": list(dataset.class_names),
        "sha256": hashlib.sha256(np.ascontiguousarray(images.images).data).hexdigest(),
    }


def cluster_all(
    images: ImageSet,
    embeddings: Embeddings,
    *,
    clusterers: list[str],
    num_clusters: int,
    seed: int,
    say: Callable[[str], None],
) -> tuple[dict[str, dict], dict[str, np.ndarray]]:
    """Scores and cluster numbers by clusterer, the baseline `pixels_kmeans` first.

    A clusterer that declines these latents gets an entry that says why and no cluster numbers; without labels an entry
    has only the number of clusters and the seconds.
    """
    pixels = images.images.reshape(len(images.images), -1).astype(np.float32)
    inputs = {"pixels_kmeans": ("kmeans", pixels)} | {name: (name, embeddings.latents) for name in clusterers}
    scores, assignments = {}, {}
    for name, (clusterer, points) in inputs.items():
        say(f"clustering {len(points)} images: {name}")
        started = time.monotonic()
        try:
            clusters = get_clusterer(clusterer)(points, num_clusters=num_clusters, seed=seed)
        except InputError as error:
            scores[name] = {"skipped": str(error)}
            continue
        scores[name] = {"num_clusters": len(np.unique(clusters))}
        if images.labels is not None:
            scores[name] |= score_clusters(images.labels, clusters)
        scores[name]["seconds"] = time.monotonic() - started
        assignments[name] = clusters
    return scores, assignments


def measure_latents(embeddings: Embeddings) -> dict[str, float]:
    """Purity of the 20 nearest neighbours of z: how often they share the label, over at most 10,000 images."""
    if embeddings.labels is None:
        return {}
    kept = slice(MAX_PURITY_IMAGES)
    neighbours = min(NUM_NEIGHBOURS, len(embeddings.labels[kept]) - 1)
    return {"neighbour_purity": neighbour_purity(embeddings.latents[kept], embeddings.labels[kept], neighbours)}
