"""The pictures of a data set before training: a contact sheet, and where its pixel values and orientations lie."""

from pathlib import Path

import numpy as np
from jaxtyping import Shaped

from irl_inr_jax.data.scaling import to_display, to_unit
from irl_inr_jax.evaluation.orientation import Orientation
from irl_inr_jax.report.figures import canvas
from irl_inr_jax.report.figures.classes import name_all, name_classes
from irl_inr_jax.report.figures.tiles import choose_side, tile_images
from irl_inr_jax.types import Dataset

_COLUMNS, _ROWS = 16, 10  # of images without classes
_MAX_CLASSES = 24
_WIDTH, _HEIGHT = 330, 230
_COLOUR = "#1f5f9e"


def save_contact_sheet(path: Path | str, dataset: Dataset, *, seed: int = 0) -> None:
    """Random training images as they will be learnt from, a row a class where there are any."""
    train, rng = dataset.train, np.random.default_rng(seed)
    labels, names = name_all(train.labels, dataset.class_names)
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
        f"{len(train.ids):,} training images as they will be learnt from",
        "a random choice" + (" of each class" if labels is not None else ""),
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
    """Stored pixel values, with what becomes 0 and 1; and by how much a known turn is missed."""
    scaling = dataset.scaling
    figure = canvas.make_figure(
        canvas.MARGIN + 2 * (_WIDTH + 90),
        canvas.TITLE_HEIGHT + 48 + _HEIGHT + 64,
        "Pixel values, and how well the images say how they are turned",
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
    axes.set_xlabel("value in the file; dashed: what it becomes", fontsize=canvas.TEXT_POINTS, color=canvas.INK)
    axes.set_ylabel("pixels", fontsize=canvas.TEXT_POINTS, color=canvas.INK)
    left += _WIDTH + 90
    axes = canvas.place_axes(figure, left, top + 40, _WIDTH, _HEIGHT)
    canvas.write_text(figure, left, top, "A known turn, found again under noise")
    axes.hist(orientation.errors_deg, bins=np.linspace(0, 180, 61), color=_COLOUR)
    axes.set_xlabel("error of the angle in degrees", fontsize=canvas.TEXT_POINTS, color=canvas.INK)
    axes.set_ylabel("images", fontsize=canvas.TEXT_POINTS, color=canvas.INK)
    canvas.save_png(figure, path)
