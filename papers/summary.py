"""Means over seeds per cell, and the file that keeps them when the runs' folders are gone.

A summary is what the pages show of a table: for each cell its seeds, mean and standard deviation, and for each run the
range of its costs, its devices and its data. Two summaries with different seeds combine exactly; the values of single
seeds are not needed again. The settings of a run are compared by its differences from the publication, in words.
"""

import json
import math
from collections.abc import Container, Sequence
from pathlib import Path

from irl_inr_jax.types import InputError
from papers.runner import replace_text

SHOWN = 12  # characters of a checksum
# What the file has of a cell and of a run.
KEPT = ("row", "column", "run", "seeds", "mean", "std")
KEPT_OF_RUN = ("seeds", "images", "step", "train_seconds", "evaluate_seconds", "devices", "data_sha256", "differs")


def summarise_table(record: dict) -> dict:
    """Return the summary of a record of `collection.collect_table`, which has the values of every seed."""
    measured = [entry for entry in record["cells"] if entry["values"]]
    runs = {
        name: _summarise_run([entry for entry in measured if entry["run"] == name])
        for name in dict.fromkeys(entry["run"] for entry in measured)
    }
    kept = ("row", "column", "published", "percent", "run", "seeds", "mean", "std", "differs")
    cells = [{key: entry[key] for key in kept} for entry in record["cells"]]
    return record | {"cells": cells, "runs": runs}


def _summarise_run(entries: list[dict]) -> dict:
    """Return seeds, costs, devices and data of the cells of one run, whose seeds differ while some are measured."""
    train_seconds = list(_by_seed(entries, "train_seconds").values())
    evaluate_seconds = sum_evaluations(entries)
    return {
        "seeds": list(_by_seed(entries, "seeds")),
        "images": entries[-1]["images"],
        "step": entries[-1]["step"],
        "train_seconds": [min(train_seconds), max(train_seconds)],
        "evaluate_seconds": [min(evaluate_seconds), max(evaluate_seconds)],
        "devices": list(dict.fromkeys(_by_seed(entries, "devices").values())),
        "data_sha256": list(dict.fromkeys(text[:SHOWN] for text in _by_seed(entries, "data_sha256").values())),
        "differs": "; ".join(entries[-1]["differs"]),
    }


def _by_seed(entries: list[dict], key: str) -> dict:
    """Return {seed: value} of a list in the cells of a run."""
    found = {seed: value for entry in entries for seed, value in zip(entry["seeds"], entry[key], strict=True)}
    return dict(sorted(found.items()))


def sum_evaluations(entries: list[dict]) -> list[float]:
    """Return the seconds of all evaluations of a run that its cells show, for each seed."""
    seconds: dict[int, dict[str, float]] = {}
    for entry in entries:
        for seed, each in zip(entry["seeds"], entry["evaluate_seconds"], strict=True):
            seconds.setdefault(seed, {})[entry["evaluation"]] = each
    return [sum(evaluations.values()) for evaluations in seconds.values()]


def add_earlier(summary: dict, earlier: dict | None) -> dict:
    """Return a summary with the values of an earlier one of the same table and scale.

    Cells with different seeds are combined; a cell that shares a seed with the earlier one replaces it
    (`collection.collect_table` leaves out seeds that were counted). Raises InputError if a run whose earlier values
    remain had other settings than it has now.
    """
    if earlier is None:
        return summary
    known = {identify_cell(cell): cell for cell in earlier["cells"]}
    cells, runs = [], dict(summary["runs"])
    for cell in summary["cells"]:
        before = known.get(identify_cell(cell))
        if before is None or set(before["seeds"]) & set(cell["seeds"]):
            cells.append(cell)
            continue
        run = earlier["runs"][cell["run"]]
        check_same_settings(cell["run"], run["differs"], "; ".join(cell["differs"]))
        cells.append(cell | combine_cells(before, cell))
        runs[cell["run"]] = combine_runs(run, summary["runs"].get(cell["run"], run))
    order = dict.fromkeys(cell["run"] for cell in cells if cell["seeds"])
    return summary | {"cells": cells, "runs": {name: runs[name] for name in order}}


def check_same_settings(name: str, before: str, now: str) -> None:
    """Raise InputError if the differences of a run from its publication are not what they were."""
    if before != now:
        raise InputError(
            f"expected earlier values of {name} with its present settings ({now}), found others ({before}); run all of "
            f"its seeds again, or remove its lines from the file of --values"
        )


def combine_runs(first: dict, second: dict) -> dict:
    """Return seeds, ranges of costs, devices and data of two groups of runs with the same settings."""
    return second | {
        "seeds": sorted({*first["seeds"], *second["seeds"]}),
        **{
            key: [min(first[key][0], second[key][0]), max(first[key][1], second[key][1])]
            for key in ("train_seconds", "evaluate_seconds")
        },
        **{key: list(dict.fromkeys([*first[key], *second[key]])) for key in ("devices", "data_sha256")},
    }


def combine_cells(first: dict, second: dict) -> dict:
    """Return seeds, mean and standard deviation of two groups without a common seed (Chan, Golub, LeVeque 1979)."""
    if not first["seeds"] or not second["seeds"]:
        used = first if first["seeds"] else second
        return {key: used[key] for key in ("seeds", "mean", "std")}
    one, two = len(first["seeds"]), len(second["seeds"])
    total = one + two
    zeros = [0.0] * len(first["mean"])
    mean, std = [], []
    for mean_1, mean_2, std_1, std_2 in zip(
        first["mean"], second["mean"], first["std"] or zeros, second["std"] or zeros, strict=True
    ):
        squares = (one - 1) * std_1**2 + (two - 1) * std_2**2 + (mean_2 - mean_1) ** 2 * one * two / total
        mean.append((one * mean_1 + two * mean_2) / total)
        std.append(math.sqrt(squares / (total - 1)))
    return {"seeds": sorted([*first["seeds"], *second["seeds"]]), "mean": mean, "std": std}


def identify_cell(cell: dict) -> tuple[str, str, str]:
    """Return row, column and run of a cell."""
    return cell["row"], cell["column"], cell["run"]


def check_single(name: object, others: Container) -> None:
    """Raise ValueError if another line of the file has the same name."""
    if name in others:
        raise ValueError(f"two lines of {name}")


def check_complete(summaries: Sequence[dict], earlier: dict[tuple[str, str], dict]) -> None:
    """Raise InputError if an earlier value has no cell in the tables, where it would be lost."""
    present = {(each["table"], each["scale"], *identify_cell(cell)) for each in summaries for cell in each["cells"]}
    for (table, scale), summary in earlier.items():
        for cell in summary["cells"]:
            if (table, scale, *identify_cell(cell)) not in present:
                raise InputError(
                    f"expected a cell of {table} at scale {scale} for each earlier value, found none for row "
                    f"{cell['row']!r}, column {cell['column']!r} and run {cell['run']!r}; rename it in the file of "
                    f"--values, or remove its line"
                )


def write_summaries(path: Path, summaries: Sequence[dict]) -> None:
    """Write the cells with values of each table and scale, and their runs, as one JSON object per line."""
    lines = []
    for summary in summaries:
        place = {"table": summary["table"], "scale": summary["scale"]}
        lines += [place | {key: cell[key] for key in KEPT} for cell in summary["cells"] if cell["seeds"]]
        lines += [place | {"run": name} | run for name, run in summary["runs"].items()]
    replace_text(path, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))


def read_summaries(path: Path) -> dict[tuple[str, str], dict]:
    """Return {(table, scale): summary} of a file of `write_summaries`, {} if there is none.

    Raises InputError for another file.
    """
    found: dict[tuple[str, str], dict] = {}
    try:
        for line in path.read_text().splitlines() if path.exists() else ():
            entry = json.loads(line)
            summary = found.setdefault((entry.pop("table"), entry.pop("scale")), {"cells": [], "runs": {}})
            if "row" in entry:
                summary["cells"].append({key: entry[key] for key in KEPT})
            else:
                check_single(entry["run"], summary["runs"])
                summary["runs"][entry["run"]] = {key: entry[key] for key in KEPT_OF_RUN}
        for summary in found.values():
            places = [identify_cell(cell) for cell in summary["cells"]]
            for number, place in enumerate(places):
                check_single(place, places[:number])
            if missing := {cell["run"] for cell in summary["cells"]} - set(summary["runs"]):
                raise KeyError(f"no line of the run {min(missing)}")
    except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise InputError(
            f"expected the values of earlier runs, as written by `python -m papers results`, found {path} "
            f"({type(error).__name__}: {error}); give --values another file"
        ) from None
    return found
