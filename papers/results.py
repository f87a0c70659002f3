"""What was run, read back from the runs' folders: a table as JSON and as Markdown, and RESULTS.md with all of them."""

import statistics
from functools import reduce
from pathlib import Path

from irl_inr_jax.training.progress import format_seconds
from papers.records import Cell, Table
from papers.runner import Place, folder_of, read_json, read_record
from papers.systems import SCALES, describe_differences, simplify_cell
from papers.tables import TABLES

EMPTY = ""


def collect_table(place: Place, table: Table, num_seeds: int) -> dict:
    """The table with what was run of it: published, ours by seed, cost, device, data and what differs, cell by cell."""
    return {
        "table": table.name,
        "title": table.title,
        "source": table.source,
        "scale": place.scale,
        "rows": table.rows,
        "columns": table.columns,
        "notes": list(table.notes),
        "cells": [collect_cell(place, cell, num_seeds) for cell in table.cells],
    }


def collect_cell(place: Place, cell: Cell, num_seeds: int) -> dict:
    """One cell. "values" holds a number, or a list of them, for each seed that was run; none where none was."""
    simple = simplify_cell(cell, place.scale)
    entry = {
        "row": cell.row,
        "column": cell.column,
        "published": cell.published,
        "percent": cell.measure.percent,
        "run": simple.run.name,
        "seeds": [],
        "values": [],
        "mean": None,
        "std": None,
        "differs": [],
    }
    for seed in range(num_seeds):
        record = read_record(place, simple.run, seed, simple.measure)
        value = None if record is None else find_value(record["results"], simple.measure.path)
        if value is None:
            continue
        entry["seeds"].append(seed)
        entry["values"].append(value)
        training = read_json(folder_of(place, simple.run, seed) / "training.json")
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
        entry["differs"] = describe_differences(simple.run, place.scale)
        columns = list(zip(*[_as_list(value) for value in entry["values"]], strict=True))
        entry["mean"] = [statistics.fmean(column) for column in columns]
        entry["std"] = [statistics.stdev(column) for column in columns] if len(entry["values"]) > 1 else None
    return entry


def find_value(results: dict, path: tuple[str, ...]) -> float | list[float] | None:
    """What stands at the path; None where there is no such measurement."""
    return reduce(lambda found, key: None if found is None else found.get(key), path, results)


def format_ours(entry: dict) -> str:
    """'59.6 ± 1.1', '0.999, 0.999', or nothing where nothing was run."""
    if entry["mean"] is None:
        return EMPTY
    factor, digits = (100, 1) if entry["percent"] else (1, 4)
    numbers = [f"{factor * mean:.{digits}f}" for mean in entry["mean"]]
    if entry["std"] is not None:
        numbers = [f"{text} ± {factor * std:.{digits}f}" for text, std in zip(numbers, entry["std"], strict=True)]
    return ", ".join(numbers)


def format_markdown(record: dict) -> str:
    """The table: published beside ours, and below it what each of our rows was made from."""
    by_place = {(entry["row"], entry["column"]): entry for entry in record["cells"]}
    header = ["", *(f"{column}: {what}" for column in record["columns"] for what in ("published", "ours"))]
    lines = [_line(header), _line(["---"] * len(header))]
    for row in record["rows"]:
        cells = [by_place.get((row, column)) for column in record["columns"]]
        pairs = [("", EMPTY) if entry is None else (entry["published"], format_ours(entry)) for entry in cells]
        lines.append(_line([row, *(text for pair in pairs for text in pair)]))
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


def _describe_runs(record: dict) -> list[str]:
    """A line a run: seeds, cost, device, data, and what is not as published."""
    made = {entry["run"]: entry for entry in record["cells"] if entry["values"]}
    if not made:
        return ["Nothing of it was run at this scale.", ""]
    lines = ["Runs:", ""]
    for name, entry in made.items():
        num_train, num_test = entry["images"]
        learnt = f"{entry['step']} steps" if entry["step"] else "no steps"
        facts = [
            f"seeds {', '.join(map(str, entry['seeds']))}",
            f"{num_train} + {num_test} images (test sha256 {entry['data_sha256'][:12]})",
            f"{learnt} in {format_seconds(entry['train_seconds'])}",
            f"evaluation {format_seconds(sum_evaluations(record, name))}",
            entry["device"],
        ]
        differs = "; ".join(entry["differs"]) or "nothing"
        lines.append(f"- `{name}`: {', '.join(facts)}. Not as published: {differs}.")
    return [*lines, ""]


def sum_evaluations(record: dict, name: str) -> float:
    """Seconds of all evaluations of a run that the table shows, with one seed."""
    shown = [entry for entry in record["cells"] if entry["run"] == name and entry["values"]]
    return sum({entry["evaluation"]: entry["evaluate_seconds"] for entry in shown}.values())


def format_results(workdir: Path) -> str:
    """RESULTS.md, with all seeds that were run.

    A table stands there once for each scale at which something of it was run, or else once, with empty cells.
    """
    num_seeds = 1 + max((int(path.name.rpartition("-seed")[2]) for path in workdir.glob("*/*-seed*")), default=0)
    parts = [INTRODUCTION]
    for table in TABLES.values():
        records = [collect_table(Place(workdir, "", scale), table, num_seeds) for scale in SCALES]
        made = [record for record in records if any(entry["values"] for entry in record["cells"])]
        parts += [format_markdown(record) for record in made or records[-1:]]
    return "\n".join(parts).rstrip() + "\n"


INTRODUCTION = """# Results

What the papers print, and what was run here, side by side: accuracy in %, clusters matched to classes one to one,
means ± standard deviations over training seeds where there are several. `python -m papers TABLE --root DIR`
runs or continues a table, and `python -m papers results` writes this file; an empty cell was not run. At the
scale `small` every system learns from fewer images, for fewer steps, most in smaller networks than published, with one
optimiser for all: it compares systems under one small budget and does not repeat the publications. `paper` is the
published setting.
"""


def _as_list(value: float | list[float]) -> list[float]:
    return value if isinstance(value, list) else [value]


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
