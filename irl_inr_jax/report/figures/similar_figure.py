"""The figure of an image and those most similar to it."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from irl_inr_jax.report.figures import canvas
from irl_inr_jax.report.figures.tiles import choose_side, fit_image

_COLUMNS = 8
_GAP = 10
_CAPTION = 34


def save_similar(
    path: Path | str,
    query: Float[np.ndarray, "h w c"],
    neighbours: Float[np.ndarray, "n h w c"],
    captions: Sequence[tuple[str, str]],
    *,
    title: str,
    subtitle: str,
) -> None:
    """Save the query, framed, followed by its neighbours row by row, each with two lines below it.

    captions: of the query first. All images are for display, in [0, 1].
    """
    side = choose_side(neighbours, target=96)
    images = [query, *neighbours]
    num_columns = min(_COLUMNS, len(images))
    num_rows = math.ceil(len(images) / num_columns)
    step_x, step_y = side + _GAP, side + _CAPTION + _GAP
    figure = canvas.make_figure(
        2 * canvas.MARGIN + num_columns * step_x - _GAP, canvas.TITLE_HEIGHT + num_rows * step_y + 8, title, subtitle
    )
    for number, (image, lines) in enumerate(zip(images, captions, strict=True)):
        left = canvas.MARGIN + (number % num_columns) * step_x
        top = canvas.TITLE_HEIGHT + 4 + (number // num_columns) * step_y
        if number == 0:
            frame = np.zeros((side + 6, side + 6, 3), np.uint8)
            frame[:] = (31, 95, 158)
            canvas.place_pixels(figure, left - 3, top - 3, frame)
        canvas.place_pixels(figure, left, top, fit_image(image, side))
        for line, (text, colour) in enumerate(zip(lines, (canvas.INK, canvas.FAINT_INK), strict=True)):
            canvas.write_text(
                figure, left, top + side + 5 + 14 * line, text, fontsize=canvas.SMALL_POINTS, color=colour
            )
    canvas.save_png(figure, path)
