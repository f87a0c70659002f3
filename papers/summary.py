"""Means over seeds per cell, and the combination of those of two groups of seeds.

A summary is what the pages show of a table: for each cell its seeds, mean and standard deviation, and for each run the
range of its costs, its devices and its data. Two summaries with different seeds combine to that of all seeds; the
values of single seeds are not needed again. Only seeds with the same settings and numbers of images are combined.
"""

import math
from collections.abc import Iterable, Sequence

from irl_inr_jax.types import InputError

DATA_DIGITS = 12  # of a checksum of test images, of those in results.json


def summarise_table(record: dict) -> dict:
    """Return the summary of a record of `collection.collect_table`, which has the values of every seed."""
    measured = [entry for entry in record["cells"] if entry["values"]]
    runs = {
        name: _summarise_run(name, [entry for entry in measured if entry["run"] == name])
        for name in dict.fromkeys(entry["run"] for entry in measured)
    }
    kept = ("row", "column", "published", "percent", "run", "settings", "seeds", "mean", "std", "differs")
    cells = [{key: entry[key] for key in kept} for entry in record["cells"]]
    return record | {"cells": cells, "runs": runs}


def _summarise_run(name: str, entries: list[dict]) -> dict:
    """Return seeds, costs, devices and data of the cells of one run, whose seeds differ while some are measured.

    Raises InputError if its seeds have different numbers of images.
    """
    images, *others = dict.fromkeys(tuple(each) for entry in entries for each in entry["images"])
    for other in others:
        check_same_images(name, images, other)
    checksums = [text[:DATA_DIGITS] for text in _by_seed(entries, "data_sha256").values()]
    return {
        "seeds": list(_by_seed(entries, "seeds")),
        "images": list(images),
        "steps": _range(_by_seed(entries, "steps").values()),
        "train_seconds": _range(_by_seed(entries, "train_seconds").values()),
        "evaluate_seconds": _range(_sum_evaluations(entries)),
        "devices": list(dict.fromkeys(_by_seed(entries, "devices").values())),
        "data_sha256": list(dict.fromkeys(checksums)),
        "differs": "; ".join(entries[-1]["differs"]),
    }


def check_same_images(name: str, some: Sequence[int], others: Sequence[int]) -> None:
    """Raise InputError if (training, test) images of two groups of seeds are not equally many."""
    if list(some) != list(others):
        one, two = (f"{train} + {test}" for train, test in (some, others))
        raise InputError(
            f"expected the same number of images for all seeds of {name}, found {one} and {two}; move the folders of "
            f"the others away, and remove the run's lines from a file of earlier values if they are the others"
        )


def _range(values: Iterable) -> list:
    """Return the smallest and the largest of the values."""
    values = list(values)
    return [min(values), max(values)]


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
    (`collection.collect_table` leaves out seeds of the earlier one). Raises InputError if an earlier value that remains
    had other settings or other numbers of images than its run has now.
    """
    if earlier is None:
        return summary
    earlier_cells = {identify_cell(cell): cell for cell in earlier["cells"]}
    cells, runs = [], dict(summary["runs"])
    for cell in summary["cells"]:
        earlier_cell = earlier_cells.get(identify_cell(cell))
        if earlier_cell is None or set(earlier_cell["seeds"]) & set(cell["seeds"]):
            cells.append(cell)
            continue
        check_same_settings(earlier_cell, cell)
        cells.append(cell | combine_cells(earlier_cell, cell))
        name = cell["run"]
        runs[name] = combine_runs(name, earlier["runs"][name], runs.get(name)) | {"differs": "; ".join(cell["differs"])}
    order = dict.fromkeys(cell["run"] for cell in cells if cell["seeds"])
    return summary | {"cells": cells, "runs": {name: runs[name] for name in order}}


def check_same_settings(earlier: dict, cell: dict) -> None:
    """Raise InputError if an earlier value of a cell was measured with other settings than the present ones."""
    if earlier["settings"] != cell["settings"]:
        raise InputError(
            f"expected earlier values of {cell['run']} with its present settings, found others (checksum "
            f"{earlier['settings']} instead of {cell['settings']} in {cell['row']!r}, {cell['column']!r}); run all of "
            f"its seeds again, or remove its lines from the file of --values"
        )


def combine_runs(name: str, first: dict, second: dict | None) -> dict:
    """Return seeds, devices, data and the ranges of steps and costs of two groups of a run's seeds; None is no group.

    Raises InputError if they have different numbers of images.
    """
    if second is None:
        return first
    check_same_images(name, first["images"], second["images"])
    return {
        "seeds": sorted({*first["seeds"], *second["seeds"]}),
        "images": first["images"],
        **{key: _range([*first[key], *second[key]]) for key in ("steps", "train_seconds", "evaluate_seconds")},
        **{key: list(dict.fromkeys([*first[key], *second[key]])) for key in ("devices", "data_sha256")},
    }


def combine_cells(first: dict, second: dict) -> dict:
    """Return seeds, mean and standard deviation of two groups without a common seed (Chan, Golub, LeVeque 1979)."""
    if not first["seeds"] or not second["seeds"]:
        used = first if first["seeds"] else second
        return {key: used[key] for key in ("seeds", "mean", "std")}
    if len(first["mean"]) != len(second["mean"]):
        raise InputError(
            f"expected {len(second['mean'])} numbers in an earlier value, found {first['mean']}; correct its line in "
            f"the file of --values"
        )
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
