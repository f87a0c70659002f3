"""Records of measured values: results of single seeds, and the summaries shown on the pages."""

import dataclasses
from typing import NamedTuple

from papers.records import Table


class CellKey(NamedTuple):
    """Place of a value in a table, and the name of its run without the seed."""

    row: str
    column: str
    run: str


@dataclasses.dataclass(frozen=True)
class SeedResult:
    """One seed of a cell.

    value: one or several numbers. images: numbers of training and test images. steps: of training. evaluate_seconds: of
    the evaluation that measured the value. data_sha256: of the test images.
    """

    seed: int
    value: tuple[float, ...]
    images: tuple[int, int]
    steps: int
    train_seconds: float
    evaluate_seconds: float
    device: str
    data_sha256: str


@dataclasses.dataclass(frozen=True)
class CellResults:
    """All seeds of a cell. evaluation: name of the evaluation. settings: checksum of what the value depends on."""

    key: CellKey
    evaluation: str
    settings: str
    seeds: tuple[SeedResult, ...]


@dataclasses.dataclass(frozen=True)
class CellSummary:
    """Mean of a cell over its seeds, () without seeds, and sample standard deviation, None for fewer than two.

    settings: checksum of what the value depends on.
    """

    settings: str
    seeds: tuple[int, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...] | None


@dataclasses.dataclass(frozen=True)
class RunSummary:
    """Seeds of a run, the smallest and largest of its steps and costs, its devices and test images.

    evaluate_seconds: of all evaluations of a seed. data_sha256: the first digits of each checksum of test images.
    """

    seeds: tuple[int, ...]
    images: tuple[int, int]
    steps: tuple[int, int]
    train_seconds: tuple[float, float]
    evaluate_seconds: tuple[float, float]
    devices: tuple[str, ...]
    data_sha256: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class TableSummary:
    """The cells of a table at a scale, in its order, and the runs that have values."""

    cells: dict[CellKey, CellSummary]
    runs: dict[str, RunSummary]


class Section(NamedTuple):
    """A table at a scale with its summary, as a page shows it."""

    table: Table
    scale: str
    summary: TableSummary
