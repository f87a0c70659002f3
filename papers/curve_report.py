"""Figures and tables of curves: scores and pose over the steps of training, beside the published values."""

from collections.abc import Collection
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter

from irl_inr_jax.report.figures import canvas
from irl_inr_jax.training.progress import format_seconds
from irl_inr_jax.types import InputError
from papers.curve_run import POINT_PATHS
from papers.curves import CURVES, Curve
from papers.runner import read_json

_WIDTH, _HEIGHT, _STEP = 300, 230, 376
COLOURS = ("#1f5f9e", "#c1571a", "#3b7d3b", "#7a4b94")
# Panels of a figure: title, range of the axis, factor of the values, and the numbers of a point that it shows.
PANELS = (
    ("Accuracy, %", (0, 100), 100, {"kmeans": "k-means on z", "agglomerative": "Ward on z"}),
    (
        "Correlation of the pose",
        (-0.1, 1.02),
        1,
        {"rotation": "rotation, as published", "rotation_fisher_lee": "rotation, Fisher-Lee", "translation": "shift"},
    ),
    ("Median error of the angle, °", (0, 95), 1, {"rotation_error_deg": "rotation"}),
)
PERCENT = ("kmeans", "agglomerative", "neighbour_purity")
HEADINGS = {
    "kmeans": "k-means, %",
    "agglomerative": "Ward, %",
    "neighbour_purity": "neighbours of the same class, %",
    "rotation": "rotation",
    "rotation_fisher_lee": "rotation, Fisher-Lee",
    "rotation_error_deg": "median angle error, °",
    "translation": "shift",
    "mse": "squared error",
}
INTRODUCTION = """# Scores over the steps of training

Published methods with narrow networks and everything else as published, unless a run says otherwise, evaluated on test
images while they are trained. Clusters are of the test images alone. `rotation` is Jammalamadaka's correlation, as in
the paper; it needs mean directions, which uniform angles do not have, and Fisher and Lee's is the reliable one. Where
only that is measured, the published value of the other is beside it.
`python -m papers curve NAME --root DIR` continues a run, `python -m papers curves` writes this page.
"""


def write_curves(workdir: Path, output: Path) -> list[Path]:
    """Write one figure per run of WORKDIR/curves and curves.md with all tables; return the files.

    Raises InputError if no run has a point.
    """
    records = {path.parent.name: read_json(path) for path in sorted((workdir / "curves").glob("*/points.json"))}
    records = {name: record for name, record in records.items() if record and record["points"]}
    if not records:
        raise InputError(f"expected runs of python -m papers curve in {workdir / 'curves'}, found none with a point")
    written, sections = [], [INTRODUCTION]
    order = list(CURVES)
    for name, record in sorted(records.items(), key=lambda item: (order.index(item[1]["curve"]), item[0])):
        figure = output / f"curve-{name}.png"
        save_curve(figure, record)
        written.append(figure)
        sections.append(describe_run(name, record))
    path = output / "curves.md"
    path.write_text("\n".join(sections))
    return [*written, path]


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
    subtitle = f"scale {record['scale']}, {record['points'][-1]['step']:,} steps · dashed: published"
    figure = canvas.make_figure(
        canvas.MARGIN + len(panels) * _STEP, canvas.TITLE_HEIGHT + 34 + _HEIGHT + 64, record["title"], subtitle
    )
    for number, (title, limits, factor, shown) in enumerate(panels):
        left, top = canvas.MARGIN + 38 + number * _STEP, canvas.TITLE_HEIGHT + 8
        canvas.write_text(figure, left, top, title)
        axes = canvas.place_axes(figure, left, top + 26, _WIDTH, _HEIGHT)
        for colour, (name, label) in zip(COLOURS, shown.items(), strict=False):
            if name in names:
                published = published_values(CURVES[record["curve"]], name, names)
                _draw_values(axes, record["points"], name, factor, label, colour, published)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda step, _: f"{step:,.0f}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        first, last = (record["points"][end]["step"] for end in (0, -1))
        axes.set_xlim(first / 1.5, last * 1.5)
        axes.set_ylim(*limits)
        axes.set_xlabel("steps", fontsize=canvas.TEXT_POINTS, color=canvas.INK)
        axes.legend(fontsize=canvas.SMALL_POINTS, frameon=False)
    canvas.save_png(figure, path)


def _draw_values(
    axes: Axes, points: list[dict], name: str, factor: float, label: str, colour: str, published: list[float]
) -> None:
    having = [point for point in points if name in point["values"]]
    values = [factor * mean_of(point["values"][name]) for point in having]
    axes.plot([point["step"] for point in having], values, color=colour, marker="o", markersize=3, label=label)
    for value in published:
        axes.axhline(factor * value, color=colour, linewidth=1, linestyle=(0, (4, 3)))


def mean_of(value: float | list[float]) -> float:
    """Return the mean of the values of x and y, or the value itself."""
    return sum(value) / len(value) if isinstance(value, list) else value


def describe_run(name: str, record: dict) -> str:
    """Return the section of curves.md of one run: figure, table of three points and published values, and the run."""
    points = record["points"]
    shown = [points[0], points[len(points) // 2], points[-1]] if len(points) > 2 else points
    curve = CURVES[record["curve"]]
    names = [key for key in POINT_PATHS if any(key in point["values"] for point in points)]
    lines = [
        _line(["steps", "epochs", "training", *(HEADINGS[key] for key in names)]),
        _line(["---"] * (3 + len(names))),
    ]
    for point in shown:
        values = [format_value(key, point["values"].get(key)) for key in names]
        lines.append(_line([f"{point['step']:,}", f"{point['epoch']:.4g}", format_seconds(point["seconds"]), *values]))
    published = [published_values(curve, key, names) for key in names]
    lines.append(_line(["published", "", "", *map(format_value, names, [value or None for value in published])]))
    num_train, num_test = points[-1]["images"]
    facts = [f"{num_train:,} + {num_test:,} images (test sha256 {points[-1]['data_sha256'][:12]})", "seed 0"]
    differs = [*record["differs"], *record["settings"]]
    text = [
        f"## {record['title']} (`{name}`)\n",
        f"![Scores and pose over the steps](curve-{name}.png)\n",
        "\n".join(lines) + "\n",
        f"{'; '.join(facts)}; differences from the publication: {'; '.join(differs) or 'none'}.\n",
    ]
    if record["final"] is not None and curve.final is not None:
        final = record["final"]
        settings = "".join(f", {key}={value}" for key, value in final["settings"])
        text.append(
            f"{final['row']} after {final['step']:,} steps{settings}: {100 * final['value']:.1f} %, "
            f"published {curve.final.published or 'nothing'}.\n"
        )
    return "\n".join(text)


def format_value(name: str, value: float | list[float] | None) -> str:
    """Return a number of a point as it is shown in a table; empty without one."""
    if value is None:
        return ""
    factor, digits = (100, 1) if name in PERCENT else (1, 1 if name == "rotation_error_deg" else 3)
    digits = 4 if name == "mse" else digits
    return ", ".join(f"{factor * number:.{digits}f}" for number in (value if isinstance(value, list) else [value]))


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
