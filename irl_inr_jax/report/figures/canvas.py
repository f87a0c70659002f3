"""Figures whose parts are placed in pixels from the top left, and written as small PNG files.

Matplotlib's own layout would resample every image; at exact pixels an image's pixels stay squares of one size.
Figures are objects and never known to pyplot, so nothing has to be closed and threads do not meet.
"""

import io
import math
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from PIL import Image

DPI = 100
MARGIN = 24
TITLE_HEIGHT = 68
TITLE_POINTS = 13
TEXT_POINTS = 10
SMALL_POINTS = 9
INK = "#222222"
FAINT_INK = "#666666"
FAINT_LINE = "#cccccc"

_FILE_BYTES = 250_000


def make_figure(width: int, height: int, title: str, subtitle: str) -> Figure:
    """A white figure of that many pixels, or wider for the title: what one sees, and below it how to read it.

    Both lie within the upper `TITLE_HEIGHT` pixels; the rest is empty.
    """
    title_width = max(measure_text(title, TITLE_POINTS), measure_text(subtitle, TEXT_POINTS))
    width = max(width, title_width + 2 * MARGIN)
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    write_text(figure, MARGIN, 16, title, fontsize=TITLE_POINTS)
    write_text(figure, MARGIN, 41, subtitle, color=FAINT_INK)
    return figure


def measure_text(text: str, points: int) -> int:
    """The width of a line of text in pixels."""
    width, _, _ = RendererAgg(1, 1, DPI).get_text_width_height_descent(text, FontProperties(size=points), False)
    return math.ceil(width)


def write_text(figure: Figure, left: int, top: int, text: str, **style: object) -> None:
    """Text whose upper left corner (or that which `style` aligns) is at that pixel."""
    width, height = figure.get_size_inches() * DPI
    figure.text(left / width, 1 - top / height, text, **{"va": "top", "fontsize": TEXT_POINTS, "color": INK, **style})


def place_axes(figure: Figure, left: int, top: int, width: int, height: int) -> Axes:
    """Axes over that rectangle of pixels, in the common style: two thin spines, small figures."""
    figure_width, figure_height = figure.get_size_inches() * DPI
    axes = figure.add_axes(
        (left / figure_width, 1 - (top + height) / figure_height, width / figure_width, height / figure_height)
    )
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT_LINE)
    axes.tick_params(labelsize=SMALL_POINTS, color=FAINT_LINE, labelcolor=INK)
    return axes


def place_pixels(figure: Figure, left: int, top: int, pixels: UInt8[np.ndarray, "h w 3"]) -> None:
    """These very pixels, one to one, with the upper left corner there."""
    height, width = pixels.shape[:2]
    axes = place_axes(figure, left, top, width, height)
    axes.set_axis_off()
    axes.imshow(pixels, interpolation="nearest", aspect="auto")


def save_png(figure: Figure, path: Path | str) -> None:
    """Write the figure, making the folder if need be.

    A picture above 250 kB, such as large photographs make, gets a palette that shrinks until the file is small enough
    for a report of a dozen such files to be sent by mail.
    """
    figure.canvas.draw()
    picture = Image.fromarray(np.asarray(figure.canvas.buffer_rgba())[..., :3])
    encoded = _encode_png(picture)
    for num_colours in (256, 64, 16):
        if len(encoded) <= _FILE_BYTES:
            break
        encoded = _encode_png(picture.quantize(num_colours))
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded)


def _encode_png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
