"""Figures of clusters: confusion with the true classes, and samples of their images."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from matplotlib import colormaps
from matplotlib.axes import Axes

from irl_inr_jax.data.lazy import LazyImages
from irl_inr_jax.metrics.clustering_scores import NOISE
from irl_inr_jax.report.figures import canvas
from irl_inr_jax.report.figures.classes import name_classes
from irl_inr_jax.report.figures.examples import choose_members, order_clusters
from irl_inr_jax.report.figures.tiles import choose_side, tile_images

_GRID = 8
_MAX_CLUSTERS = 30
_GRID_COLUMNS = 5
_MAX_CLASSES = 60  # rows of a matrix that is still legible


def save_confusion(
    path: Path | str,
    matrix: Int[np.ndarray, "classes columns"],
    class_names: Sequence[str],
    *,
    name: str,
    has_noise: bool = False,
) -> None:
    """Save the matrix of `metrics.clustering_scores.confusion_matrix`: counts, coloured by share of the row (Figure 5).

    Columns past the number of classes are surplus clusters; with `has_noise` the last column is noise. Counts are
    omitted if the cells are too small. Of more than `_MAX_CLASSES` classes the largest are shown with their own
    clusters, as the title then reports. name: clusterer and data, for the title.
    """
    num_classes, num_columns = matrix.shape
    accuracy = 100 * np.trace(matrix) / max(matrix.sum(), 1)
    subtitle = f"{accuracy:.1f} % on the diagonal · images: {matrix.sum():,} · colour: share of the row"
    names = name_classes(class_names, num_classes)
    heads = names + [f"extra {i + 1}" for i in range(num_columns - num_classes - has_noise)] + ["noise"] * has_noise
    if num_classes > _MAX_CLASSES:
        subtitle += f" · the {_MAX_CLASSES} largest of {num_classes:,} classes"
        largest = np.sort(np.argsort(-matrix.sum(axis=1), kind="stable")[:_MAX_CLASSES])
        matrix, names = matrix[np.ix_(largest, largest)], [names[row] for row in largest]
        heads, (num_classes, num_columns) = names, matrix.shape
    cell = int(np.clip(620 / max(num_columns, num_classes), 10, 46))
    name_widths = [canvas.measure_text(name, canvas.SMALL_POINTS) for name in heads]
    is_horizontal = max(name_widths) <= cell - 4
    left = canvas.MARGIN + 28 + max(name_widths)
    below = 56 if is_horizontal else 48 + max(name_widths)
    figure = canvas.make_figure(
        left + cell * num_columns + canvas.MARGIN,
        canvas.TITLE_HEIGHT + 8 + cell * num_classes + below,
        f"Confusion matrix of classes and matched clusters: {name}",
        subtitle,
    )
    axes = canvas.place_axes(figure, left, canvas.TITLE_HEIGHT + 8, cell * num_columns, cell * num_classes)
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap=colormaps["Blues"], vmin=0, vmax=1, interpolation="nearest", aspect="auto")
    axes.set_xticks(range(num_columns), heads, rotation=0 if is_horizontal else 90)
    axes.set_yticks(range(num_classes), names)
    axes.tick_params(length=0)
    axes.set_xlabel("class matched to the cluster", fontsize=canvas.TEXT_POINTS, color=canvas.INK)
    axes.set_ylabel("true class", fontsize=canvas.TEXT_POINTS, color=canvas.INK)
    if cell > canvas.measure_text(str(matrix.max()), canvas.SMALL_POINTS):
        _write_counts(axes, matrix, shares)
    canvas.save_png(figure, path)


def _write_counts(axes: Axes, matrix: Int[np.ndarray, "r c"], shares: Float[np.ndarray, "r c"]) -> None:
    for (row, column), count in np.ndenumerate(matrix):
        colour = canvas.FAINT_LINE if count == 0 else "white" if shares[row, column] > 0.5 else canvas.INK
        axes.text(column, row, str(count), ha="center", va="center", fontsize=canvas.SMALL_POINTS, color=colour)


def save_cluster_grids(
    path: Path | str,
    images: Float[np.ndarray, "n h w c"] | LazyImages,
    clusters: Int[np.ndarray, "n"],
    labels: Int[np.ndarray, "n"] | None,
    class_names: Sequence[str],
    *,
    confidence: Float[np.ndarray, "n"],
    is_upright: bool,
    name: str,
    cluster_names: dict[int, str],
) -> None:
    """Save up to 8 x 8 images of each cluster, largest cluster first (Figures 11 and 12).

    In a grid the images are ordered from the most to the least confident; of a larger cluster they are evenly spaced in
    that order, so that doubtful members are shown too. is_upright: the images are rotated and shifted upright, as the
    title reports. name: clusterer and data, for the title. cluster_names: of the clusters that have one.

    With labels each grid is headed by the cluster's majority class and its share. At most 30 clusters are shown, as the
    title then reports; noise follows as the last grid. Empty clusters are omitted.
    """
    num_noise = int(np.sum(clusters == NOISE))
    ids = order_clusters(clusters)
    capped = len(ids) > _MAX_CLUSTERS
    shown = [*ids[:_MAX_CLUSTERS], *([NOISE] if num_noise else [])]
    num_columns = min(_GRID_COLUMNS, len(shown))
    # Smaller cells for many clusters, which keeps the file small.
    side = choose_side(images, target=32 if len(shown) <= 12 else 20)
    grid_side = _GRID * (side + 1) - 1
    heading = 22 if labels is None else 40
    step_x, step_y = max(grid_side, 150) + 28, heading + grid_side + 20
    figure = canvas.make_figure(
        2 * canvas.MARGIN + num_columns * step_x - 28,
        canvas.TITLE_HEIGHT + math.ceil(len(shown) / num_columns) * step_y,
        (f"Images of the {_MAX_CLUSTERS} largest of {len(ids)} clusters" if capped else "Images of each cluster")
        + (f", upright: {name}" if is_upright else f", as taken: {name}"),
        f"images: {len(clusters):,} · clusters: {len(ids)} · "
        + (f"noise: {num_noise:,} · " if num_noise else "")
        + f"up to {_GRID * _GRID} per cluster, from the most to the least confident",
    )
    for i, cluster in enumerate(shown):
        members = np.flatnonzero(clusters == cluster)
        left = canvas.MARGIN + (i % num_columns) * step_x
        top = canvas.TITLE_HEIGHT + (i // num_columns) * step_y
        heading_text = "noise" if cluster == NOISE else cluster_names.get(int(cluster), f"cluster {cluster}")
        canvas.write_text(figure, left, top, f"{heading_text} · {len(members):,}")
        if labels is not None:
            majority = _describe_majority(labels[members], class_names)
            canvas.write_text(figure, left, top + 18, majority, color=canvas.FAINT_INK, fontsize=canvas.SMALL_POINTS)
        sample = choose_members(clusters, confidence, cluster, num_shown=_GRID * _GRID)
        tiled = tile_images(images[sample], num_columns=_GRID, side=side, gap=1)
        canvas.place_pixels(figure, left, top + heading, tiled)
    canvas.save_png(figure, path)


def _describe_majority(labels: Int[np.ndarray, "n"], class_names: Sequence[str]) -> str:
    counts = np.bincount(labels)
    name = name_classes(class_names, len(counts))[int(counts.argmax())]
    return f"{100 * counts.max() / len(labels):.0f} % of class {name}"
