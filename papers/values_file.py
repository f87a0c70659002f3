"""The file that keeps the summaries of the tables when the runs' folders are gone: one JSON object per line."""

import dataclasses
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from irl_inr_jax.types import InputError
from papers.values import CellKey, CellSummary, RunSummary, Section, TableSummary

IsValid = Callable[[object], bool]
MAX_NUMBER = 1e100  # its square is finite, which the combination of standard deviations needs


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < MAX_NUMBER  # not NaN


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value.isprintable()


def _are(is_one: IsValid, length: int | None = None) -> IsValid:
    """Return a test for a list of such values, of this length or non-empty."""

    def are_valid(values: object) -> bool:
        if not isinstance(values, list) or not values or (length is not None and len(values) != length):
            return False
        return all(map(is_one, values))

    return are_valid


def _are_seeds(value: object) -> bool:
    return isinstance(value, list) and _are(_is_count)(value) and value == sorted(set(value))


# Keys of the lines of a cell and of a run, which begin with table and scale.
KEY: dict[str, IsValid] = dict.fromkeys(CellKey._fields, _is_text)
CELL: dict[str, IsValid] = {
    "settings": _is_text,
    "seeds": _are_seeds,
    "mean": _are(_is_number),
    "std": lambda value: value is None or _are(_is_number)(value),
}
RUN: dict[str, IsValid] = {
    "seeds": _are_seeds,
    "images": _are(_is_count, 2),
    "steps": _are(_is_count, 2),
    "train_seconds": _are(_is_number, 2),
    "evaluate_seconds": _are(_is_number, 2),
    "devices": _are(_is_text),
    "data_sha256": _are(_is_text),
}


def format_values(sections: Iterable[Section]) -> str:
    """Return the text of the file: the cells with values of each table and scale, and their runs."""
    lines: list[dict] = []
    for table, scale, summary in sections:
        place = {"table": table.name, "scale": scale}
        cells = {key: cell for key, cell in summary.cells.items() if cell.seeds}
        lines += [place | key._asdict() | dataclasses.asdict(cell) for key, cell in cells.items()]
        lines += [place | {"run": name} | dataclasses.asdict(run) for name, run in summary.runs.items()]
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def read_summaries(path: Path) -> dict[tuple[str, str], TableSummary]:
    """Return {(table, scale): summary} of a file of `format_values`, {} if there is none.

    Raises InputError for another file, a value of another kind, two lines of one cell or run, and runs whose seeds are
    not those of their cells.
    """
    found: dict[tuple[str, str], TableSummary] = {}
    numbers: dict[tuple, int] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    except (OSError, ValueError) as error:
        raise InputError(f"expected a file of earlier values for --values, found {path} ({error})") from None
    for number, line in enumerate(lines, start=1):
        try:
            entry = json.loads(line)
            names = (entry["table"], entry["scale"], entry.get("row"), entry.get("column"), entry["run"])
            if names in numbers:
                raise ValueError(f"the same cell or run as in line {numbers[names]}")
            numbers[names] = number
            summary = found.setdefault(names[:2], TableSummary({}, {}))
            if "row" in entry:
                key = CellKey(**_select(entry, KEY))
                summary.cells[key] = _read_cell(entry)
            else:
                name = _select(entry, {"run": _is_text})["run"]
                summary.runs[name] = RunSummary(**_select(entry, RUN))
        except (ValueError, TypeError, AttributeError, KeyError, OverflowError, RecursionError) as error:
            raise InputError(
                f"expected a cell or a run in line {number} of the earlier values in {path}, as `papers results` "
                f"writes them, found {type(error).__name__}: {error}; correct it, or name another file with --values"
            ) from None
    for (table, _), summary in found.items():
        _check_runs(table, summary, path)
    return found


def _read_cell(entry: Mapping) -> CellSummary:
    """Return the cell in a line; raise ValueError if it has a deviation of one seed, or none of several."""
    cell = CellSummary(**_select(entry, CELL))
    if len(cell.std or ()) != (len(cell.mean) if len(cell.seeds) > 1 else 0):
        raise ValueError(f"std {entry['std']!r} of seeds {entry['seeds']!r} of the run {entry['run']}")
    return cell


def _select(entry: Mapping, kinds: Mapping[str, IsValid]) -> dict:
    """Return the fields of a line by their keys; raise ValueError for one of another kind."""
    for key, is_valid in kinds.items():
        if not is_valid(entry[key]):
            raise ValueError(f"{key} {entry[key]!r} of the run {entry['run']}")
    return {key: tuple(entry[key]) if isinstance(entry[key], list) else entry[key] for key in kinds}


def _check_runs(table: str, summary: TableSummary, path: Path) -> None:
    """Raise InputError if a run has no line, or one with other seeds than those of its cells."""
    seeds: dict[str, set[int]] = {name: set() for name in summary.runs}
    for key, cell in summary.cells.items():
        seeds.setdefault(key.run, set()).update(cell.seeds)
    for name, expected in seeds.items():
        found = list(summary.runs[name].seeds) if name in summary.runs else []
        if found != sorted(expected):
            raise InputError(
                f"expected a line of the run {name} of {table} with the seeds of its cells, {sorted(expected)}, found "
                f"{found} in {path}; correct it, or name another file with --values"
            )


def check_complete(sections: Iterable[Section], earlier: Mapping[tuple[str, str], TableSummary]) -> None:
    """Raise InputError if an earlier value has no cell in the tables, where it would be lost."""
    present = {(table.name, scale): summary.cells for table, scale, summary in sections}
    for (table, scale), summary in earlier.items():
        for key in summary.cells:
            if key not in present.get((table, scale), {}):
                raise InputError(
                    f"expected a cell of {table} at scale {scale} for each earlier value, found none for row "
                    f"{key.row!r}, column {key.column!r} and run {key.run!r}; rename it in the file of --values, or "
                    f"remove its line"
                )


def count_changed(sections: Iterable[Section], earlier: Mapping[tuple[str, str], TableSummary]) -> int:
    """Return the number of cells whose seeds or means are not the earlier ones."""
    count = 0
    for table, scale, summary in sections:
        before = earlier.get((table.name, scale), TableSummary({}, {})).cells
        for key, cell in summary.cells.items():
            old = before.get(key)
            count += (cell.seeds, cell.mean) != ((old.seeds, old.mean) if old else ((), ()))
    return count
