"""Reproduce the tables of the papers and report our values next to the published ones.

    python -m papers list
    python -m papers table2 --root DIR
    python -m papers thesis4.1 table1 --scale paper --seeds 5 --root DIR
    python -m papers figure2 --root DIR
    python -m papers curve thesis simclr --hours 2 --root DIR
    python -m papers results

Call it from the root of the repository. It runs what a table lacks, or continues a stopped run, and writes
WORKDIR/tables/TABLE-SCALE.md and .json. Tables share runs. --scale quick takes an hour or two per table on two CPU
cores; --scale long has the published images, steps and optimizer with narrow networks; --scale paper is the published
setting and needs a GPU. --root is the folder of the published data sets, as --config.data.root of train.py. `list`
shows the tables and how many of their cells are done; `results` adds the finished runs to the values of earlier ones in
docs/results/tables.jsonl, and writes docs/results/tables.md and a summary in RESULTS.md. Several calls may use one
WORKDIR at the same time. `curve NAME` trains a published method long and scores its checkpoints meanwhile, `curves`
draws what has been measured; `curve --help` has the flags.
"""

import itertools
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from absl import flags

from irl_inr_jax.commands.console import fail
from irl_inr_jax.commands.flags import run_command
from papers.collection import collect_table, list_unfinished
from papers.curves import list_curves
from papers.records import Measure, Table, TrainingSpec
from papers.results import ResultFiles, describe_section, format_markdown, update_results
from papers.runner import StoppedError, Workspace, measure_run, read_record, train_run, write_json
from papers.summary import summarise_cells
from papers.systems import SCALES, simplify_cell
from papers.tables import FIGURE, TABLES
from papers.values import Section

USAGE = f"{(__doc__ or '').rstrip()}\n\nCurves:\n\n{list_curves()}\n"
CURVE_VERBS = ("curve", "curves")  # of papers/curve_command.py


FLAGS: dict[str, Callable[..., object]] = {
    "scale": partial(flags.DEFINE_enum, "scale", "quick", SCALES, "quick: two CPU cores; long, paper: a GPU"),
    "seeds": partial(flags.DEFINE_integer, "seeds", 1, "training runs per system, with seeds 0, 1, ...", lower_bound=1),
    "root": partial(
        flags.DEFINE_string, "root", "data", "folder of the published data sets: mnist/, wm811k/, ...; see docs/data.md"
    ),
    "workdir": partial(flags.DEFINE_string, "workdir", "runs/paper", "folder for the runs and tables"),
    "output": partial(flags.DEFINE_string, "output", "RESULTS.md", "file in which `results` writes a summary"),
    "details": partial(flags.DEFINE_string, "details", "docs/results/tables.md", "file with all tables of `results`"),
    "values": partial(
        flags.DEFINE_string,
        "values",
        "docs/results/tables.jsonl",
        "values of earlier runs, to which `results` adds those in --workdir; a new file has only these",
    ),
}
FLAGS_OF_VERB = {"list": ("scale", "workdir"), "results": ("workdir", "output", "details", "values")}
FLAGS_OF_TABLES = ("scale", "seeds", "root", "workdir")


def define_flags(names: Sequence[str]) -> Callable[[flags.FlagValues, Sequence[str]], None]:
    """Return a function that defines the flags of these names."""

    def define(values: flags.FlagValues, arguments: Sequence[str]) -> None:
        for name in names:
            FLAGS[name](flag_values=values)

    return define


def make_workspace(values: flags.FlagValues) -> Workspace:
    """Return the workspace that the flags of a table describe, with absolute paths."""
    return Workspace(Path(values.workdir).absolute(), str(Path(values.root).absolute()), values.scale)


def reproduce(workspace: Workspace, names: Sequence[str], num_seeds: int) -> int:
    """Run what the tables and figures lack, in order; return the exit status."""
    try:
        for name in names:
            if name == FIGURE:
                reproduce_figure(workspace)
            else:
                reproduce_table(workspace, TABLES[name], num_seeds)
    except StoppedError as stopped:
        print("stopped; the same command continues from there")
        return stopped.status
    return 0


def reproduce_table(workspace: Workspace, table: Table, num_seeds: int) -> None:
    """Run what one table lacks and write the table after every run."""
    measures: dict[TrainingSpec, list[Measure]] = {}
    for cell in (simplify_cell(cell, workspace.scale) for cell in table.cells):
        measures.setdefault(cell.training, []).append(cell.measure)
    run_all(workspace, measures, table.name, num_seeds, after_each=lambda: write_table(workspace, table, num_seeds))
    print(f"\n{write_table(workspace, table, num_seeds)}")


def reproduce_figure(workspace: Workspace) -> None:
    """Train the runs of Figure 2 with seed 0, which it shows, and save one image per data set."""
    from papers.figure2 import FIGURE_RUNS, save_figure

    for config, specs in FIGURE_RUNS.items():
        run_all(workspace, {spec: [] for spec in specs.values()}, FIGURE, 1, after_each=lambda: None)
        print(f"\n{save_figure(workspace, config)}")


def run_all(
    workspace: Workspace,
    measures: dict[TrainingSpec, list[Measure]],
    name: str,
    num_seeds: int,
    *,
    after_each: Callable[[], object],
) -> None:
    """Train and measure each run with each seed, all runs with one seed before the next seed."""
    pairs = list(itertools.product(range(num_seeds), measures))
    for number, (seed, spec) in enumerate(pairs, start=1):
        print(f"\n[{name}, {number} of {len(pairs)}] {spec.name}, seed {seed}", flush=True)
        train_run(workspace, spec, seed)
        measure_run(workspace, spec, seed, measures[spec])
        after_each()


def write_table(workspace: Workspace, table: Table, num_seeds: int) -> str:
    """Write the results of a table so far to WORKDIR/tables as JSON and Markdown; return the Markdown."""
    cells = collect_table(workspace, table, num_seeds)
    section = Section(table, workspace.scale, summarise_cells(cells))
    path = workspace.workdir / "tables" / f"{table.name}-{workspace.scale}.json"
    write_json(path, describe_section(section, cells))
    text = format_markdown(section)
    path.with_suffix(".md").write_text(text)
    return text


def list_tables(workspace: Workspace) -> int:
    """Print each table and the number of its finished cells; return the exit status."""
    for table in TABLES.values():
        cells = [simplify_cell(cell, workspace.scale) for cell in table.cells]
        done = sum(read_record(workspace, cell.training, 0, cell.measure) is not None for cell in cells)
        print(f"{table.name:10}  {done:2} of {len(cells):2} cells with seed 0  {table.title} ({table.source})")
    print(f"{FIGURE:10}  reconstructions with and without symmetry breaking (Figure 2)")
    return 0


def write_results(workdir: Path, files: ResultFiles) -> int:
    """Write the tables from all finished runs and the values of earlier ones; return the exit status."""
    is_new, unfinished = not files.values.exists(), list_unfinished(workdir)
    num_changed = update_results(files, workdir)
    if unfinished:
        print(f"left out, since their training is not finished: {', '.join(unfinished)}")
    if is_new:
        print(f"no earlier values in {files.values}: the tables have only the runs in {workdir}")
    print(f"wrote {files.page}, {files.details} and {files.values}; {num_changed} cells have other values than before")
    return 0


def main(arguments: Sequence[str]) -> int:
    """Run the command line `arguments`; return the exit status."""
    names = list(itertools.takewhile(lambda argument: not argument.startswith("-"), arguments))
    if names and names[0] in CURVE_VERBS:
        from papers.curve_command import main as curve_main

        return curve_main(names[0], names[1:], arguments[len(names) :])
    if not arguments or set(arguments) & {"-h", "-help", "--help"}:
        return run_command(define_flags(tuple(FLAGS)), lambda values: 0, ["--help"], usage=USAGE)
    verbs = {
        "list": lambda values: list_tables(Workspace(Path(values.workdir), "", values.scale)),
        "results": lambda values: write_results(
            Path(values.workdir), ResultFiles(Path(values.output), Path(values.details), Path(values.values))
        ),
    }
    known = (*verbs, *CURVE_VERBS, *TABLES, FIGURE)
    unknown = [name for name in names or arguments[:1] if name not in known]
    if unknown:
        return fail(f"expected tables among {', '.join(known)}, then flags, found {unknown[0]!r}; see --help")
    if len(names) > 1 and set(names) & set(verbs):
        return fail(f"expected list or results alone, found {' '.join(names)}; see --help")
    body = verbs.get(names[0], lambda values: reproduce(make_workspace(values), names, values.seeds))
    used, given = FLAGS_OF_VERB.get(names[0], FLAGS_OF_TABLES), arguments[len(names) :]
    for flag in (argument.lstrip("-").partition("=")[0] for argument in given if argument.startswith("-")):
        if flag in FLAGS and flag not in used:
            return fail(f"expected for {names[0]} flags among --{', --'.join(used)}, found --{flag}; see --help")
    return run_command(define_flags(used), body, given, usage=USAGE)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
