"""Evaluate one trained run: embed, cluster, score, report."""

import logging
import time
from pathlib import Path
from typing import NamedTuple

import jax
from ml_collections import ConfigDict

from irl_inr_jax.clustering import ClusterTask, Points
from irl_inr_jax.clustering.choose_k import ChosenK, choose_k
from irl_inr_jax.devices.compute import choose_speed
from irl_inr_jax.evaluation.comparison import Comparison, Truth, compare_clusterers
from irl_inr_jax.evaluation.embeddings import embed_images
from irl_inr_jax.evaluation.equivariance import Equivariance, measure_equivariance
from irl_inr_jax.evaluation.record import (
    NumClusters,
    describe_data,
    describe_num_clusters,
    measure_latents,
    measure_reconstruction,
)
from irl_inr_jax.training.inference import TrainedMethod
from irl_inr_jax.types import Dataset, Embeddings, ImageSet, InputError

DEFAULT_NUM_CLUSTERS = 10
logger = logging.getLogger(__name__)


class EvaluationOptions(NamedTuple):
    """Options of one evaluation.

    split: images to score, 'auto', 'train' or 'test'. transductive: fit clusterers to the test images instead of the
    training images. num_clusters: a number, 'auto' to choose it from the latents, or '' for the configured one.
    num_seeds: runs of each random clusterer. folder: where clusterings are stored between evaluations, or None.
    scores_only: skip pose, invariance and reconstruction.
    """

    split: str
    transductive: bool
    clusterers: list[str]
    num_clusters: str
    num_seeds: int
    folder: Path | None
    scores_only: bool


class EmbeddedSplit(NamedTuple):
    """One split, 'train' or 'test', with its embeddings and the seconds it took to compute them."""

    name: str
    images: ImageSet
    embeddings: Embeddings
    seconds: float


class Evaluation(NamedTuple):
    """Results of an evaluation, and the intermediate values that figures need.

    results: the content of results.json. split: the scored images. task: the input of the clusterers.
    chosen: curves and recommendation of k where it was to be chosen. equivariance: None if only scores were requested.
    """

    results: dict
    split: EmbeddedSplit
    task: ClusterTask
    comparison: Comparison
    chosen: ChosenK | None
    equivariance: Equivariance | None


def evaluate(trained: TrainedMethod, dataset: Dataset, config: ConfigDict, options: EvaluationOptions) -> Evaluation:
    """Embed the images of one split, cluster them, score the clusters, and measure pose and reconstruction.

    Raises InputError for a split that does not exist, and for latents from which no k can be chosen.
    """
    started = time.monotonic()
    split = embed_split(trained, *choose_split(dataset, options.split))
    fitted = split
    if split.name == "test" and not options.transductive:
        fitted = embed_split(trained, "train", dataset.train)

    chosen = choose_num_clusters(fitted, config) if options.num_clusters == "auto" else None
    num_clusters = count_clusters(config, dataset, options.num_clusters, chosen)
    task = make_task(trained, config, fitted, split, num_clusters=num_clusters.used)
    truth = Truth(fitted.images.labels, split.images.labels, dataset.class_names)
    comparison = compare_clusterers(task, truth, options.clusterers, num_seeds=options.num_seeds, folder=options.folder)

    results = {
        "data": describe_data(dataset, split.name, split.images),
        "clustering": comparison.scores,
        "num_clusters": describe_num_clusters(num_clusters, chosen),
        "latents": measure_latents(split.embeddings),
        "device": jax.devices()[0].device_kind,
    }
    equivariance = None
    if not options.scores_only:
        logger.info("measuring pose equivariance and latent invariance")
        equivariance = measure_equivariance(trained, split.images, split.embeddings, config)
        results |= equivariance.scores
        if trained.method.reconstruct is not None:
            logger.info("reconstructing")
            results["reconstruction"] = measure_reconstruction(trained, split.images, split.embeddings)
    results["seconds"] = {"encode": split.seconds, "total": time.monotonic() - started}
    return Evaluation(results, split, task, comparison, chosen, equivariance)


def choose_split(dataset: Dataset, split: str) -> tuple[str, ImageSet]:
    """Return name and images of a split; 'auto' is the test split, or the training split if none is held out.

    Raises InputError for a test split that does not exist.
    """
    if split == "auto":
        split = "train" if dataset.test is None else "test"
    if split == "train":
        return split, dataset.train
    if dataset.test is None:
        raise InputError(
            "expected a test split for --split test, found none in this data set; use --split train, or train with "
            "--config.data.test_fraction=0.2"
        )
    return split, dataset.test


def embed_split(trained: TrainedMethod, name: str, images: ImageSet) -> EmbeddedSplit:
    """Encode the images of a split."""
    logger.info("encoding %d images of the %s split", len(images.images), name)
    started = time.monotonic()
    embeddings = embed_images(trained, images)
    return EmbeddedSplit(name, images, embeddings, time.monotonic() - started)


def choose_num_clusters(fitted: EmbeddedSplit, config: ConfigDict) -> ChosenK:
    """Choose k from the fitted latents and log the reason."""
    chosen = choose_k(fitted.embeddings.latents, max_clusters=config.evaluation.max_clusters, seed=config.seed)
    logger.info(chosen.recommendation.reason)
    return chosen


def count_clusters(config: ConfigDict, dataset: Dataset, requested: str, chosen: ChosenK | None) -> NumClusters:
    """Return the chosen k, else the requested one, else the configured one, else the number of classes, else 10."""
    if chosen is not None and chosen.recommendation.k is not None:
        return NumClusters(chosen.recommendation.k, "chosen")
    if requested not in ("", "auto"):
        return NumClusters(int(requested), "requested")
    if config.evaluation.num_clusters:
        return NumClusters(config.evaluation.num_clusters, "configured")
    if dataset.class_names:
        return NumClusters(len(dataset.class_names), "classes")
    return NumClusters(DEFAULT_NUM_CLUSTERS, "guess")


def make_task(
    trained: TrainedMethod, config: ConfigDict, fitted: EmbeddedSplit, assigned: EmbeddedSplit, *, num_clusters: int
) -> ClusterTask:
    """Make the input of the clusterers: fit to one split, assign another or the same."""
    points = Points(assigned.embeddings.latents, assigned.images.images)
    same = fitted is assigned
    return ClusterTask(
        fitted=points if same else Points(fitted.embeddings.latents, fitted.images.images),
        assigned=points,
        num_clusters=num_clusters,
        seed=config.seed,
        trained=trained,
        settings=config.clustering,
        augment=config.augment,
        orbits=config.orbits,
        wafers=config.wafers,
        fill=config.views.fill,
        steps_per_call=choose_speed(config).steps_per_call,
    )
