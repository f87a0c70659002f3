"""The figure of a curve: scores and pose over the steps of training, beside the published values."""

import math
from collections.abc import Collection
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from irl_inr_jax.report.figures import canvas
from papers.curve_points import POINT_PATHS
from papers.curves import CURVES, Curve

STEP_MARGIN = 1.6  # factor beyond the first and last point; even a range around a single point contains a tick
_WIDTH, _HEIGHT, _STEP = 300, 230, 376
COLOURS = ("#1f5f9e", "#c1571a", "#3b7d3b", "#7a4b94")
# Panels of a figure: title, range of the axis, which is widened to contain all values, factor of the values, and the
# numbers of a point that it shows.
PANELS = (
    ("Accuracy, %", (0, 100), 100, {"kmeans": "k-means on z", "agglomerative": "Ward on z"}),
    (
        "Correlation of the pose",
        (0, 1.03),
        1,
        {"rotation": "rotation, as published", "rotation_fisher_lee": "rotation, Fisher-Lee", "translation": "shift"},
    ),
    ("Median error of the angle, °", (0, 90), 1, {"rotation_error_deg": "rotation"}),
)


def published_values(curve: Curve, name: str, measured: Collection[str]) -> list[float]:
    """Return the published values of a number of a point, as fractions; several for x and y, none if there are none.

    measured: the numbers of the points. The published correlation of angles, which is by differences, is compared with
    Fisher and Lee's where only that is measured, on images without known translations.
    """
    if name == "rotation_fisher_lee" and "rotation" not in measured:
        name = "rotation"
    cells = [cell for cell in curve.published if cell.measure.path == POINT_PATHS[name]]
    return [
        float(value.partition("±")[0]) / (100 if cell.measure.percent else 1)
        for cell in cells
        for value in cell.published.split(",")
    ]


def save_curve(path: Path, record: dict) -> None:
    """Save the panels of one run that have values, on logarithmic axes of steps."""
    names = {name for point in record["points"] for name in point["values"]}
    panels = [panel for panel in PANELS if names & set(panel[3])]
    run = [f"scale {record['scale']}, {record['points'][-1]['step']:,} steps", f"seed {record['seed']}"]
    subtitle = " · ".join([*run, *describe_added(record), "dashed: published"])
    figure = canvas.make_figure(
        canvas.MARGIN + len(panels) * _STEP, canvas.TITLE_HEIGHT + 34 + _HEIGHT + 64, record["title"], subtitle
    )
    for number, (title, limits, factor, shown) in enumerate(panels):
        left, top = canvas.MARGIN + 38 + number * _STEP, canvas.TITLE_HEIGHT + 8
        canvas.write_text(figure, left, top, title)
        axes = canvas.place_axes(figure, left, top + 26, _WIDTH, _HEIGHT)
        drawn: list[float] = []
        for colour, (name, label) in zip(COLOURS, shown.items(), strict=False):
            if name in names:
                published = published_values(CURVES[record["curve"]], name, names)
                drawn += _draw_values(axes, record["points"], name, factor, label, colour, published)
        set_step_axis(axes, *(record["points"][end]["step"] for end in (0, -1)))
        axes.set_ylim(*widen_limits(limits, drawn))
        axes.legend(fontsize=canvas.SMALL_POINTS, frameon=False)
    canvas.save_png(figure, path)


def _draw_values(
    axes: Axes, points: list[dict], name: str, factor: float, label: str, colour: str, published: list[float]
) -> list[float]:
    """Draw one number of the points and its published values; return all values drawn."""
    having = [point for point in points if name in point["values"]]
    values = [factor * mean_of(point["values"][name]) for point in having]
    axes.plot([point["step"] for point in having], values, color=colour, marker="o", markersize=3, label=label)
    for value in published:
        axes.axhline(factor * value, color=colour, linewidth=1, linestyle=(0, (4, 3)))
    return [*values, *(factor * value for value in published)]


def set_step_axis(axes: Axes, first: int, last: int) -> None:
    """Make the axis of steps logarithmic, from a little before the first point to a little after the last."""
    low, high = first / STEP_MARGIN, last * STEP_MARGIN
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.xaxis.set_major_locator(FixedLocator(list_ticks(low, high)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda step, _: format_steps(step)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("steps", fontsize=canvas.TEXT_POINTS, color=canvas.INK)


def list_ticks(low: float, high: float) -> list[float]:
    """Return 1, 2 and 5 times the powers of ten between two limits; only the powers over more than three decades."""
    factors = (1, 2, 5) if high <= 1000 * low else (1,)
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [float(f"{factor}e{exponent}") for exponent in exponents for factor in factors]
    return [tick for tick in ticks if low <= tick <= high]


def format_steps(step: float) -> str:
    """Return a number of steps for an axis, such as 500, 20k or 1M."""
    for size, unit in ((1_000_000, "M"), (1000, "k")):
        if step >= size:
            return f"{step / size:g}{unit}"
    return f"{step:g}"


def widen_limits(limits: tuple[float, float], values: Collection[float]) -> tuple[float, float]:
    """Return limits that contain the values, with 3 % of the range beyond values that are outside."""
    margin = 0.03 * (limits[1] - limits[0])
    low, high = min(values), max(values)
    return low - margin if low < limits[0] else limits[0], high + margin if high > limits[1] else limits[1]


def describe_added(record: dict) -> list[str]:
    """Return the settings of --set of a run, such as 'loss.symmetry=1.0'."""
    return [f"{key}={value}" for key, value in record["set"]]


def mean_of(value: float | list[float]) -> float:
    """Return the mean of the values of x and y, or the value itself."""
    return sum(value) / len(value) if isinstance(value, list) else value
