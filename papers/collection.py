"""The values of the papers' tables, from the records in the runs' folders."""

import re
import statistics
from functools import reduce
from pathlib import Path

from papers.records import Cell, Table
from papers.runner import Workspace, read_json, read_record, run_folder
from papers.systems import SCALES, describe_differences, simplify_cell
from papers.tables import TABLES


def collect_all(workdir: Path) -> list[dict]:
    """Return the records of all tables, with all finished seeds.

    A table appears once for each scale with at least one value; a table without values appears once, with empty cells.
    """
    runs = [path.name for scale in SCALES for path in workdir.glob(f"{scale}/*-seed*")]
    numbers = [int(match[1]) for match in (re.search(r"-seed(\d+)$", name) for name in runs) if match]
    num_seeds = 1 + max(numbers, default=0)
    found = []
    for table in TABLES.values():
        records = [collect_table(Workspace(workdir, "", scale), table, num_seeds) for scale in SCALES]
        with_values = [record for record in records if any(entry["values"] for entry in record["cells"])]
        found += with_values or records[-1:]
    return found


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
    """Return one cell. "values" has a number, or a list of numbers, for each of "seeds"; so have costs and devices."""
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
        "evaluation": simple.measure.evaluation.name,
        "train_seconds": [],
        "evaluate_seconds": [],
        "devices": [],
        "data_sha256": [],
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
        entry["train_seconds"].append(training["seconds"])
        entry["evaluate_seconds"].append(record["seconds"])
        entry["devices"].append(results["device"])
        entry["data_sha256"].append(results["data"]["sha256"])
        entry["images"] = [results["data"]["num_train"], results["data"]["num_images"]]
        entry["step"] = results["step"]
    if entry["values"]:
        entry["differs"] = describe_differences(simple.training, workspace.scale)
        columns = list(zip(*[_as_list(value) for value in entry["values"]], strict=True))
        entry["mean"] = [statistics.fmean(column) for column in columns]
        entry["std"] = [statistics.stdev(column) for column in columns] if len(entry["values"]) > 1 else None
    return entry


def find_value(results: dict, path: tuple[str, ...]) -> float | list[float] | None:
    """Return the value at `path`, or None if it was not measured."""
    return reduce(lambda found, key: None if found is None else found.get(key), path, results)


def _as_list(value: float | list[float]) -> list[float]:
    return value if isinstance(value, list) else [value]
