"""Figures of the INR's output: reconstructions, canonical views and renderings at a higher resolution."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from irl_inr_jax.report.figures import canvas
from irl_inr_jax.report.figures.tiles import choose_side, fit_image, tile_images

_GAP = 4
_LABEL_WIDTH = 122
_MAX_COLUMNS = 12


def save_reconstructions(
    path: Path | str,
    images: Float[np.ndarray, "n h w c"],
    recons: Float[np.ndarray, "n H W c"],
    canonical: Float[np.ndarray, "n H2 W2 c"] | None,
    *,
    name: str,
) -> None:
    """Save inputs, their reconstructions and their canonical views in rows (Figures 7 and 8), twelve images per line.

    `canonical` is None for a method without pose. Resolutions may differ. name: of the data, for the title.
    """
    rows = {"input": images, "reconstruction": recons}
    if canonical is not None:
        rows["canonical view"] = canonical
    subtitle = "reconstruction: from z and the pose"
    if canonical is not None:
        subtitle += " · canonical view: from z without the pose"
    save_image_rows(path, rows, f"Images and their reconstructions: {name}", subtitle)


def save_image_rows(
    path: Path | str,
    rows: dict[str, Float[np.ndarray, "n _ _ c"]],
    title: str,
    subtitle: str,
    *,
    headings: Sequence[str] = (),
) -> None:
    """Save n images in several versions, one labelled row per version, twelve images per line.

    headings: the text above each image; () for none.
    """
    first = next(iter(rows.values()))
    num_columns = min(len(first), _MAX_COLUMNS)
    side = choose_side(first, target=84)
    heading_height = 18 if len(headings) else 0
    block_height = heading_height + len(rows) * (side + _GAP) + 5 * _GAP
    num_blocks = math.ceil(len(first) / num_columns)
    figure = canvas.make_figure(
        2 * canvas.MARGIN + _LABEL_WIDTH + num_columns * (side + _GAP),
        canvas.TITLE_HEIGHT + num_blocks * block_height,
        title,
        subtitle,
    )
    for block in range(num_blocks):
        shown = slice(block * num_columns, (block + 1) * num_columns)
        for column, heading in enumerate(headings[shown]):
            left = canvas.MARGIN + _LABEL_WIDTH + column * (side + _GAP)
            top = canvas.TITLE_HEIGHT + block * block_height
            canvas.write_text(figure, left, top, heading, fontsize=canvas.SMALL_POINTS, color=canvas.FAINT_INK)
        for row, (label, row_images) in enumerate(rows.items()):
            top = canvas.TITLE_HEIGHT + block * block_height + heading_height + row * (side + _GAP)
            canvas.write_text(figure, canvas.MARGIN, top + side // 2, label, va="center", color=canvas.FAINT_INK)
            tiled = tile_images(row_images[shown], num_columns=num_columns, side=side, gap=_GAP)
            canvas.place_pixels(figure, canvas.MARGIN + _LABEL_WIDTH, top, tiled)
    canvas.save_png(figure, path)


def save_canonical_views(
    path: Path | str, rotated: Float[np.ndarray, "m k h w c"], canonical: Float[np.ndarray, "m k H W c"], *, name: str
) -> None:
    """Save k rotated copies of each of m images above the INR's output for their z (Figures 3, 9 and 10).

    The images of a panel's lower row are equal if z is invariant to rotation. Panels are in two columns. name: of the
    data, for the title.
    """
    num_panels, num_copies = rotated.shape[:2]
    num_columns = min(2, num_panels)
    side = choose_side(rotated[:, 0], target=60)
    strip_width = num_copies * (side + 2) - 2
    panel_width, panel_height = strip_width + 72, 2 * side + 26
    num_rows = math.ceil(num_panels / num_columns)
    figure = canvas.make_figure(
        num_columns * panel_width + canvas.MARGIN,
        canvas.TITLE_HEIGHT + num_rows * panel_height,
        f"Canonical views, the part of an image that z encodes: {name}",
        f"above: one image in {num_copies} poses · below: INR output for the z of each, without its pose",
    )
    for panel in range(num_panels):
        left = canvas.MARGIN + (panel % num_columns) * panel_width
        top = canvas.TITLE_HEIGHT + (panel // num_columns) * panel_height
        canvas.write_text(figure, left, top + side, _panel_letter(panel), va="center", color=canvas.FAINT_INK)
        for row, copies in enumerate((rotated[panel], canonical[panel])):
            tiled = tile_images(copies, num_columns=num_copies, side=side, gap=2)
            canvas.place_pixels(figure, left + 32, top + row * (side + 4), tiled)
    canvas.save_png(figure, path)


def save_large_rendering(
    path: Path | str, image: Float[np.ndarray, "h w c"], rendering: Float[np.ndarray, "H W c"], *, name: str
) -> None:
    """Save the input at its resolution next to the INR evaluated on a finer grid, both 512 pixels wide.

    name: of the data, for the title.
    """
    side = 512
    panels = {"input": image, "INR": rendering}
    figure = canvas.make_figure(
        2 * (side + canvas.MARGIN) + canvas.MARGIN,
        canvas.TITLE_HEIGHT + side + 56,
        f"An image and its INR on a finer grid: {name}",
        "the INR is a function of (x, y) and can be evaluated at any resolution",
    )
    for i, (label, pixels) in enumerate(panels.items()):
        left = canvas.MARGIN + i * (side + canvas.MARGIN)
        canvas.place_pixels(figure, left, canvas.TITLE_HEIGHT, fit_image(pixels, side))
        height, width = pixels.shape[:2]
        canvas.write_text(figure, left, canvas.TITLE_HEIGHT + side + 12, f"{label}, {width} × {height} pixels")
    canvas.save_png(figure, path)


def _panel_letter(index: int) -> str:
    return f"({chr(ord('a') + index)})" if index < 26 else f"({index + 1})"
