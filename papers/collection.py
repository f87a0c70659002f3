"""The values of the papers' tables, from the records in the runs' folders."""

import math
import re
import statistics
from functools import reduce
from pathlib import Path

from papers.measured_settings import check_stored_settings, checksum_settings, present_settings
from papers.records import Cell, Table, TrainingSpec
from papers.runner import Workspace, read_json, read_record, run_folder
from papers.summary import identify_cell
from papers.systems import SCALES, describe_differences, simplify_cell
from papers.tables import TABLES


def collect_all(workdir: Path, earlier: dict[tuple[str, str], dict]) -> list[dict]:
    """Return the records of every table at every scale, with all finished seeds.

    earlier: {(table, scale): summary}, see `collect_table`. Raises InputError as `collect_table` does.
    """
    return [
        collect_table(Workspace(workdir, "", scale), table, None, earlier.get((table.name, scale)))
        for table in TABLES.values()
        for scale in SCALES
    ]


def list_seeds(workspace: Workspace, spec: TrainingSpec) -> list[int]:
    """Return the seeds of a run that have a folder, in order."""
    folders = [path.name for path in (workspace.workdir / workspace.scale).glob(f"{spec.name}-seed*")]
    return sorted(int(name.rpartition("-seed")[2]) for name in folders if re.fullmatch(r".*-seed(0|[1-9]\d*)", name))


def list_unfinished(workdir: Path) -> list[str]:
    """Return the names of the tables' runs whose training has begun and is not done."""
    names = []
    for scale in SCALES:
        workspace = Workspace(workdir, "", scale)
        specs = {simplify_cell(cell, scale).training: None for table in TABLES.values() for cell in table.cells}
        folders = [run_folder(workspace, spec, seed) for spec in specs for seed in list_seeds(workspace, spec)]
        names += [path.name for path in folders if not (read_json(path / "training.json") or {"done": True})["done"]]
    return names


def collect_table(
    workspace: Workspace, table: Table, num_seeds: int | None = None, earlier: dict | None = None
) -> dict:
    """Return the table cell by cell: published and our values by seed, cost, device, data, and differences.

    num_seeds: of seeds 0, 1, ...; None for all. earlier: a summary of this table (`papers/summary.py`), whose seeds
    are left out of a cell unless all of them are finished again. Raises InputError for values that were made with other
    settings than the cells have now.
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
    workspace: Workspace, cell: Cell, num_seeds: int | None, earlier_seeds: dict[tuple[str, str, str], list[int]]
) -> dict:
    """Return one cell. "values" has a number, or a list of numbers, for each of "seeds"; so have the facts of runs.

    earlier_seeds: {(row, column, run): seeds} that are left out unless all of them are finished.
    """
    simple = simplify_cell(cell, workspace.scale)
    earlier = set(earlier_seeds.get((cell.row, cell.column, simple.training.name), ()))
    seeds = list_seeds(workspace, simple.training) if num_seeds is None else range(num_seeds)
    found = {seed: measured for seed in seeds if (measured := _read_seed(workspace, simple, seed))}
    if not earlier <= set(found):
        found = {seed: measured for seed, measured in found.items() if seed not in earlier}
    for seed, measured in found.items():
        check_stored_settings(
            run_folder(workspace, simple.training, seed), measured["results"], simple, workspace.scale
        )
    results = [measured["results"] for measured in found.values()]
    values = [measured["value"] for measured in found.values()]
    entry: dict = {
        "row": cell.row,
        "column": cell.column,
        "published": cell.published,
        "percent": cell.measure.percent,
        "run": simple.training.name,
        "settings": checksum_settings(
            present_settings(simple.training, simple.measure, workspace.scale), simple.measure
        ),
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
    folder = run_folder(workspace, cell.training, seed)
    record = read_record(workspace, cell.training, seed, cell.measure)
    training = read_json(folder / "training.json")
    if record is None or training is None or not training["done"]:
        return None
    value = find_value(record["results"], cell.measure.path)
    if value is None:
        return None
    costs = {"train_seconds": training["seconds"], "evaluate_seconds": record["seconds"]}
    return {"value": value, "results": record["results"], **costs}


def find_value(results: dict, path: tuple[str, ...]) -> float | list[float] | None:
    """Return the value at `path`, or None if it was not measured or is undefined, as a correlation with a constant."""
    value = reduce(lambda found, key: None if found is None else found.get(key), path, results)
    numbers = value if isinstance(value, list) else [value]
    return value if all(number is not None and math.isfinite(number) for number in numbers) else None
