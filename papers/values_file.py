"""The file that keeps the summaries of the tables when the runs' folders are gone: one JSON object per line."""

import json
from collections.abc import Iterable
from pathlib import Path

from irl_inr_jax.types import InputError
from papers.runner import replace_text
from papers.summary import identify_cell

# What the file has of a cell and of a run.
KEPT = ("row", "column", "run", "seeds", "mean", "std")
KEPT_OF_RUN = ("seeds", "images", "step", "train_seconds", "evaluate_seconds", "devices", "data_sha256", "differs")
CellKey = tuple[str, str, str, str, str]  # table, scale, row, column, run


def write_summaries(path: Path, summaries: Iterable[dict]) -> None:
    """Write the cells with values of each table and scale, and their runs."""
    lines = []
    for summary in summaries:
        place = {"table": summary["table"], "scale": summary["scale"]}
        lines += [place | {key: cell[key] for key in KEPT} for cell in summary["cells"] if cell["seeds"]]
        lines += [place | {"run": name} | run for name, run in summary["runs"].items()]
    replace_text(path, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))


def read_summaries(path: Path) -> dict[tuple[str, str], dict]:
    """Return {(table, scale): summary} of a file of `write_summaries`, {} if there is none.

    Raises InputError for another file, and for two lines of one cell or run.
    """
    found: dict[tuple[str, str], dict] = {}
    lines_of: set[tuple] = set()
    try:
        for line in path.read_text().splitlines() if path.exists() else ():
            entry = json.loads(line)
            table, scale = entry["table"], entry["scale"]
            key = (table, scale, entry.get("row"), entry.get("column"), entry["run"])
            if key in lines_of:
                raise ValueError(f"two lines of {key}")
            lines_of.add(key)
            summary = found.setdefault((table, scale), {"table": table, "scale": scale, "cells": [], "runs": {}})
            if "row" in entry:
                summary["cells"].append({key: entry[key] for key in KEPT})
            else:
                summary["runs"][entry["run"]] = {key: entry[key] for key in KEPT_OF_RUN}
        for summary in found.values():
            if missing := {cell["run"] for cell in summary["cells"]} - set(summary["runs"]):
                raise ValueError(f"no line of the run {min(missing)}")
    except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise InputError(
            f"expected the values of earlier runs, as written by `python -m papers results`, found {path} "
            f"({type(error).__name__}: {error}); give --values another file"
        ) from None
    return found


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
