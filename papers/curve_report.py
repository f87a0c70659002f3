"""The page of all curves, from the points of each: a figure and a table beside the published values."""

from pathlib import Path
from urllib.parse import quote

from irl_inr_jax.config.checked_files import write_in_one_step
from irl_inr_jax.training.progress import format_seconds
from irl_inr_jax.types import InputError
from papers.curve_figure import describe_added, published_values, save_curve
from papers.curve_points import POINT_PATHS, keep_finite
from papers.curves import CURVES
from papers.runner import read_json, write_json
from papers.systems import resolve_settings

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
    """Write the points and a figure of each run, and curves.md with all tables; return the files.

    Runs are those whose points are in `output`, with those of WORKDIR/curves added or in their place.
    Raises InputError if no run has a point.
    """
    records = read_published(output) | read_runs(workdir)
    if not records:
        raise InputError(f"expected runs of python -m papers curve in {workdir / 'curves'}, found none with a point")
    written = []
    for name, record in records.items():
        points, figure = output / f"curve-{name}.json", output / f"curve-{name}.png"
        write_json(points, record)
        save_curve(figure, record)
        written += [points, figure]
    path = output / "curves.md"
    write_in_one_step(path, format_page(records))
    return [*written, path]


def read_published(output: Path) -> dict[str, dict]:
    """Return the records of the runs whose points are beside curves.md, by the name of the run."""
    return _with_points({path.stem.removeprefix("curve-"): path for path in sorted(output.glob("curve-*.json"))})


def read_runs(workdir: Path) -> dict[str, dict]:
    """Return the records of the runs of WORKDIR/curves, by the names of their folders."""
    return _with_points({path.parent.name: path for path in sorted((workdir / "curves").glob("*/points.json"))})


def _with_points(paths: dict[str, Path]) -> dict[str, dict]:
    records = {name: read_points(path) for name, path in paths.items()}
    return {name: complete_record(record, paths[name]) for name, record in records.items() if record["points"]}


def read_points(path: Path) -> dict:
    """Return the record in a file of points. Raises InputError for another file."""
    try:
        record = read_json(path)
    except ValueError:
        record = None
    if not isinstance(record, dict) or not {"curve", "scale", "points"} <= set(record):
        raise InputError(f"expected the points of a curve in {path}, found another file; move it away")
    return record


def complete_record(record: dict, path: Path) -> dict:
    """Return a record with finite values and the settings and seed of its run; without them they are the curve's own.

    Raises InputError for an unknown curve, and for a record without settings in a folder that is named after some.
    """
    if record["curve"] not in CURVES:
        found = record["curve"]
        raise InputError(f"expected a curve among {', '.join(CURVES)} in {path}, found {found!r}; move it away")
    record = record | {
        "points": [point | {"values": keep_finite(point["values"])} for point in record["points"]],
    }
    if "set" in record and "seed" in record:
        return record
    if path.parent.name != f"{record['curve']}-{record['scale']}":
        raise InputError(f"expected the settings of the run in {path}, found none; move it away or train it again")
    return record | {"set": [], "seed": resolve_settings(CURVES[record["curve"]].training, record["scale"])["seed"]}


def format_page(records: dict[str, dict]) -> str:
    """Return curves.md with a section per run, in the order of the curves."""
    order = list(CURVES)
    ordered = sorted(records.items(), key=lambda item: (order.index(item[1]["curve"]), item[0]))
    return "\n".join([INTRODUCTION, *(describe_run(name, record) for name, record in ordered)])


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
    images = f"{num_train:,} + {num_test:,} images (test sha256 {points[-1]['data_sha256'][:12]})"
    networks = ["published networks"] if record["scale"] == "paper" else []
    added = describe_added(record)
    differs = [*record["differs"], *record["settings"], *added]
    text = [
        f"## {', '.join([record['title'], *networks, *added])} (`{name}`)\n",
        f"![Scores and pose over the steps]({quote(f'curve-{name}.png')})\n",
        "\n".join(lines) + "\n",
        f"{images}; seed {record['seed']}; differences from the publication: {'; '.join(differs) or 'none'}. "
        f"[All points]({quote(f'curve-{name}.json')}).\n",
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
