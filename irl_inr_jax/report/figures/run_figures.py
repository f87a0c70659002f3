"""All figures of one evaluation."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict

from irl_inr_jax.clustering.hierarchical import cut_tree
from irl_inr_jax.evaluation.comparison import BASELINE
from irl_inr_jax.evaluation.equivariance import rotated_copies
from irl_inr_jax.evaluation.pipeline import Evaluation
from irl_inr_jax.metrics.clustering_scores import NOISE, confusion_matrix
from irl_inr_jax.report.figures.choose_k_figure import save_k_curves
from irl_inr_jax.report.figures.classes import name_all
from irl_inr_jax.report.figures.cluster_figures import save_cluster_grids, save_confusion
from irl_inr_jax.report.figures.dendrogram_figure import save_dendrogram
from irl_inr_jax.report.figures.latent_map import save_latent_map
from irl_inr_jax.report.figures.projection import project_latents
from irl_inr_jax.report.figures.reconstruction_figures import save_canonical_views, save_large_rendering
from irl_inr_jax.report.figures.rotation_figure import save_rotation_scatter
from irl_inr_jax.report.figures.training_figure import save_training_figure, evenly_spaced_rows
from irl_inr_jax.training.inference import TrainedMethod
from irl_inr_jax.types import Dataset, ImageSet

NUM_TURNED, NUM_COPIES = 6, 7  # six images, each turned by steps of 2 pi / 7, as in the paper's Figures 3 and 10


def save_run_figures(
    folder: Path,
    trained: TrainedMethod,
    dataset: Dataset,
    images: ImageSet,
    evaluation: Evaluation,
    config: ConfigDict,
    *,
    say: Callable[[str], None],
) -> list[Path]:
    """Every figure that this run allows, as PNG files in `folder`; their paths."""
    say("drawing figures")
    folder.mkdir(parents=True, exist_ok=True)
    paths = []

    def path(name: str) -> Path:
        paths.append(folder / f"{name}.png")
        return paths[-1]

    labels, names = name_all(images.labels, dataset.class_names)
    if trained.method.reconstruct is not None:
        save_training_figure(path("reconstructions"), trained, images)
        _save_canonical_figures(path, trained, evaluation, config)
    if evaluation.predicted_pose is not None:
        true, predicted = evaluation.true_pose, evaluation.predicted_pose
        save_rotation_scatter(path("rotation"), np.asarray(true.theta), np.asarray(predicted.theta))
    if evaluation.curves is not None:
        save_k_curves(path("num_clusters"), *evaluation.curves)
    _save_clusterings(path, trained, dataset, images, evaluation)
    first = next((name for name in evaluation.clusterings if name != BASELINE), None)
    if first is not None:
        say("drawing the map of the latents (t-SNE)")
        points, kept = project_latents(evaluation.embeddings.latents, seed=config.seed)
        clusters = evaluation.clusterings[first].clusters[kept]
        save_latent_map(path("latents"), points, clusters, None if labels is None else labels[kept], names)
    return paths


def _save_clusterings(
    path: Callable[[str], Path], trained: TrainedMethod, dataset: Dataset, images: ImageSet, evaluation: Evaluation
) -> None:
    """For each clusterer the images of its clusters, the confusion with classes, and the tree if it has one."""
    shown, task = trained.displayed(images.images), evaluation.task
    labels, names = name_all(images.labels, dataset.class_names)
    for name, clustering in evaluation.clusterings.items():
        if name == BASELINE:
            continue
        known = np.zeros(0, bool) if images.labels is None else images.labels >= 0
        if known.any():
            matrix = confusion_matrix(images.labels[known], clustering.clusters[known], len(dataset.class_names))
            has_noise = bool((clustering.clusters[known] == NOISE).any())
            save_confusion(path(f"confusion_{name}"), matrix, dataset.class_names, has_noise=has_noise)
        save_cluster_grids(path(f"clusters_{name}"), shown, clustering.clusters, labels, names)
        if clustering.linkage is not None and len(clustering.linkage):
            rows = clustering.linkage_rows
            leaves = trained.displayed(task.fitted.images)[rows]
            clusters = cut_tree(clustering.linkage, min(task.num_clusters, len(rows)))
            save_dendrogram(path(f"dendrogram_{name}"), clustering.linkage, clusters, leaves)


def _save_canonical_figures(
    path: Callable[[str], Path], trained: TrainedMethod, evaluation: Evaluation, config: ConfigDict
) -> None:
    """Turned copies above what z alone draws of them; and one image rendered large."""
    references = evaluation.references[evenly_spaced_rows(len(evaluation.references), NUM_TURNED)]
    copies, _ = rotated_copies(
        references,
        num_rotations=NUM_COPIES,
        shift_px=config.evaluation.shift_px,
        seed=config.data.seed,
        fill=config.views.fill,
    )
    flat = copies.reshape(-1, *copies.shape[2:])
    latents, _ = trained.encode_unit(flat)
    canonical = trained.render(latents, None, side=flat.shape[1]).reshape(*copies.shape)
    save_canonical_views(path("canonical_views"), *map(trained.to_display, (copies, canonical)))
    latents, pose = trained.encode_unit(references[:1])
    large = trained.render(latents, pose, side=config.evaluation.upsample_side)
    save_large_rendering(path("large"), *map(trained.to_display, (references[0], large[0])))
