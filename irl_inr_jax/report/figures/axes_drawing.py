"""Plots of a model for notebooks: each draws into matplotlib axes and returns them."""

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes

from irl_inr_jax.metrics.clustering_scores import NOISE
from irl_inr_jax.report.figures.classes import choose_colours
from irl_inr_jax.report.figures.projection import project_latents
from irl_inr_jax.report.figures.tiles import choose_side, tile_images

_CELL, _GAP = 48, 4
_INCHES_PER_PIXEL = 0.011
_MAX_LEGEND = 20
_NOISE_COLOUR = np.array([[0.8, 0.8, 0.8]])


def draw_image_rows(rows: list[Float[np.ndarray, "n s s c"]], labels: list[str], title: str, ax: Axes | None) -> Axes:
    """Draw rows of images in [0, 1], each with its label at the left."""
    filled = next(row for row in rows if len(row))
    side, num_columns = choose_side(filled, target=_CELL), max(len(row) for row in rows)
    blank = np.ones(filled.shape[1:], np.float32)
    images = [image for row in rows for image in [*row, *[blank] * (num_columns - len(row))]]
    tiled = tile_images(np.stack(images), num_columns=num_columns, side=side, gap=_GAP)
    axes = make_axes(ax, width=tiled.shape[1], height=tiled.shape[0])
    axes.imshow(tiled, interpolation="nearest")
    axes.set(xticks=[], yticks=[side / 2 + number * (side + _GAP) for number in range(len(rows))], title=title)
    axes.set_yticklabels(labels, fontsize=9)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return axes


def draw_captioned_images(
    images: Float[np.ndarray, "n s s c"], captions: list[str], title: str, ax: Axes | None, *, num_columns: int
) -> Axes:
    """Draw images in [0, 1] row by row, each with its caption below."""
    side, gap = max(choose_side(images, target=2 * _CELL), 1), 26
    num_columns = min(num_columns, len(images))
    tiled = tile_images(images, num_columns=num_columns, side=side, gap=gap)
    axes = make_axes(ax, width=tiled.shape[1], height=tiled.shape[0] + gap)
    axes.imshow(np.pad(tiled, ((0, gap), (0, 0), (0, 0)), constant_values=255), interpolation="nearest")
    for number, caption in enumerate(captions):
        left, top = (number % num_columns) * (side + gap), (number // num_columns) * (side + gap) + side
        axes.text(left, top + 4, caption, va="top", fontsize=8)
    axes.set(title=title)
    axes.set_axis_off()
    return axes


def draw_latent_map(
    latents: Float[np.ndarray, "n d"],
    clusters: Int[np.ndarray, "n"],
    names: dict[int, str],
    title: str,
    ax: Axes | None,
    *,
    seed: int,
) -> Axes:
    """Draw a t-SNE map of the latents, coloured by cluster; names: of the clusters, for the legend."""
    points, rows = project_latents(latents, seed)
    shown = clusters[rows]
    axes = make_axes(ax, width=560, height=480)
    numbers = [number for number in sorted(names) if (shown == number).any()]
    colours = dict(zip(numbers, choose_colours(len(numbers)), strict=True)) | {NOISE: _NOISE_COLOUR[0]}
    for number in numbers:
        of_cluster = points[shown == number]
        size = float(np.clip(12_000 / len(points), 5, 30))
        label = names[number] if len(numbers) <= _MAX_LEGEND else None
        axes.scatter(of_cluster[:, 0], of_cluster[:, 1], s=size, color=colours[number], linewidths=0, label=label)
    axes.set(xticks=[], yticks=[], title=title)
    if len(numbers) <= _MAX_LEGEND:
        axes.legend(fontsize=8, frameon=False, markerscale=3, loc="center left", bbox_to_anchor=(1, 0.5))
    return axes


def make_axes(ax: Axes | None, *, width: int, height: int) -> Axes:
    """Return `ax`, or the axes of a new figure for a picture of that size in pixels."""
    if ax is not None:
        return ax
    size = (max(width * _INCHES_PER_PIXEL, 3) + 1, max(height * _INCHES_PER_PIXEL, 1) + 0.6)
    return plt.subplots(figsize=size, layout="constrained")[1]
