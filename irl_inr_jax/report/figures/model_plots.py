"""Plots of a model for notebooks; each returns matplotlib axes."""

import jax
import numpy as np
from matplotlib.axes import Axes

from irl_inr_jax.deployment.applied_model import AppliedModel, require_clusterer
from irl_inr_jax.deployment.model_bundle import ModelBundle
from irl_inr_jax.evaluation.alignment import upright_images
from irl_inr_jax.metrics.clustering_scores import NOISE
from irl_inr_jax.report.figures.axes_drawing import draw_captioned_images, draw_image_rows, draw_latent_map
from irl_inr_jax.report.figures.examples import order_clusters
from irl_inr_jax.report.figures.known_images import name_cluster, show_reference, typical_images
from irl_inr_jax.types import InputError

MAX_CLUSTERS = 30
MAX_RECONSTRUCTIONS = 12
_COLUMNS = 8


def plot_clusters(bundle: ModelBundle, clusterer: str, *, num_shown: int, ax: Axes | None) -> Axes:
    """Draw a row of typical images for each cluster, largest first."""
    require_pixels(bundle)
    clusters = bundle.reference.clusters[require_clusterer(bundle, clusterer)]
    rows, labels = [], []
    for number in (order_clusters(clusters) or [NOISE])[:MAX_CLUSTERS]:
        images = typical_images(bundle, clusterer, number, num_shown=num_shown)
        if len(images):
            rows.append(images)
            labels.append(f"{name_cluster(bundle, clusterer, number)}  {100 * np.mean(clusters == number):.0f} %")
    posed = ", upright" if bundle.reference.pose is not None else ""
    return draw_image_rows(rows, labels, f"Typical images of the clusters by {clusterer}{posed}", ax)


def plot_embedding(bundle: ModelBundle, clusterer: str, *, ax: Axes | None) -> Axes:
    """Draw a map of the latents of the known images."""
    clusters = bundle.reference.clusters[require_clusterer(bundle, clusterer)]
    names = {int(number): name_cluster(bundle, clusterer, int(number)) for number in np.unique(clusters)}
    title = f"Latents z on the plane (t-SNE), clusters by {clusterer}"
    return draw_latent_map(bundle.reference.latents, clusters, names, title, ax, seed=bundle.config.seed)


def plot_reconstructions(applied: AppliedModel, *, ax: Axes | None) -> Axes:
    """Draw the first images, their reconstructions and, if they are posed, both upright."""
    trained, count = applied.bundle.trained, MAX_RECONSTRUCTIONS
    unit = np.asarray(trained.to_unit(np.asarray(applied.new.images[:count])))
    latents, pose = applied.latents[:count], jax.tree.map(lambda leaf: leaf[:count], applied.pose)
    if trained.method.reconstruct is None:
        raise InputError(f"expected a method with a decoder, found {applied.bundle.config.method}, which has none")
    side = unit.shape[1]
    rows, labels = [unit, trained.render(latents, pose, side=side)], ["image", "reconstruction"]
    if pose is not None:
        upright = upright_images(unit, pose, fill=applied.bundle.config.views.fill)
        rows += [upright[np.arange(len(unit))], trained.render(latents, None, side=side)]
        labels += ["image, upright", "canonical image"]
    shown = [np.clip(trained.to_display(row), 0, 1) for row in rows]
    return draw_image_rows(shown, labels, "Images and their reconstructions from z and pose", ax)


def plot_similar(applied: AppliedModel, clusterer: str, *, count: int, ax: Axes | None) -> Axes:
    """Draw the only new image and the known images most similar to it, with rotation and cluster."""
    bundle = applied.bundle
    found = applied.find_similar(count)
    clusters = bundle.reference.clusters[require_clusterer(bundle, clusterer)][found.rows]
    query = np.clip(bundle.trained.to_display(bundle.trained.to_unit(np.asarray(applied.new.images[:1]))), 0, 1)
    captions = ["query"] + [
        f"{np.degrees(angle):.0f}°, {name_cluster(bundle, clusterer, int(cluster))}"
        for angle, cluster in zip(found.angles, clusters, strict=True)
    ]
    images = np.concatenate([query, np.clip(found.images, 0, 1)])
    title = f"The {len(found.ids)} most similar known images, rotated like the query"
    return draw_captioned_images(images, captions, title, ax, num_columns=_COLUMNS)


def plot_outliers(bundle: ModelBundle, clusterer: str, *, count: int, ax: Axes | None) -> Axes:
    """Draw the most isolated known images, most isolated first."""
    require_pixels(bundle)
    reference = bundle.reference
    scores = reference.outliers[reference.image_rows]
    order = np.argsort(-scores, kind="stable")[:count]
    clusters = reference.clusters[require_clusterer(bundle, clusterer)][reference.image_rows]
    captions = [f"{scores[row]:.2f}, {name_cluster(bundle, clusterer, int(clusters[row]))}" for row in order]
    title = "The most isolated images, with their outlier scores"
    return draw_captioned_images(show_reference(bundle, order), captions, title, ax, num_columns=_COLUMNS)


def require_pixels(bundle: ModelBundle) -> None:
    """Raise InputError if the model has no pixels of known images."""
    if not len(bundle.reference.images):
        raise InputError("expected known images in the model, found none, since they are large; use the run itself")
