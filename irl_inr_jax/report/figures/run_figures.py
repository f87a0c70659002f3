"""All figures of one evaluated run."""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from ml_collections import ConfigDict

from irl_inr_jax.clustering.hierarchical import cut_tree
from irl_inr_jax.evaluation.alignment import upright_images
from irl_inr_jax.evaluation.comparison import BASELINE
from irl_inr_jax.evaluation.equivariance import rotated_copies
from irl_inr_jax.evaluation.pipeline import Evaluation
from irl_inr_jax.metrics.clustering_scores import NOISE, confusion_matrix
from irl_inr_jax.report.figures.choose_k_figure import save_k_curves
from irl_inr_jax.report.figures.classes import add_unlabelled_class
from irl_inr_jax.report.figures.cluster_figures import save_cluster_grids, save_confusion
from irl_inr_jax.report.figures.dendrogram_figure import save_dendrogram
from irl_inr_jax.report.figures.examples import choose_examples
from irl_inr_jax.report.figures.latent_map import save_latent_map
from irl_inr_jax.report.figures.names import name_data
from irl_inr_jax.report.figures.projection import project_latents
from irl_inr_jax.report.figures.reconstruction_figures import save_canonical_views, save_large_rendering
from irl_inr_jax.report.figures.rotation_figure import save_rotation_scatter
from irl_inr_jax.report.figures.training_figure import NUM_SHOWN, evenly_spaced_rows, save_training_figure
from irl_inr_jax.training.inference import TrainedMethod
from irl_inr_jax.types import Dataset

logger = logging.getLogger(__name__)
NUM_ROTATED, NUM_COPIES = 6, 7  # six images, each rotated in steps of 2 pi / 7, as in the paper's Figures 3 and 10


def save_run_figures(
    folder: Path,
    trained: TrainedMethod,
    dataset: Dataset,
    evaluation: Evaluation,
    config: ConfigDict,
    *,
    cluster_names: dict[str, dict[int, str]],
) -> list[Path]:
    """Save every figure that applies to the run as a PNG file in `folder`; return their paths.

    cluster_names: by clusterer, number -> name of the clusters that have one.
    """
    logger.info("saving figures")
    folder.mkdir(parents=True, exist_ok=True)
    images, equivariance = evaluation.split.images, evaluation.equivariance
    data_name = name_data(config.data)
    paths = []

    def path(name: str) -> Path:
        paths.append(folder / f"{name}.png")
        return paths[-1]

    if trained.method.reconstruct is not None:
        rows = _choose_rows(evaluation, len(images.images), NUM_SHOWN)
        save_training_figure(path("reconstructions"), trained, images, rows, name=data_name)
        if equivariance is not None:
            references = equivariance.references
            rows = _choose_rows(evaluation, len(references), NUM_ROTATED + 1)
            _save_canonical_figures(path, trained, references[rows], config)
    if equivariance is not None and equivariance.predicted_pose is not None:
        true, predicted = (np.asarray(pose.theta) for pose in (equivariance.true_pose, equivariance.predicted_pose))
        save_rotation_scatter(path("rotation"), true, predicted, name=data_name)
    if evaluation.chosen is not None:
        save_k_curves(path("num_clusters"), *evaluation.chosen)
    _save_clusterings(path, trained, dataset, evaluation, config, cluster_names)
    first = _first_clusterer(evaluation)
    if first is not None:
        logger.info("saving the map of the latents (t-SNE)")
        labels, names = add_unlabelled_class(images.labels, dataset.class_names)
        points, kept = project_latents(evaluation.split.embeddings.latents, seed=config.seed)
        clusters = evaluation.comparison.clusterings[first].clusters[kept]
        kept_labels = None if labels is None else labels[kept]
        save_latent_map(
            path("latents"),
            points,
            clusters,
            kept_labels,
            names,
            name=f"{first} on {data_name}",
            cluster_names=cluster_names.get(first, {}),
        )
    return paths


def _first_clusterer(evaluation: Evaluation) -> str | None:
    return next((name for name in evaluation.comparison.clusterings if name != BASELINE), None)


def _choose_rows(evaluation: Evaluation, num_images: int, num_shown: int) -> Int[np.ndarray, "rows"]:
    """Return rows among the first `num_images`: one of each cluster of the first clusterer in turn, if there is one."""
    first = _first_clusterer(evaluation)
    if first is None:
        return evenly_spaced_rows(num_images, num_shown)
    clustering = evaluation.comparison.clusterings[first]
    return choose_examples(clustering.clusters[:num_images], clustering.confidence[:num_images], num_shown=num_shown)


def _save_clusterings(
    path: Callable[[str], Path],
    trained: TrainedMethod,
    dataset: Dataset,
    evaluation: Evaluation,
    config: ConfigDict,
    cluster_names: dict[str, dict[int, str]],
) -> None:
    """Save the cluster images, the confusion matrix and the dendrogram, if any, of each clusterer."""
    images, task, pose = evaluation.split.images, evaluation.task, evaluation.split.embeddings.pose
    shown = trained.displayed(images.images)
    if pose is not None:
        background = float(trained.to_display(np.full(1, config.views.fill, np.float32))[0])
        shown = upright_images(shown, pose, fill=background)
    labels, names = add_unlabelled_class(images.labels, dataset.class_names)
    for clusterer, clustering in evaluation.comparison.clusterings.items():
        if clusterer == BASELINE:
            continue
        name = f"{clusterer} on {name_data(config.data)}"
        if images.labels is not None and (images.labels >= 0).any():
            known = images.labels >= 0
            matrix = confusion_matrix(images.labels[known], clustering.clusters[known], len(dataset.class_names))
            has_noise = bool((clustering.clusters[known] == NOISE).any())
            confusion_path = path(f"confusion_{clusterer}")
            save_confusion(confusion_path, matrix, dataset.class_names, name=name, has_noise=has_noise)
        save_cluster_grids(
            path(f"clusters_{clusterer}"),
            shown,
            clustering.clusters,
            labels,
            names,
            confidence=clustering.confidence,
            is_upright=pose is not None,
            name=name,
            cluster_names=cluster_names.get(clusterer, {}),
        )
        rows = clustering.linkage_rows
        if clustering.linkage is not None and rows is not None and len(clustering.linkage):
            leaves = trained.displayed(task.fitted.images)[rows]
            clusters = cut_tree(clustering.linkage, min(task.num_clusters, len(rows)))
            save_dendrogram(path(f"dendrogram_{clusterer}"), clustering.linkage, clusters, leaves, name=name)


def _save_canonical_figures(
    path: Callable[[str], Path], trained: TrainedMethod, examples: Float[np.ndarray, "n h w c"], config: ConfigDict
) -> None:
    """Save rotated copies above their canonical views, and one more image rendered at a higher resolution."""
    shown, name = examples[:NUM_ROTATED], name_data(config.data)
    copies, _ = rotated_copies(
        shown,
        num_rotations=NUM_COPIES,
        shift_px=config.evaluation.shift_px,
        seed=config.data.seed,
        fill=config.views.fill,
    )
    flat = copies.reshape(-1, *copies.shape[2:])
    latents, _ = trained.encode_unit(flat)
    canonical = trained.render(latents, None, side=flat.shape[1]).reshape(*copies.shape)
    save_canonical_views(path("canonical_views"), *map(trained.to_display, (copies, canonical)), name=name)
    latents, pose = trained.encode_unit(examples[-1:])
    large = trained.render(latents, pose, side=config.evaluation.upsample_side)
    save_large_rendering(path("large"), *map(trained.to_display, (examples[-1], large[0])), name=name)
