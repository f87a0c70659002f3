"""Figures whose parts are placed at pixel positions from the top left, saved as small PNG files.

Matplotlib's automatic layout would resample images; at exact pixel positions each image pixel stays a square of one
size. Figures are created without pyplot, so they need not be closed and may be used in threads.
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
from matplotlib.text import Text
from PIL import Image

from irl_inr_jax.config.checked_files import replace_file

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
    """Return a white figure of that size in pixels, widened if the title needs it.

    Title and subtitle occupy the upper `TITLE_HEIGHT` pixels; the rest is empty.
    """
    title_width = max(measure_text(title, TITLE_POINTS), measure_text(subtitle, TEXT_POINTS))
    width = max(width, title_width + 2 * MARGIN)
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor="white")
    write_text(figure, MARGIN, 16, title, fontsize=TITLE_POINTS)
    write_text(figure, MARGIN, 41, subtitle, color=FAINT_INK)
    return figure


def measure_text(text: str, points: int) -> int:
    """Return the width of a line of text in pixels."""
    drawable = make_drawable(text)
    width, _, _ = RendererAgg(1, 1, DPI).get_text_width_height_descent(drawable, FontProperties(size=points), False)
    return math.ceil(width)


def make_drawable(text: str) -> str:
    """Return the text with a replacement for bytes of file names that are no characters, which no font can draw."""
    return text.encode("utf-8", "replace").decode("utf-8")


def write_text(figure: Figure, left: int, top: int, text: str, **style: object) -> None:
    """Write text with its upper left corner, or the corner that `style` aligns, at that pixel."""
    width, height = figure.get_size_inches() * DPI
    figure.text(left / width, 1 - top / height, text, **{"va": "top", "fontsize": TEXT_POINTS, "color": INK, **style})


def place_axes(figure: Figure, left: int, top: int, width: int, height: int) -> Axes:
    """Return axes over that rectangle of pixels, in the common style: two thin spines and small tick labels."""
    figure_width, figure_height = figure.get_size_inches() * DPI
    axes = figure.add_axes(
        (left / figure_width, 1 - (top + height) / figure_height, width / figure_width, height / figure_height)
    )
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT_LINE)
    axes.tick_params(labelsize=SMALL_POINTS, color=FAINT_LINE, labelcolor=INK)
    return axes


def place_pixels(figure: Figure, left: int, top: int, pixels: UInt8[np.ndarray, "h w 3"]) -> None:
    """Show `pixels` unscaled with their upper left corner at that pixel."""
    # An image of the figure, not of axes: no axes to create, which takes 80 ms each, and no resampling.
    figure_height = figure.get_size_inches()[1] * DPI
    figure.figimage(pixels, left, figure_height - top - pixels.shape[0], origin="upper")


def save_png(figure: Figure, path: Path | str) -> None:
    """Save the figure, creating its folder if needed.

    Figures above 250 kB, as with large photographs, are reduced to a palette of fewer and fewer colours until the file
    is small enough for a report of a dozen figures to be sent by mail.
    """
    for artist in figure.findobj(Text):
        assert isinstance(artist, Text)
        artist.set_parse_math(False)  # a dollar sign in the name of a class is no formula
        artist.set_text(make_drawable(artist.get_text()))
    renderer = FigureCanvasAgg(figure)
    renderer.draw()
    image = Image.fromarray(np.asarray(renderer.buffer_rgba())[..., :3])
    encoded = _encode_png(image)
    for num_colours in (256, 64, 16):
        if len(encoded) <= _FILE_BYTES:
            break
        encoded = _encode_png(image.quantize(num_colours))
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replace_file(path) as partial:
        partial.write_bytes(encoded)


def _encode_png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
