"""Records that describe a published table.

A `TrainingSpec` is one call of train.py per seed, a `Measure` is one number of an evaluation of that run, and a `Cell`
places both in a `Table` next to the published value.
"""

import dataclasses
from typing import NamedTuple

Settings = tuple[tuple[str, object], ...]  # (dotted key of irl_inr_jax/config/base.py, value)


class EvaluationSpec(NamedTuple):
    """Options of a call of evaluate.py, except for its clusterers.

    report: 'scores' for clustering scores only, 'numbers' for all other measurements too.
    """

    report: str
    transductive: bool
    settings: Settings

    @property
    def name(self) -> str:
        """File name of the record, without extension."""
        mode = "transductive" if self.transductive else "inductive"
        return "-".join([self.report, mode, *describe_settings(self.settings)])


@dataclasses.dataclass(frozen=True)
class TrainingSpec:
    """configs/`config`.py as the system `system` of `systems.SYSTEMS`, with `settings` on top of it."""

    config: str
    system: str
    settings: Settings = ()

    @property
    def name(self) -> str:
        """Name of the run's folder, without the seed."""
        return "-".join([self.config, self.system, *describe_settings(self.settings)])


@dataclasses.dataclass(frozen=True)
class Measure:
    """One or several numbers of an evaluation.

    path: keys that lead to it in results.json. percent: whether it is a fraction to be shown in percent. clusterer: the
    clusterer it requires, '' for none. transductive: whether the test images are clustered without the training images.
    settings: of the blocks `evaluation` and `clustering`.
    """

    path: tuple[str, ...]
    percent: bool
    clusterer: str = ""
    transductive: bool = False
    settings: Settings = ()

    @property
    def evaluation(self) -> EvaluationSpec:
        """The evaluation that yields this measure; measures with equal ones share a call of evaluate.py."""
        report = "scores" if self.path[0] == "clustering" else "numbers"
        return EvaluationSpec(report, self.transductive, self.settings)


@dataclasses.dataclass(frozen=True)
class Cell:
    """One number of a table. published: as printed, '' if the publication has none."""

    row: str
    column: str
    published: str
    training: TrainingSpec
    measure: Measure


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of `cells` in row order, with its title, the publication it comes from and notes for the reader."""

    name: str
    title: str
    source: str
    cells: tuple[Cell, ...]
    notes: tuple[str, ...] = ()

    @property
    def rows(self) -> list[str]:
        """Row names in order."""
        return list(dict.fromkeys(cell.row for cell in self.cells))

    @property
    def columns(self) -> list[str]:
        """Column names in order."""
        return list(dict.fromkeys(cell.column for cell in self.cells))


def describe_settings(settings: Settings) -> list[str]:
    """Return short forms such as 'num_rotations=4' or 'augment=s1.r' for names of folders and files."""
    return [f"{key.split('.')[-1]}={str(value).replace('+', '.')}" for key, value in settings]
