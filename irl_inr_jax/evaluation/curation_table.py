"""Corrections from a table with a row per image: columns id, cluster, name, junk."""

from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from irl_inr_jax.data.csv_cells import restore_cell
from irl_inr_jax.data.readers.table_files import read_columns
from irl_inr_jax.evaluation.curation import (
    CuratedClusters,
    KeepImages,
    MarkJunk,
    Merge,
    Move,
    Operation,
    Rename,
    apply_operations,
    check_ids,
    name_or_number,
)
from irl_inr_jax.metrics.clustering_scores import NOISE
from irl_inr_jax.types import InputError

COLUMNS = ("id", "cluster", "name", "junk")
_TRUE, _FALSE = {"1", "true", "yes"}, {"0", "false", "no"}


class StatedRow(NamedTuple):
    """A row of the table; None where a cell is empty. number: of the row, 1 for the header."""

    number: int
    image: str
    cluster: int | None
    name: str
    junk: bool | None


def read_corrections_table(path: Path, state: CuratedClusters, *, raw: bool) -> tuple[Operation, ...]:
    """Return the corrections of `state` that a CSV, TSV or Parquet table states.

    raw: the tables of this run have cells that a spreadsheet would evaluate as they are; those of Parquet always have.

    A row puts its image into the cluster of that number or, without a number, of that name; a name that no cluster has
    makes a new cluster, and so does the number after the last. Number and name together name the cluster, also in a
    row without an id. An image listed with a cluster counts as corrected, even if it is in that cluster already.

    A table of all images with numbers, as report.html downloads it, states the result: only images whose cluster
    differs are moved, and a cluster whose images are all listed with one other cluster is merged into it. Empty cells
    and other columns are ignored. Raises InputError for missing columns, unknown ids and clusters, and contradictions.
    """
    known = {str(name) for name in state.ids}
    raw = raw or path.suffix.lower() == ".parquet"
    rows = [row._replace(image=_find_id(row.image, known, raw=raw)) for row in read_rows(path, raw=raw)]
    listed = [row for row in rows if row.image]
    check_ids(known, [row.image for row in listed], place=str(path))
    stated_names = _collect_names(rows, state, path)
    numbers, stated_names = _number_names(listed, stated_names, state, path)
    targets, junk = _resolve_targets(listed, numbers, path)
    home = dict(zip(map(str, state.ids), state.home.tolist(), strict=True))
    is_complete = len(targets) == len(home) and all(row.cluster is not None for row in listed)
    operations: list[Operation] = _find_merges(home, targets, path) if is_complete else []
    merged = apply_operations(state, operations)
    now = dict(zip(map(str, state.ids), merged.home.tolist(), strict=True))
    moves = defaultdict(list)
    for name, target in targets.items():
        if target != now[name] or not (is_complete or junk.get(name)):
            moves[target].append(name)
    operations += [Move(tuple(sorted(ids)), target) for target, ids in sorted(moves.items())]
    operations += [
        Rename(number, name) for number, name in sorted(stated_names.items()) if state.names.get(number) != name
    ]
    was_junk = dict(zip(map(str, state.ids), state.junk.tolist(), strict=True))
    for value, kind in ((True, MarkJunk), (False, KeepImages)):
        changed = tuple(sorted(name for name, is_junk in junk.items() if is_junk is value and was_junk[name] != value))
        operations += [kind(changed)] if changed else []
    return tuple(operations)


def read_rows(path: Path, *, raw: bool) -> list[StatedRow]:
    """Return the rows of the table; raw: names are as they are written.

    Raises InputError for missing columns and cells that are not understood.
    """
    if path.stat().st_size == 0:
        raise InputError(f"expected a table with the columns {', '.join(COLUMNS)} in {path}, found an empty file")
    columns = read_columns(path, key="corrections", text=COLUMNS)
    found = ", ".join(columns)
    if "id" not in columns or not {"cluster", "name", "junk"} & set(columns):
        raise InputError(
            f"expected a column id and at least one of cluster, name, junk in {path}, found {found}; rename the columns"
        )
    empty = np.full(len(columns["id"]), "")
    cells = zip(*(columns.get(name, empty).tolist() for name in COLUMNS), strict=True)
    return [_read_row(path, number, row, raw=raw) for number, row in enumerate(cells, 2)]


def _read_row(path: Path, number: int, row: tuple[str, str, str, str], *, raw: bool) -> StatedRow:
    image, cluster, name, junk = map(str, row)
    cluster, name, junk = cluster.strip(), name.strip(), junk.strip().lower()
    name = name if raw else restore_cell(name)
    if junk not in {"", *_TRUE, *_FALSE}:
        raise InputError(f"expected 1, 0 or nothing in the column junk of {path}, found {junk!r} in row {number}")
    try:
        target = None if cluster == "" else int(cluster)
    except ValueError:
        raise InputError(
            f"expected the number of a cluster in the column cluster of {path}, found {cluster!r} in row {number}; put "
            f"names in the column name"
        ) from None
    return StatedRow(number, image, target, name, None if junk == "" else junk in _TRUE)


def _find_id(written: str, known: set[str], *, raw: bool) -> str:
    """Return the id that a table has, as tables of this run write it or, in one of another program, the other way."""
    restored = restore_cell(written)
    if raw and written in known:
        return written
    return restored if restored in known else written


def _collect_names(rows: list[StatedRow], state: CuratedClusters, path: Path) -> dict[int, str]:
    """Return the names that rows with a number state, without those that stand for 'no name'."""
    names: dict[int, tuple[str, int]] = {}
    for row in rows:
        if not row.image and (row.cluster is None or not row.name):
            raise InputError(f"expected an id, or a cluster and its name, in row {row.number} of {path}, found neither")
        if row.cluster is None or row.name in ("", name_or_number(row.cluster, {}), "junk"):
            continue
        earlier = names.setdefault(row.cluster, (row.name, row.number))
        if earlier[0] != row.name:
            raise InputError(
                f"expected one name for cluster {row.cluster} in {path}, found {earlier[0]!r} in row {earlier[1]} and "
                f"{row.name!r} in row {row.number}; to move an image by the name of its cluster, leave its number empty"
            )
    return {number: name for number, (name, _) in names.items()}


def _number_names(
    rows: list[StatedRow], stated_names: dict[int, str], state: CuratedClusters, path: Path
) -> tuple[dict[str, int], dict[int, str]]:
    """Return the number of each name that a row may state, and the stated names with those of new clusters."""
    present = set(state.home.tolist())
    numbers = {name: number for number, name in (state.names | stated_names).items()}
    numbers |= {name_or_number(number, {}): number for number in present | {NOISE}}
    given = {row.cluster for row in rows if row.cluster is not None}
    following = state.next_number
    # Rows without a number may name clusters that rows with a number make.
    for number in sorted(given - set(range(NOISE, following))):
        if number != following:
            raise InputError(
                f"expected in {path} a cluster from 0 to {state.next_number - 1}, or {state.next_number} for a new "
                f"one, found {number}"
            )
        following += 1
    unnamed = sorted({row.name for row in rows if row.cluster is None and row.name not in ("", "junk")} - set(numbers))
    numbers |= {name: following + place for place, name in enumerate(unnamed)}
    return numbers, stated_names | {numbers[name]: name for name in unnamed}


def _resolve_targets(
    rows: list[StatedRow], numbers: dict[str, int], path: Path
) -> tuple[dict[str, int], dict[str, bool]]:
    """Return the cluster of each image that is listed with one, and whether it is junk where that is stated."""
    targets: dict[str, int] = {}
    junk: dict[str, bool] = {}
    first: dict[tuple[str, str], int] = {}
    for row in rows:
        is_junk = True if row.cluster is None and row.name == "junk" else row.junk
        target = numbers[row.name] if row.cluster is None and row.name not in ("", "junk") else row.cluster
        statements: list[tuple[str, dict[str, Any], int | None]] = [
            ("clusters", targets, target),
            ("junk", junk, is_junk),
        ]
        for what, stated, found in statements:
            if found is None:
                continue
            earlier = first.setdefault((what, row.image), row.number)
            if stated.setdefault(row.image, found) != found:
                raise InputError(
                    f"expected one statement for each image in {path}, found {row.image!r} in rows {earlier} and "
                    f"{row.number} with different {what}; keep one of them"
                )
    return targets, junk


def _find_merges(home: dict[str, int], targets: dict[str, int], path: Path) -> list[Operation]:
    """Return the merges that a table of all images contains.

    Raises InputError if a cluster has changed all of its images for others, as in a table of another clustering.
    """
    stated = defaultdict(set)
    for name, number in home.items():
        stated[number].add(targets[name])
    merges: list[Operation] = []
    for number, found in sorted(stated.items()):
        (target, *others) = found
        if not others and target != number and min(target, number) >= 0 and target in stated:
            merges.append(Merge(number, target))
    for number in sorted(set(targets.values()) & set(stated)):
        if number not in stated[number] and number >= 0:
            raise InputError(
                f"expected in {path}, a table of all images, clusters of this run, found none of the images of cluster "
                f"{number} left in it, but others; is it a table of another run or clusterer?"
            )
    return merges
