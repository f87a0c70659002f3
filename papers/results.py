"""Tables as JSON and Markdown from the records in the runs' folders, and the pages that show all of them."""

import statistics
from functools import reduce
from pathlib import Path

from irl_inr_jax.training.progress import format_seconds
from irl_inr_jax.types import InputError
from papers.records import Cell, Table
from papers.runner import Workspace, read_json, read_record, run_folder
from papers.systems import SCALES, describe_differences, simplify_cell
from papers.tables import TABLES

EMPTY = ""
DETAILS_LINK = "docs/results/tables.md"  # from RESULTS.md
ONLY_DETAILS = ("table4", "table6", "table7")  # sizes of z and augmentations


def collect_table(workspace: Workspace, table: Table, num_seeds: int) -> dict:
    """Return the table cell by cell: published and our values by seed, cost, device, data, and differences."""
    return {
        "table": table.name,
        "title": table.title,
        "source": table.source,
        "scale": workspace.scale,
        "rows": table.rows,
        "columns": table.columns,
        "notes": list(table.notes),
        "cells": [collect_cell(workspace, cell, num_seeds) for cell in table.cells],
    }


def collect_cell(workspace: Workspace, cell: Cell, num_seeds: int) -> dict:
    """Return one cell. "values" has a number, or a list of numbers, for each finished seed."""
    simple = simplify_cell(cell, workspace.scale)
    entry: dict = {
        "row": cell.row,
        "column": cell.column,
        "published": cell.published,
        "percent": cell.measure.percent,
        "run": simple.training.name,
        "seeds": [],
        "values": [],
        "mean": None,
        "std": None,
        "differs": [],
    }
    for seed in range(num_seeds):
        record = read_record(workspace, simple.training, seed, simple.measure)
        training = read_json(run_folder(workspace, simple.training, seed) / "training.json")
        if record is None or training is None:
            continue
        value = find_value(record["results"], simple.measure.path)
        if value is None:
            continue
        entry["seeds"].append(seed)
        entry["values"].append(value)
        results = record["results"]
        entry |= {
            "train_seconds": training["seconds"],
            "evaluation": simple.measure.evaluation.name,
            "evaluate_seconds": record["seconds"],
            "device": results["device"],
            "images": [results["data"]["num_train"], results["data"]["num_images"]],
            "data_sha256": results["data"]["sha256"],
            "step": results["step"],
        }
    if entry["values"]:
        entry["differs"] = describe_differences(simple.training, workspace.scale)
        columns = list(zip(*[_as_list(value) for value in entry["values"]], strict=True))
        entry["mean"] = [statistics.fmean(column) for column in columns]
        entry["std"] = [statistics.stdev(column) for column in columns] if len(entry["values"]) > 1 else None
    return entry


def find_value(results: dict, path: tuple[str, ...]) -> float | list[float] | None:
    """Return the value at `path`, or None if it was not measured."""
    return reduce(lambda found, key: None if found is None else found.get(key), path, results)


def format_ours(entry: dict) -> str:
    """Return our value such as '59.6 ± 1.1' or '0.999, 0.999'; the empty string if it was not measured."""
    if entry["mean"] is None:
        return EMPTY
    factor, digits = (100, 1) if entry["percent"] else (1, 4)
    numbers = [f"{factor * mean:.{digits}f}" for mean in entry["mean"]]
    if entry["std"] is not None:
        numbers = [f"{text} ± {factor * std:.{digits}f}" for text, std in zip(numbers, entry["std"], strict=True)]
    return ", ".join(numbers)


def format_markdown(record: dict) -> str:
    """Return the table of published and our values, followed by a description of the runs."""
    lines = _format_table(record, record["rows"])
    return "\n".join(
        [
            f"## {record['title']} ({record['source']}), scale {record['scale']}",
            "",
            *lines,
            "",
            *record["notes"],
            "",
            *_describe_runs(record),
        ]
    )


def _format_table(record: dict, rows: list[str]) -> list[str]:
    """Return the lines of the table of published and our values with these rows."""
    by_place = {(entry["row"], entry["column"]): entry for entry in record["cells"]}
    header = ["", *(f"{column}: {origin}" for column in record["columns"] for origin in ("published", "ours"))]
    lines = [_line(header), _line(["---"] * len(header))]
    for row in rows:
        cells = [by_place.get((row, column)) for column in record["columns"]]
        pairs = [("", EMPTY) if entry is None else (entry["published"], format_ours(entry)) for entry in cells]
        lines.append(_line([row, *(text for pair in pairs for text in pair)]))
    return lines


def _describe_runs(record: dict) -> list[str]:
    """Return one line per run: seeds, cost, device, data, and differences from the publication."""
    finished = {entry["run"]: entry for entry in record["cells"] if entry["values"]}
    if not finished:
        return ["No runs at this scale.", ""]
    lines = ["Runs:", ""]
    for name, entry in finished.items():
        num_train, num_test = entry["images"]
        steps = f"{entry['step']} steps" if entry["step"] else "no steps"
        facts = [
            f"seeds {', '.join(map(str, entry['seeds']))}",
            f"{num_train} + {num_test} images (test sha256 {entry['data_sha256'][:12]})",
            f"{steps} in {format_seconds(entry['train_seconds'])}",
            f"evaluation {format_seconds(sum_evaluations(record, name))}",
            entry["device"],
        ]
        differs = "; ".join(entry["differs"]) or "none"
        lines.append(f"- `{name}`: {', '.join(facts)}. Differences from the publication: {differs}.")
    return [*lines, ""]


def sum_evaluations(record: dict, name: str) -> float:
    """Return the seconds of all evaluations of a run that the table shows, for one seed."""
    shown = [entry for entry in record["cells"] if entry["run"] == name and entry["values"]]
    return sum({entry["evaluation"]: entry["evaluate_seconds"] for entry in shown}.values())


def collect_all(workdir: Path) -> list[dict]:
    """Return the records of all tables, with all finished seeds.

    A table appears once for each scale with at least one value; a table without values appears once, with empty cells.
    """
    num_seeds = 1 + max((int(path.name.rpartition("-seed")[2]) for path in workdir.glob("*/*-seed*")), default=0)
    found = []
    for table in TABLES.values():
        records = [collect_table(Workspace(workdir, "", scale), table, num_seeds) for scale in SCALES]
        with_values = [record for record in records if any(entry["values"] for entry in record["cells"])]
        found += with_values or records[-1:]
    return found


def format_details(records: list[dict]) -> str:
    """Return the page of all tables, with their runs."""
    return "\n".join([DETAILS, *map(format_markdown, records)]).rstrip() + "\n"


def format_summary(records: list[dict]) -> str:
    """Return the tables of which more than half of the cells have a value, without empty rows and without runs.

    Tables that vary a setting of one method, `ONLY_DETAILS`, are only named.
    """
    parts, left_out, further = [], [], []
    for record in records:
        entries = record["cells"]
        is_empty = 2 * sum(bool(entry["values"]) for entry in entries) <= len(entries)
        if is_empty or record["table"] in ONLY_DETAILS:
            (left_out if is_empty else further).append(f"{record['title']} ({record['table']}, {record['scale']})")
            continue
        rows = [row for row in record["rows"] if any(entry["values"] for entry in entries if entry["row"] == row)]
        parts += [
            f"### {record['title']}, scale {record['scale']}, {describe_seeds(entries)}",
            "",
            *_format_table(record, rows),
            "",
            f"*{record['source'][0].upper()}{record['source'][1:]}*",
            "",
        ]
    if further:
        parts += [f"Only in [all tables]({DETAILS_LINK}): {'; '.join(further)}.", ""]
    if left_out:
        parts.append(f"Mostly without values, and only in [all tables]({DETAILS_LINK}): {'; '.join(left_out)}.")
    return "\n".join(parts).rstrip() + "\n"


def describe_seeds(entries: list[dict]) -> str:
    """Return the number of seeds of the cells with values, such as '1 seed' or '1 to 3 seeds'."""
    counts = [len(entry["seeds"]) for entry in entries if entry["values"]]
    fewest, most = min(counts), max(counts)
    return f"{fewest} to {most} seeds" if fewest < most else f"{most} seed{'s' if most > 1 else ''}"


def update_results(path: Path, details: Path, workdir: Path) -> None:
    """Write all tables to `details`, and their summary between the lines `BEGIN` and `END` of `path`.

    Raises InputError for a file without these lines, and before anything is written if no run has a value.
    """
    before, begin, rest = path.read_text().partition(BEGIN) if path.exists() else ("", "", "")
    _, end, after = rest.partition(END)
    if not end:
        raise InputError(f"expected a file with the lines {BEGIN!r} and {END!r}, found none of them in {path}")
    records = collect_all(workdir)
    if not any(entry["values"] for record in records for entry in record["cells"]):
        raise InputError(f"expected finished runs in {workdir}, found none; --workdir names the folder of the runs")
    details.parent.mkdir(parents=True, exist_ok=True)
    details.write_text(format_details(records))
    path.write_text(f"{before}{begin}\n\n{format_summary(records)}\n{end}{after}")


# Between these lines of RESULTS.md is the summary of the papers' tables.
BEGIN = "<!-- `python -m papers results` writes what is below. -->"
END = "<!-- `python -m papers results` writes what is above. -->"
DETAILS = """# The papers' tables

Published values next to values measured with this repository: accuracy in %, with clusters matched one to one to
classes; mean ± standard deviation over training seeds where there are several. `python -m papers TABLE --root DIR`
runs or continues a table, and `python -m papers results` writes this page; empty cells have not been run. At scale
`quick` every system is trained on fewer images, for fewer steps and with the same optimiser, most with smaller networks
than published: it compares systems under one small budget and does not reproduce the publications
([what it shows](quick_scale.md)). Scale `long` has smaller networks and is as published otherwise; scale `paper` is the
published setting.
"""


def _as_list(value: float | list[float]) -> list[float]:
    return value if isinstance(value, list) else [value]


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
