"""The values of the papers' tables, from the records in the runs' folders."""

import math
import re
from functools import reduce
from pathlib import Path

from papers.measured_settings import check_stored_settings, checksum_settings, present_settings
from papers.records import Cell, Table, TrainingSpec
from papers.runner import Workspace, read_json, read_record, run_folder
from papers.summary import summarise_cells
from papers.systems import SCALES, simplify_cell
from papers.tables import TABLES
from papers.values import CellKey, CellResults, Section, SeedResult, Summary


def collect_all(workdir: Path, earlier: dict[tuple[str, str], Summary]) -> list[Section]:
    """Return every table at every scale, with all finished seeds but those of earlier values, see `collect_table`.

    earlier: {(table, scale): summary}. Raises InputError as `collect_table` and `summarise_cells` do.
    """
    sections = []
    for table in TABLES.values():
        for scale in SCALES:
            cells = collect_table(Workspace(workdir, "", scale), table, None, earlier.get((table.name, scale)))
            sections.append(Section(table, scale, summarise_cells(cells)))
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
    workspace: Workspace, table: Table, num_seeds: int | None = None, earlier: Summary | None = None
) -> list[CellResults]:
    """Return the results of each cell of a table.

    num_seeds: of seeds 0, 1, ...; None for all. earlier: a summary of this table, whose seeds are left out of a cell
    unless all of them are finished again. Raises InputError for values that were made with other settings than the
    cells have now.
    """
    earlier_seeds = {key: value.seeds for key, value in earlier.values.items()} if earlier else {}
    return [collect_cell(workspace, cell, num_seeds, earlier_seeds) for cell in table.cells]


def collect_cell(
    workspace: Workspace, cell: Cell, num_seeds: int | None, earlier_seeds: dict[CellKey, tuple[int, ...]]
) -> CellResults:
    """Return the results of one cell. earlier_seeds: those to leave out unless all of a cell are finished."""
    cell = simplify_cell(cell, workspace.scale)
    key = CellKey(cell.row, cell.column, cell.training.name)
    earlier = set(earlier_seeds.get(key, ()))
    seeds = list_seeds(workspace, cell.training) if num_seeds is None else range(num_seeds)
    found = {seed: pair for seed in seeds if (pair := _read_seed(workspace, cell, seed)) is not None}
    if not earlier <= set(found):
        found = {seed: pair for seed, pair in found.items() if seed not in earlier}
    for seed, (_, results) in found.items():
        check_stored_settings(run_folder(workspace, cell.training, seed), results, cell, workspace.scale)
    settings = checksum_settings(present_settings(cell.training, cell.measure, workspace.scale), cell.measure)
    seed_results = tuple(result for result, _ in found.values())
    return CellResults(key, evaluation=cell.measure.evaluation.name, settings=settings, seeds=seed_results)


def _read_seed(workspace: Workspace, cell: Cell, seed: int) -> tuple[SeedResult, dict] | None:
    """Return the result of one seed and its results.json, or None if a part is missing or training goes on."""
    folder = run_folder(workspace, cell.training, seed)
    record = read_record(workspace, cell.training, seed, cell.measure)
    training = read_json(folder / "training.json")
    if record is None or training is None or not training["done"]:
        return None
    results = record["results"]
    value = find_value(results, cell.measure.path)
    if value is None:
        return None
    data = results["data"]
    result = SeedResult(
        seed=seed,
        value=tuple(value) if isinstance(value, list) else (value,),
        images=(data["num_train"], data["num_images"]),
        steps=results["step"],
        train_seconds=training["seconds"],
        evaluate_seconds=record["seconds"],
        device=results["device"],
        data_sha256=data["sha256"],
    )
    return result, results


def find_value(results: dict, path: tuple[str, ...]) -> float | list[float] | None:
    """Return the value at `path`, or None if it was not measured or is undefined, as a correlation with a constant."""
    value = reduce(lambda found, key: None if found is None else found.get(key), path, results)
    numbers = value if isinstance(value, list) else [value]
    return value if all(number is not None and math.isfinite(number) for number in numbers) else None
