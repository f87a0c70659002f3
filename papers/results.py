"""The tables as Markdown and as JSON, and the pages that show all of them."""

import dataclasses
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from irl_inr_jax.config.checked_files import replace_file
from irl_inr_jax.training.progress import format_seconds
from irl_inr_jax.types import InputError
from papers.collection import collect_all
from papers.systems import SCALES, describe_differences, simplify_cell
from papers.values import CellResults, CellSummary, Section
from papers.values_file import check_complete, count_changed, format_values, read_summaries

DETAILS_LINK = "docs/results/tables.md"  # from RESULTS.md
ONLY_DETAILS = ("table4", "table6", "table7", "table8")  # sizes of z, augmentations, and the digit 9


def format_ours(cell: CellSummary, *, percent: bool) -> str:
    """Return a value such as '59.6 ± 1.1' or '0.999, 0.999'; the empty string if it was not measured."""
    factor, digits = (100, 1) if percent else (1, 4)
    numbers = [f"{factor * mean:.{digits}f}" for mean in cell.mean]
    if cell.std is not None:
        numbers = [f"{text} ± {factor * std:.{digits}f}" for text, std in zip(numbers, cell.std, strict=True)]
    return ", ".join(numbers)


def format_markdown(section: Section) -> str:
    """Return the table of published and our values, followed by a description of the runs."""
    table, scale, _ = section
    return "\n".join(
        [
            f"## {table.title} ({table.source}), scale {scale}",
            "",
            *_format_table(section, table.rows),
            "",
            *table.notes,
            "",
            *_describe_runs(section),
        ]
    )


def describe_section(section: Section, results: Sequence[CellResults]) -> dict:
    """Return a table for JSON. results: those of each cell, which the section summarises.

    percent: whether the table shows a fraction in percent. differs: the deviations from the publication.
    """
    table, scale, summary = section
    cells = [
        {
            **result.key._asdict(),
            "published": cell.published,
            "percent": cell.measure.percent,
            "differs": describe_differences(simplify_cell(cell, scale).training, scale),
            "settings": result.settings,
            "evaluation": result.evaluation,
            "mean": summary.cells[result.key].mean or None,
            "std": summary.cells[result.key].std,
            "seeds": [dataclasses.asdict(each) for each in result.seeds],
        }
        for cell, result in zip(table.cells, results, strict=True)
    ]
    facts = {"table": table.name, "title": table.title, "source": table.source, "scale": scale, "notes": table.notes}
    return {**facts, "cells": cells}


def _format_table(section: Section, rows: list[str]) -> list[str]:
    """Return the lines of the table of published and our values with these rows."""
    ours = {(key.row, key.column): cell for key, cell in section.summary.cells.items()}
    cells = {(cell.row, cell.column): cell for cell in section.table.cells}
    columns = section.table.columns
    header = ["", *(f"{column}: {origin}" for column in columns for origin in ("published", "ours"))]
    lines = [_line(header), _line(["---"] * len(header))]
    for row in rows:
        texts = [row]
        for place in ((row, column) for column in columns):
            cell = cells.get(place)
            empty = ["", ""]
            texts += empty if cell is None else [cell.published, format_ours(ours[place], percent=cell.measure.percent)]
        lines.append(_line(texts))
    return lines


def _describe_runs(section: Section) -> list[str]:
    """Return one line per run: seeds, cost, device, data, and differences from the publication."""
    if not section.summary.runs:
        return ["No runs at this scale.", ""]
    simplified = (simplify_cell(cell, section.scale).training for cell in section.table.cells)
    specs = {spec.name: spec for spec in simplified}
    lines = ["Runs:", ""]
    for name, run in section.summary.runs.items():
        num_train, num_test = run.images
        steps = f"{' to '.join(dict.fromkeys(map(str, run.steps)))} steps" if any(run.steps) else "no steps"
        facts = [
            f"seeds {', '.join(map(str, run.seeds))}",
            f"{num_train} + {num_test} images (test sha256 {' and '.join(run.data_sha256)})",
            f"{steps} in {_format_range(run.train_seconds)}",
            f"evaluation {_format_range(run.evaluate_seconds)}",
            " and ".join(run.devices),
        ]
        differs = "; ".join(describe_differences(specs[name], section.scale)) or "none"
        lines.append(f"- `{name}`: {', '.join(facts)}. Differences from the publication: {differs}.")
    return [*lines, ""]


def _format_range(seconds: tuple[float, float]) -> str:
    """Return the shortest and the longest time as text."""
    return " to ".join(dict.fromkeys(map(format_seconds, seconds)))


def select_shown(sections: list[Section]) -> list[Section]:
    """Return what the pages show: each table at each scale with a value, or once, empty, if it has none."""
    shown = []
    for name in dict.fromkeys(section.table.name for section in sections):
        scales = [section for section in sections if section.table.name == name]
        shown += [section for section in scales if section.summary.runs] or scales[-1:]
    return shown


def format_details(sections: list[Section]) -> str:
    """Return the page of all tables, with their runs."""
    return "\n".join([DETAILS, *map(format_markdown, select_shown(sections))]).rstrip() + "\n"


def format_summary(sections: list[Section]) -> str:
    """Return the tables of which more than half of the cells have a value, without empty rows and without runs.

    Those of `ONLY_DETAILS` are only named.
    """
    parts, left_out, further = [], [], []
    for section in select_shown(sections):
        table, scale, summary = section
        measured = {key: cell for key, cell in summary.cells.items() if cell.seeds}
        is_empty = 2 * len(measured) <= len(summary.cells)
        if is_empty or table.name in ONLY_DETAILS:
            (left_out if is_empty else further).append(f"{table.title} ({table.name}, {scale})")
            continue
        filled = {key.row for key in measured}
        parts += [
            f"### {table.title}, scale {scale}, {describe_seeds(measured.values())}",
            "",
            *_format_table(section, [row for row in table.rows if row in filled]),
            "",
            f"*{table.source[0].upper()}{table.source[1:]}*",
            "",
        ]
    if further:
        parts += [f"Only in [all tables]({DETAILS_LINK}): {'; '.join(further)}.", ""]
    if left_out:
        parts.append(f"Mostly without values, and only in [all tables]({DETAILS_LINK}): {'; '.join(left_out)}.")
    return "\n".join(parts).rstrip() + "\n"


def describe_seeds(cells: Iterable[CellSummary]) -> str:
    """Return the number of seeds of cells that have some, such as '1 seed' or '1 to 3 seeds'."""
    counts = [len(cell.seeds) for cell in cells]
    fewest, most = min(counts), max(counts)
    return f"{fewest} to {most} seeds" if fewest < most else f"{most} seed{'s' if most > 1 else ''}"


class ResultFiles(NamedTuple):
    """page: has the summary between the lines `BEGIN` and `END`. details: all tables. values: for later calls."""

    page: Path
    details: Path
    values: Path


def update_results(files: ResultFiles, workdir: Path) -> int:
    """Add the finished runs in `workdir` to the values of earlier ones, write all files, count the changed cells.

    Raises InputError before anything is written: for a page without the two lines, names that are not those of three
    files, a folder without runs, if no run has a value, and for values of other settings or of no cell.
    """
    if len({path.resolve() for path in files}) < len(files) or any(path.is_dir() for path in files):
        named = ", ".join(map(str, files))
        raise InputError(f"expected three files for --output, --details and --values, found {named}")
    page = files.page.read_text(encoding="utf-8") if files.page.is_file() else ""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise InputError(f"expected a file with the lines {BEGIN!r} and {END!r}, found none of them in {files.page}")
    if not any((workdir / scale).is_dir() for scale in SCALES):
        raise InputError(
            f"expected a folder for --workdir that contains {', '.join(SCALES[:-1])} or {SCALES[-1]}, which `papers "
            f"TABLE` writes, found none of them in {workdir}"
        )
    earlier = read_summaries(files.values)
    sections = collect_all(workdir, earlier)
    check_complete(sections, earlier)
    if not any(section.summary.runs for section in sections):
        raise InputError(f"expected finished runs in {workdir}, found none; --workdir names the folder of the runs")
    page = f"{before}{begin}\n\n{format_summary(sections)}\n{end}{after}"
    write_together({files.values: format_values(sections), files.details: format_details(sections), files.page: page})
    return count_changed(sections, earlier)


def write_together(texts: dict[Path, str]) -> None:
    """Write all files before the first of them replaces an earlier one.

    Raises InputError if a parent of a path is not a folder.
    """
    with ExitStack() as unfinished:
        for path, text in texts.items():
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except (FileExistsError, NotADirectoryError) as error:
                raise InputError(f"expected a file in a folder, found {path} ({error})") from None
            unfinished.enter_context(replace_file(path)).write_text(text, encoding="utf-8")


# Between these lines of RESULTS.md is the summary of the papers' tables.
BEGIN = "<!-- `python -m papers results` writes what is below. -->"
END = "<!-- `python -m papers results` writes what is above. -->"
DETAILS = """# The papers' tables

Published values next to values measured with this repository: accuracy in %, with clusters matched one to one to
classes; mean ± standard deviation over training seeds where there are several. `python -m papers TABLE --root DIR`
runs or continues a table, and `python -m papers results` writes this page; empty cells have not been run. At scale
`quick` every system is trained on fewer images (all wafers), for fewer steps and with the same optimizer, most with
smaller networks than published: it compares systems under one small budget and does not reproduce the publications
([what it shows](quick_scale.md)). Scale `long` has smaller networks and is as published otherwise; scale `paper` is the
published setting.
"""


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
