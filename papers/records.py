"""What a table is made of. No functions but names for folders.

A `Run` is one call of train.py for each seed, a `Measure` one number of an evaluation of it, a `Cell` both at a place
in a `Table` with what was published there.
"""

import dataclasses
from typing import NamedTuple

Settings = tuple[tuple[str, object], ...]  # (dotted key of irl_inr_jax/config/base.py, value)


class Evaluation(NamedTuple):
    """A kind of call of evaluate.py: what it is asked for besides clusterers.

    report: 'scores' of clusterers, or also the other 'numbers'.
    """

    report: str
    transductive: bool
    settings: Settings

    @property
    def name(self) -> str:
        """Of its record."""
        how = "transductive" if self.transductive else "inductive"
        return "-".join([self.report, how, *describe_settings(self.settings)])


@dataclasses.dataclass(frozen=True)
class Run:
    """configs/`config`.py as the system `system` of `systems.SYSTEMS`, with `settings` on top of it."""

    config: str
    system: str
    settings: Settings = ()

    @property
    def name(self) -> str:
        """Of its folder, without the seed."""
        return "-".join([self.config, self.system, *describe_settings(self.settings)])


@dataclasses.dataclass(frozen=True)
class Measure:
    """A number, or several, of an evaluation.

    path: where it stands in results.json. percent: whether it is a share. clusterer: which has to run for it; '' for
    none. transductive: whether the test images are clustered by themselves. settings: of `evaluation` and `clustering`.
    """

    path: tuple[str, ...]
    percent: bool
    clusterer: str = ""
    transductive: bool = False
    settings: Settings = ()

    @property
    def evaluation(self) -> Evaluation:
        """Measures that agree in this can come from one call of evaluate.py."""
        report = "scores" if self.path[0] == "clustering" else "numbers"
        return Evaluation(report, self.transductive, self.settings)


@dataclasses.dataclass(frozen=True)
class Cell:
    """One number of a table. published: as printed, '' where the publication has none."""

    row: str
    column: str
    published: str
    run: Run
    measure: Measure


@dataclasses.dataclass(frozen=True)
class Table:
    """title: for people. source: where it was published. cells: row by row. notes: what a reader has to know."""

    name: str
    title: str
    source: str
    cells: tuple[Cell, ...]
    notes: tuple[str, ...] = ()

    @property
    def rows(self) -> list[str]:
        """Their names, in order."""
        return list(dict.fromkeys(cell.row for cell in self.cells))

    @property
    def columns(self) -> list[str]:
        """Their names, in order."""
        return list(dict.fromkeys(cell.column for cell in self.cells))


def describe_settings(settings: Settings) -> list[str]:
    """('num_rotations=4', 'augment=s1.r'): short enough for names of folders and files."""
    return [f"{key.split('.')[-1]}={str(value).replace('+', '.')}" for key, value in settings]
