"""Means over the seeds of each cell, and the combination of those of two groups of seeds.

Summaries with different seeds combine to that of all seeds; the values of single seeds are not needed again. Only seeds
with the same settings and numbers of images are combined.
"""

import math
import statistics
from collections.abc import Iterable, Sequence
from typing import TypeVar

from irl_inr_jax.types import InputError
from papers.values import CellKey, CellResults, CellSummary, RunSummary, SeedResult, TableSummary

Number = TypeVar("Number", int, float)
DATA_DIGITS = 12  # of a checksum of test images, of those in results.json


def summarise_cells(cells: Sequence[CellResults]) -> TableSummary:
    """Return the summary of a table's cells.

    Raises InputError if seeds of a run have different numbers of images.
    """
    measured = [cell for cell in cells if cell.seeds]
    names = dict.fromkeys(cell.key.run for cell in measured)
    runs = {name: _summarise_run(name, [cell for cell in measured if cell.key.run == name]) for name in names}
    return TableSummary({cell.key: _average(cell) for cell in cells}, runs)


def _average(cell: CellResults) -> CellSummary:
    numbers = list(zip(*[each.value for each in cell.seeds], strict=True))
    std = tuple(map(statistics.stdev, numbers)) if len(cell.seeds) > 1 else None
    seeds = tuple(each.seed for each in cell.seeds)
    return CellSummary(settings=cell.settings, seeds=seeds, mean=tuple(map(statistics.fmean, numbers)), std=std)


def _summarise_run(name: str, cells: list[CellResults]) -> RunSummary:
    """Return the summary of a run from its cells, whose seeds differ while some are measured."""
    results = [each for cell in cells for each in cell.seeds]
    images, *others = dict.fromkeys(each.images for each in results)
    for other in others:
        check_same_images(name, images, other)
    by_seed: dict[int, SeedResult] = dict(sorted({each.seed: each for each in results}.items()))
    return RunSummary(
        seeds=tuple(by_seed),
        images=images,
        steps=_range(each.steps for each in by_seed.values()),
        train_seconds=_range(each.train_seconds for each in by_seed.values()),
        evaluate_seconds=_range(_sum_evaluations(cells)),
        devices=_distinct(each.device for each in by_seed.values()),
        data_sha256=_distinct(each.data_sha256[:DATA_DIGITS] for each in by_seed.values()),
    )


def check_same_images(name: str, some: tuple[int, int], others: tuple[int, int]) -> None:
    """Raise InputError if (training, test) images of two groups of seeds are not equally many."""
    if some != others:
        one, two = (f"{train} + {test}" for train, test in (some, others))
        raise InputError(
            f"expected the same number of images for all seeds of {name}, found {one} and {two}; move the folders of "
            f"the others away, and remove the run's lines from a file of earlier values if they are the others"
        )


def _range(values: Iterable[Number]) -> tuple[Number, Number]:
    """Return the smallest and the largest of the values."""
    values = list(values)
    return min(values), max(values)


def _distinct(texts: Iterable[str]) -> tuple[str, ...]:
    """Return each text once, in the order of first occurrence."""
    return tuple(dict.fromkeys(texts))


def _sum_evaluations(cells: list[CellResults]) -> list[float]:
    """Return the seconds of all evaluations of a run that its cells show, for each seed."""
    seconds: dict[int, dict[str, float]] = {}
    for cell in cells:
        for each in cell.seeds:
            seconds.setdefault(each.seed, {})[cell.evaluation] = each.evaluate_seconds
    return [sum(evaluations.values()) for evaluations in seconds.values()]


def add_earlier(summary: TableSummary, earlier: TableSummary | None) -> TableSummary:
    """Return a summary with the values of an earlier one of the same table and scale.

    Cells with different seeds are combined; one that shares a seed with the earlier one replaces it
    (`collection.collect_table` leaves out seeds of the earlier one). Raises InputError if an earlier value that remains
    had other settings or other numbers of images than its run has now.
    """
    if earlier is None:
        return summary
    cells, runs = dict(summary.cells), dict(summary.runs)
    for key, cell in summary.cells.items():
        before = earlier.cells.get(key)
        if before is None or set(before.seeds) & set(cell.seeds):
            continue
        check_same_settings(key, before, cell)
        cells[key] = combine_cells(before, cell)
        runs[key.run] = combine_runs(key.run, earlier.runs[key.run], runs.get(key.run))
    order = dict.fromkeys(key.run for key, cell in cells.items() if cell.seeds)
    return TableSummary(cells, {name: runs[name] for name in order})


def check_same_settings(key: CellKey, earlier: CellSummary, cell: CellSummary) -> None:
    """Raise InputError if an earlier value of a cell was measured with other settings than the present ones."""
    if earlier.settings != cell.settings:
        raise InputError(
            f"expected earlier values of {key.run} with its present settings, found others (checksum "
            f"{earlier.settings} instead of {cell.settings} in {key.row!r}, {key.column!r}); run all of its seeds "
            f"again, or remove its lines from the file of --values"
        )


def combine_runs(name: str, first: RunSummary, second: RunSummary | None) -> RunSummary:
    """Return the summary of two groups of a run's seeds; None is no group.

    Raises InputError if they have different numbers of images.
    """
    if second is None:
        return first
    check_same_images(name, first.images, second.images)
    return RunSummary(
        seeds=tuple(sorted({*first.seeds, *second.seeds})),
        images=first.images,
        steps=_range([*first.steps, *second.steps]),
        train_seconds=_range([*first.train_seconds, *second.train_seconds]),
        evaluate_seconds=_range([*first.evaluate_seconds, *second.evaluate_seconds]),
        devices=_distinct([*first.devices, *second.devices]),
        data_sha256=_distinct([*first.data_sha256, *second.data_sha256]),
    )


def combine_cells(first: CellSummary, second: CellSummary) -> CellSummary:
    """Return the summary of two groups of a cell's seeds without a common one (Chan, Golub, LeVeque 1979).

    Raises InputError if they have different counts of numbers.
    """
    if not first.seeds or not second.seeds:
        return first if first.seeds else second
    if len(first.mean) != len(second.mean):
        raise InputError(
            f"expected {len(second.mean)} numbers in an earlier value, found {list(first.mean)}; correct its line in "
            f"the file of --values"
        )
    one, two = len(first.seeds), len(second.seeds)
    total = one + two
    zeros = (0.0,) * len(first.mean)
    mean, std = [], []
    for mean_1, mean_2, std_1, std_2 in zip(
        first.mean, second.mean, first.std or zeros, second.std or zeros, strict=True
    ):
        squares = (one - 1) * std_1**2 + (two - 1) * std_2**2 + (mean_2 - mean_1) ** 2 * one * two / total
        mean.append((one * mean_1 + two * mean_2) / total)
        std.append(math.sqrt(squares / (total - 1)))
    return CellSummary(
        settings=second.settings, seeds=tuple(sorted([*first.seeds, *second.seeds])), mean=tuple(mean), std=tuple(std)
    )
