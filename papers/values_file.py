"""The file that keeps the summaries of the tables when the runs' folders are gone: one JSON object per line."""

import json
import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from irl_inr_jax.types import InputError
from papers.summary import identify_cell

CellKey = tuple[str, str, str, str, str]  # table, scale, row, column, run
IsValid = Callable[[object], bool]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _are(is_one: IsValid, length: int | None = None) -> IsValid:
    """Return a test for a list of such values, of this length or non-empty."""

    def are_valid(values: object) -> bool:
        if not isinstance(values, list) or not values or (length is not None and len(values) != length):
            return False
        return all(map(is_one, values))

    return are_valid


def _are_seeds(value: object) -> bool:
    return isinstance(value, list) and _are(_is_count)(value) and value == sorted(set(value))


# Keys of the lines of a cell and of a run, besides table and scale.
CELL: dict[str, IsValid] = {
    "row": _is_text,
    "column": _is_text,
    "run": _is_text,
    "settings": _is_text,
    "seeds": _are_seeds,
    "mean": _are(_is_number),
    "std": lambda value: value is None or _are(_is_number)(value),
}
RUN: dict[str, IsValid] = {
    "run": _is_text,
    "seeds": _are_seeds,
    "images": _are(_is_count, 2),
    "steps": _are(_is_count, 2),
    "train_seconds": _are(_is_number, 2),
    "evaluate_seconds": _are(_is_number, 2),
    "devices": _are(_is_text),
    "data_sha256": _are(_is_text),
}


def format_values(summaries: Iterable[dict]) -> str:
    """Return the text of the file: the cells with values of each table and scale, and their runs."""
    lines = []
    for summary in summaries:
        place = {"table": summary["table"], "scale": summary["scale"]}
        lines += [place | {key: cell[key] for key in CELL} for cell in summary["cells"] if cell["seeds"]]
        lines += [place | {key: (run | {"run": name})[key] for key in RUN} for name, run in summary["runs"].items()]
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def read_summaries(path: Path) -> dict[tuple[str, str], dict]:
    """Return {(table, scale): summary} of a file of `format_values`, {} if there is none.

    Raises InputError for another file, a value of another kind, two lines of one cell or run, and runs whose seeds are
    not those of their cells.
    """
    found: dict[tuple[str, str], dict] = {}
    numbers: dict[tuple, int] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    except (OSError, ValueError) as error:
        raise InputError(f"expected a file of earlier values for --values, found {path} ({error})") from None
    for number, line in enumerate(lines, start=1):
        try:
            entry = json.loads(line)
            key = (entry["table"], entry["scale"], entry.get("row"), entry.get("column"), entry["run"])
            if key in numbers:
                raise ValueError(f"the same cell or run as in line {numbers[key]}")
            numbers[key] = number
            table, scale = key[:2]
            summary = found.setdefault((table, scale), {"table": table, "scale": scale, "cells": [], "runs": {}})
            if "row" in entry:
                summary["cells"].append(_select(entry, CELL))
            else:
                summary["runs"][entry["run"]] = _select(entry, RUN)
        except (ValueError, TypeError, AttributeError, KeyError, OverflowError, RecursionError) as error:
            raise InputError(
                f"expected a cell or a run in line {number} of the earlier values in {path}, as `papers results` "
                f"writes them, found {type(error).__name__}: {error}; correct it, or name another file with --values"
            ) from None
    for summary in found.values():
        _check_runs(summary, path)
    return found


def _check_runs(summary: dict, path: Path) -> None:
    """Raise InputError if a run has no line, or one with other seeds than those of its cells."""
    seeds: dict[str, set[int]] = {name: set() for name in summary["runs"]}
    for cell in summary["cells"]:
        seeds.setdefault(cell["run"], set()).update(cell["seeds"])
    for name, expected in seeds.items():
        found = summary["runs"].get(name, {}).get("seeds", [])
        if found != sorted(expected):
            raise InputError(
                f"expected a line of the run {name} of {summary['table']} with the seeds of its cells, "
                f"{sorted(expected)}, found {found} in {path}; correct it, or name another file with --values"
            )


def _select(entry: Mapping, kinds: Mapping[str, IsValid]) -> dict:
    """Return the values of a line by their keys; raise ValueError for one of another kind."""
    for key, is_valid in kinds.items():
        if not is_valid(entry[key]):
            raise ValueError(f"{key} {entry[key]!r} of the run {entry['run']}")
    if "std" in kinds and len(entry["std"] or ()) != (len(entry["mean"]) if len(entry["seeds"]) > 1 else 0):
        raise ValueError(f"std {entry['std']!r} of seeds {entry['seeds']!r} of the run {entry['run']}")
    return {key: entry[key] for key in kinds}


def check_complete(summaries: Iterable[dict], earlier: Iterable[dict]) -> None:
    """Raise InputError if an earlier value has no cell in the tables, where it would be lost."""
    present = _by_key(summaries)
    for key in _by_key(earlier):
        if key not in present:
            table, scale, row, column, run = key
            raise InputError(
                f"expected a cell of {table} at scale {scale} for each earlier value, found none for row {row!r}, "
                f"column {column!r} and run {run!r}; rename it in the file of --values, or remove its line"
            )


def count_changed(summaries: Iterable[dict], earlier: Iterable[dict]) -> int:
    """Return the number of cells whose seeds or means are not the earlier ones."""
    before = {key: (cell["seeds"], cell["mean"]) for key, cell in _by_key(earlier).items()}
    return sum((cell["seeds"], cell["mean"]) != before.get(key, ([], None)) for key, cell in _by_key(summaries).items())


def _by_key(summaries: Iterable[dict]) -> dict[CellKey, dict]:
    """Return all cells of the summaries."""
    return {(each["table"], each["scale"], *identify_cell(cell)): cell for each in summaries for cell in each["cells"]}
