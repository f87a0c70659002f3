"""The values of the papers' tables, from the records in the runs' folders."""

import re
import statistics
from functools import reduce
from pathlib import Path

from papers.records import Cell, Table
from papers.runner import Workspace, check_settings, read_json, read_record, run_folder
from papers.settings_checksum import checksum_settings
from papers.summary import identify_cell
from papers.systems import SCALES, describe_differences, simplify_cell
from papers.tables import TABLES


def collect_all(workdir: Path, earlier: dict[tuple[str, str], dict]) -> list[dict]:
    """Return the records of every table at every scale, with all finished seeds.

    earlier: {(table, scale): summary}, see `collect_table`. Raises InputError for a run with other settings than its
    name has now.
    """
    num_seeds = count_seeds(workdir)
    check_runs(workdir, num_seeds)
    return [
        collect_table(Workspace(workdir, "", scale), table, num_seeds, earlier.get((table.name, scale)))
        for table in TABLES.values()
        for scale in SCALES
    ]


def check_runs(workdir: Path, num_seeds: int) -> None:
    """Raise InputError if a run of a table has other settings than its name has now."""
    for scale in SCALES:
        for spec in {simplify_cell(cell, scale).training: None for table in TABLES.values() for cell in table.cells}:
            for seed in range(num_seeds):
                check_settings(run_folder(Workspace(workdir, "", scale), spec, seed) / "run", spec, scale, seed)


def count_seeds(workdir: Path) -> int:
    """Return one more than the largest seed of the runs."""
    runs = [path.name for scale in SCALES for path in workdir.glob(f"{scale}/*-seed*")]
    numbers = [int(match[1]) for match in (re.search(r"-seed(\d+)$", name) for name in runs) if match]
    return 1 + max(numbers, default=0)


def collect_table(workspace: Workspace, table: Table, num_seeds: int, earlier: dict | None = None) -> dict:
    """Return the table cell by cell: published and our values by seed, cost, device, data, and differences.

    earlier: a summary of this table (`papers/summary.py`), whose seeds are left out of a cell unless all of them are
    finished again.
    """
    earlier_seeds = {identify_cell(cell): cell["seeds"] for cell in earlier["cells"]} if earlier else {}
    return {
        "table": table.name,
        "title": table.title,
        "source": table.source,
        "scale": workspace.scale,
        "rows": table.rows,
        "columns": table.columns,
        "notes": list(table.notes),
        "cells": [collect_cell(workspace, cell, num_seeds, earlier_seeds) for cell in table.cells],
    }


def collect_cell(
    workspace: Workspace, cell: Cell, num_seeds: int, earlier_seeds: dict[tuple[str, str, str], list[int]]
) -> dict:
    """Return one cell. "values" has a number, or a list of numbers, for each of "seeds"; so have the facts of runs.

    earlier_seeds: {(row, column, run): seeds} that are left out unless all of them are finished.
    """
    simple = simplify_cell(cell, workspace.scale)
    earlier = set(earlier_seeds.get((cell.row, cell.column, simple.training.name), ()))
    found = {seed: measured for seed in range(num_seeds) if (measured := _read_seed(workspace, simple, seed))}
    if not earlier <= set(found):
        found = {seed: measured for seed, measured in found.items() if seed not in earlier}
    results = [measured["results"] for measured in found.values()]
    values = [measured["value"] for measured in found.values()]
    entry: dict = {
        "row": cell.row,
        "column": cell.column,
        "published": cell.published,
        "percent": cell.measure.percent,
        "run": simple.training.name,
        "settings": checksum_settings(simple, workspace.scale),
        "seeds": list(found),
        "values": values,
        "mean": None,
        "std": None,
        "differs": describe_differences(simple.training, workspace.scale),
        "evaluation": simple.measure.evaluation.name,
        "train_seconds": [measured["train_seconds"] for measured in found.values()],
        "evaluate_seconds": [measured["evaluate_seconds"] for measured in found.values()],
        "devices": [each["device"] for each in results],
        "data_sha256": [each["data"]["sha256"] for each in results],
        "images": [[each["data"]["num_train"], each["data"]["num_images"]] for each in results],
        "steps": [each["step"] for each in results],
    }
    if values:
        columns = list(zip(*[value if isinstance(value, list) else [value] for value in values], strict=True))
        entry["mean"] = [statistics.fmean(column) for column in columns]
        entry["std"] = [statistics.stdev(column) for column in columns] if len(values) > 1 else None
    return entry


def _read_seed(workspace: Workspace, cell: Cell, seed: int) -> dict | None:
    """Return value, costs and results.json of one seed, or None if a part is missing or training goes on."""
    record = read_record(workspace, cell.training, seed, cell.measure)
    training = read_json(run_folder(workspace, cell.training, seed) / "training.json")
    if record is None or training is None or not training["done"]:
        return None
    value = find_value(record["results"], cell.measure.path)
    if value is None:
        return None
    costs = {"train_seconds": training["seconds"], "evaluate_seconds": record["seconds"]}
    return {"value": value, "results": record["results"], **costs}


def find_value(results: dict, path: tuple[str, ...]) -> float | list[float] | None:
    """Return the value at `path`, or None if it was not measured."""
    return reduce(lambda found, key: None if found is None else found.get(key), path, results)
