"""The values of the papers' tables, from the records in the runs' folders."""

import math
import re
from functools import reduce
from pathlib import Path

from papers.measured_settings import check_stored_settings, checksum_settings, present_settings
from papers.records import Cell, Table, TrainingSpec
from papers.runner import Workspace, read_json, read_record, run_folder
from papers.summary import add_earlier, summarise_cells
from papers.systems import SCALES, simplify_cell
from papers.tables import TABLES
from papers.values import CellKey, CellResults, Section, SeedResult, TableSummary


def collect_all(workdir: Path, earlier: dict[tuple[str, str], TableSummary]) -> list[Section]:
    """Return every table at every scale with the values of all finished seeds and the earlier values.

    earlier: {(table, scale): summary}. Raises InputError for values with other settings than the cells have now, and
    for seeds of a run with different numbers of images.
    """
    sections = []
    for table in TABLES.values():
        for scale in SCALES:
            before = earlier.get((table.name, scale))
            cells = collect_table(Workspace(workdir, "", scale), table, None, before)
            sections.append(Section(table, scale, add_earlier(summarise_cells(cells), before)))
    return sections


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
    workspace: Workspace, table: Table, num_seeds: int | None = None, earlier: TableSummary | None = None
) -> list[CellResults]:
    """Return the results of each cell of a table.

    num_seeds: of seeds 0, 1, ...; None for all. earlier: a summary of this table, whose seeds are left out of a cell
    unless all of them are finished again. Raises InputError for values that were made with other settings than the
    cells have now.
    """
    earlier_seeds = {key: value.seeds for key, value in earlier.cells.items()} if earlier else {}
    return [collect_cell(workspace, cell, num_seeds, earlier_seeds) for cell in table.cells]


def collect_cell(
    workspace: Workspace, cell: Cell, num_seeds: int | None, earlier_seeds: dict[CellKey, tuple[int, ...]]
) -> CellResults:
    """Return the results of one cell.

    earlier_seeds: seeds of the earlier values, by cell; left out unless all of the cell's are finished again. Raises
    InputError for values that were made with other settings than the cell has now.
    """
    cell = simplify_cell(cell, workspace.scale)
    key = CellKey(cell.row, cell.column, cell.training.name)
    earlier = set(earlier_seeds.get(key, ()))
    seeds = list_seeds(workspace, cell.training) if num_seeds is None else range(num_seeds)
    records = {seed: record for seed in seeds if (record := _read_seed(workspace, cell, seed)) is not None}
    if not earlier <= set(records):
        records = {seed: record for seed, record in records.items() if seed not in earlier}
    for seed, record in records.items():
        check_stored_settings(run_folder(workspace, cell.training, seed), record["results"], cell, workspace.scale)
    return CellResults(
        key,
        evaluation=cell.measure.evaluation.name,
        settings=checksum_settings(present_settings(cell.training, cell.measure, workspace.scale), cell.measure),
        seeds=tuple(_make_result(seed, record) for seed, record in records.items()),
    )


def _read_seed(workspace: Workspace, cell: Cell, seed: int) -> dict | None:
    """Return {"value", "train_seconds", "seconds", "results"}, or None without a value or while the run is trained."""
    record = read_record(workspace, cell.training, seed, cell.measure)
    training = read_json(run_folder(workspace, cell.training, seed) / "training.json")
    if record is None or training is None or not training["done"]:
        return None
    value = find_value(record["results"], cell.measure.path)
    return None if value is None else record | {"value": value, "train_seconds": training["seconds"]}


def _make_result(seed: int, record: dict) -> SeedResult:
    value, results = record["value"], record["results"]
    data = results["data"]
    return SeedResult(
        seed=seed,
        value=tuple(value) if isinstance(value, list) else (value,),
        images=(data["num_train"], data["num_images"]),
        steps=results["step"],
        train_seconds=record["train_seconds"],
        evaluate_seconds=record["seconds"],
        device=results["device"],
        data_sha256=data["sha256"],
    )


def find_value(results: dict, path: tuple[str, ...]) -> float | list[float] | None:
    """Return the value at `path`, or None if it was not measured or is undefined, as a correlation with a constant."""
    value = reduce(lambda found, key: None if found is None else found.get(key), path, results)
    numbers = value if isinstance(value, list) else [value]
    return value if all(number is not None and math.isfinite(number) for number in numbers) else None
