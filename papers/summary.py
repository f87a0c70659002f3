"""Means over seeds per cell, and the combination of those of two groups of seeds.

A summary is what the pages show of a table: for each cell its seeds, mean and standard deviation, and for each run the
range of its costs, its devices and its data. Two summaries with different seeds combine exactly; the values of single
seeds are not needed again. The settings of a run are compared by its differences from the publication, in words.
"""

import math

from irl_inr_jax.types import InputError

CHECKSUM_LENGTH = 12  # characters that are shown


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
    evaluate_seconds = _sum_evaluations(entries)
    checksums = [text[:CHECKSUM_LENGTH] for text in _by_seed(entries, "data_sha256").values()]
    return {
        "seeds": list(_by_seed(entries, "seeds")),
        "images": entries[-1]["images"],
        "step": entries[-1]["step"],
        "train_seconds": [min(train_seconds), max(train_seconds)],
        "evaluate_seconds": [min(evaluate_seconds), max(evaluate_seconds)],
        "devices": list(dict.fromkeys(_by_seed(entries, "devices").values())),
        "data_sha256": list(dict.fromkeys(checksums)),
        "differs": "; ".join(entries[-1]["differs"]),
    }


def _by_seed(entries: list[dict], key: str) -> dict:
    """Return {seed: value} of a list in the cells of a run."""
    found = {seed: value for entry in entries for seed, value in zip(entry["seeds"], entry[key], strict=True)}
    return dict(sorted(found.items()))


def _sum_evaluations(entries: list[dict]) -> list[float]:
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
            f"expected earlier values of {name} with its present settings ({now}), found other settings ({before}); "
            f"run all of its seeds again, or remove its lines from the file of --values"
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
