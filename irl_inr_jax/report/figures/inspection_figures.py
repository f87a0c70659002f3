"""Figures of a data set before training: a contact sheet, and histograms of pixel values and orientation errors."""

from pathlib import Path

import numpy as np
from jaxtyping import Shaped

from irl_inr_jax.data.scaling import to_display, to_unit
from irl_inr_jax.evaluation.orientation import Orientation
from irl_inr_jax.report.figures import canvas
from irl_inr_jax.report.figures.classes import add_unlabelled_class, name_classes
from irl_inr_jax.report.figures.tiles import choose_side, tile_images
from irl_inr_jax.types import Dataset

_COLUMNS, _ROWS = 16, 10  # rows if there are no classes
_MAX_CLASSES = 24
_WIDTH, _HEIGHT = 330, 230
_COLOUR = "#1f5f9e"


def save_contact_sheet(path: Path | str, dataset: Dataset, *, seed: int = 0) -> None:
    """Save random training images after preprocessing, one row per class if there are labels."""
    train, rng = dataset.train, np.random.default_rng(seed)
    labels, names = add_unlabelled_class(train.labels, dataset.class_names)
    order = rng.permutation(len(train.ids))
    if labels is None:
        rows = [("", order[: _COLUMNS * _ROWS])]
    else:
        counts = np.bincount(labels, minlength=len(names))
        short = name_classes(names, len(names))
        shown = np.argsort(-counts, kind="stable")[:_MAX_CLASSES]
        rows = [(f"{short[i]} · {counts[i]:,}", order[labels[order] == i][:_COLUMNS]) for i in shown if counts[i]]
    side = choose_side(train.images, target=44)
    step = side + 1
    left = canvas.MARGIN + max(canvas.measure_text(name, canvas.SMALL_POINTS) for name, _ in rows) + 10
    heights = [-(-len(members) // _COLUMNS) * step + 5 for _, members in rows]
    figure = canvas.make_figure(
        left + _COLUMNS * step + canvas.MARGIN,
        canvas.TITLE_HEIGHT + sum(heights) + canvas.MARGIN,
        f"{len(train.ids):,} training images after preprocessing",
        "random sample" + (" of each class" if labels is not None else ""),
    )
    top = canvas.TITLE_HEIGHT
    for (name, members), height in zip(rows, heights, strict=True):
        images = to_display(dataset.scaling, to_unit(dataset.scaling, train.images[np.sort(members)]))
        canvas.write_text(figure, canvas.MARGIN, top + side // 2, name, va="center", fontsize=canvas.SMALL_POINTS)
        canvas.place_pixels(figure, left, top, tile_images(images, num_columns=_COLUMNS, side=side, gap=1))
        top += height
    canvas.save_png(figure, path)


def save_histograms(
    path: Path | str, dataset: Dataset, pixels: Shaped[np.ndarray, "n h w c"], orientation: Orientation
) -> None:
    """Save histograms of stored pixel values, with those that map to 0 and 1, and of errors of estimated rotations."""
    scaling = dataset.scaling
    figure = canvas.make_figure(
        canvas.MARGIN + 2 * (_WIDTH + 90),
        canvas.TITLE_HEIGHT + 48 + _HEIGHT + 64,
        "Pixel values, and how well the orientation is defined",
        f"{len(pixels):,} training images · {scaling.description}",
    )
    left, top = canvas.MARGIN + 60, canvas.TITLE_HEIGHT + 8
    axes = canvas.place_axes(figure, left, top + 40, _WIDTH, _HEIGHT)
    canvas.write_text(figure, left, top, "Stored values")
    axes.hist(pixels.astype(np.float64).ravel(), bins=64, color=_COLOUR, log=True)
    for unit in sorted({scaling.low, 0.0, 1.0}):
        value = (unit - scaling.offset) / scaling.scale
        axes.axvline(value, color=canvas.FAINT_INK, linewidth=1, linestyle=(0, (4, 3)))
        axes.annotate(
            f"{unit:g}",
            (value, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 2),
            textcoords="offset pixels",
            ha="center",
            va="bottom",
            fontsize=canvas.SMALL_POINTS,
            color=canvas.FAINT_INK,
        )
    axes.set_xlabel("stored value; dashed: value after scaling", fontsize=canvas.TEXT_POINTS, color=canvas.INK)
    axes.set_ylabel("pixels", fontsize=canvas.TEXT_POINTS, color=canvas.INK)
    left += _WIDTH + 90
    axes = canvas.place_axes(figure, left, top + 40, _WIDTH, _HEIGHT)
    canvas.write_text(figure, left, top, "Estimate of a known rotation under noise")
    axes.hist(orientation.errors_deg, bins=np.linspace(0, 180, 61).tolist(), color=_COLOUR)
    axes.set_xlabel("angle error (degrees)", fontsize=canvas.TEXT_POINTS, color=canvas.INK)
    axes.set_ylabel("images", fontsize=canvas.TEXT_POINTS, color=canvas.INK)
    canvas.save_png(figure, path)
