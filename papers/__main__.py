"""The tables of the papers, run here: ours beside the published values.

    python -m papers list
    python -m papers table2 --root DIR
    python -m papers thesis4.1 table1 --scale paper --seeds 5 --root DIR
    python -m papers figure2 --root DIR
    python -m papers results

Runs what is missing of a table, or continues it where it was stopped, and writes WORKDIR/tables/TABLE-SCALE.md and
.json. Tables share runs. --scale small is a table in an hour or two on two CPU cores, --scale paper the published
setting for a GPU. --root is the folder of the published data sets, as --config.data.root of train.py. list says which
tables there are and how much of each is done; results writes RESULTS.md from all that was run. Two calls may work in
one WORKDIR at the same time.
"""

import itertools
import sys
from collections.abc import Callable
from pathlib import Path

from absl import flags

from irl_inr_jax.commands.flags import fail, parse_flags, run_script
from papers.records import Measure, Run, Table
from papers.results import collect_table, format_markdown, format_results
from papers.runner import Place, StoppedError, measure_run, read_record, train_run, write_json
from papers.systems import SCALES, simplify_cell
from papers.tables import FIGURE, FIGURE_RUNS, TABLES

SCALE = flags.DEFINE_enum("scale", "small", SCALES, "small, for two CPU cores, or paper, for a GPU")
SEEDS = flags.DEFINE_integer("seeds", 1, "training runs of each system, with seeds 0, 1, ...", lower_bound=1)
ROOT = flags.DEFINE_string("root", "data", "folder of the published data sets: mnist/, wm811k/, ...; see docs/data.md")
WORKDIR = flags.DEFINE_string("workdir", "runs/paper", "folder for the runs and tables")
OUTPUT = flags.DEFINE_string("output", "RESULTS.md", "what `results` writes")


def make(names: list[str]) -> int:
    """Runs what is missing of tables and figures, in order; the exit status."""
    place = Place(Path(WORKDIR.value).absolute(), str(Path(ROOT.value).absolute()), SCALE.value)
    try:
        for name in names:
            if name == FIGURE:
                make_figure(place)
            else:
                make_table(place, TABLES[name])
    except StoppedError as stopped:
        print("stopped; the same command continues from there")
        return stopped.status
    return 0


def make_table(place: Place, table: Table) -> None:
    """Runs what is missing of one table, and writes it down after every run."""
    needs: dict[Run, list[Measure]] = {}
    for cell in (simplify_cell(cell, place.scale) for cell in table.cells):
        needs.setdefault(cell.run, []).append(cell.measure)
    carry_out(place, needs, table.name, after_each=lambda: write_table(place, table))
    print(f"\n{format_markdown(write_table(place, table))}")


def make_figure(place: Place) -> None:
    """The runs that Figure 2 shows, and a picture a data set."""
    from papers.figure2 import save_figure

    for config, runs in FIGURE_RUNS.items():
        carry_out(place, {run: [] for run in runs.values()}, FIGURE, after_each=lambda: None)
        print(f"\n{save_figure(place, config)}")


def carry_out(place: Place, needs: dict[Run, list[Measure]], name: str, *, after_each: Callable[[], object]) -> None:
    """Trains and measures each run with each seed, a whole table with one seed before the next."""
    total = SEEDS.value * len(needs)
    for number, (seed, run) in enumerate(((seed, run) for seed in range(SEEDS.value) for run in needs), start=1):
        print(f"\n[{name}, {number} of {total}] {run.name}, seed {seed}", flush=True)
        train_run(place, run, seed)
        measure_run(place, run, seed, needs[run])
        after_each()


def write_table(place: Place, table: Table) -> dict:
    """The record of a table as it is now, also in WORKDIR/tables as JSON and Markdown."""
    record = collect_table(place, table, SEEDS.value)
    path = place.workdir / "tables" / f"{table.name}-{place.scale}.json"
    write_json(path, record)
    path.with_suffix(".md").write_text(format_markdown(record))
    return record


def list_tables() -> int:
    """Each table and how many of its cells are there; the exit status."""
    place = Place(Path(WORKDIR.value).absolute(), "", SCALE.value)
    for table in TABLES.values():
        cells = [simplify_cell(cell, place.scale) for cell in table.cells]
        done = sum(read_record(place, cell.run, 0, cell.measure) is not None for cell in cells)
        print(f"{table.name:10}  {done:2} of {len(cells):2} cells with seed 0  {table.title} ({table.source})")
    print(f"{FIGURE:10}  reconstructions with and without symmetry breaking (Figure 2)")
    return 0


def write_results() -> int:
    """RESULTS.md from all that was run; the exit status."""
    Path(OUTPUT.value).write_text(format_results(Path(WORKDIR.value).absolute()))
    print(f"wrote {OUTPUT.value}")
    return 0


def main() -> None:
    """Reads what is to be made off the command line, and makes it."""
    arguments = sys.argv[1:]
    if not arguments or set(arguments) & {"-h", "--help"}:
        print(__doc__)
        sys.exit(0)
    names = list(itertools.takewhile(lambda argument: not argument.startswith("-"), arguments))
    verbs = {"list": list_tables, "results": write_results}
    known = (*verbs, *TABLES, FIGURE)
    unknown = [name for name in names or arguments[:1] if name not in known]
    if unknown:
        sys.exit(fail(f"expected tables among {', '.join(known)}, then flags, found {unknown[0]!r}; see --help"))
    if len(names) > 1 and set(names) & set(verbs):
        sys.exit(fail(f"expected list or results by itself, found {' '.join(names)}; see --help"))
    sys.argv[1:] = arguments[len(names) :]
    parse_flags()
    run_script(verbs.get(names[0], lambda: make(names)))


if __name__ == "__main__":
    main()
