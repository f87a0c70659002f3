"""The table of assigned images, a CSV file that can be continued after any interruption.

The file is its own record: an image is done if its line is there, and complete. Lines are appended in one write, so a
process that is killed leaves whole lines and at most one part of a line, which is removed before more are appended.
"""

import csv
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from irl_inr_jax.config.checked_files import write_in_one_step
from irl_inr_jax.data.csv_cells import format_rows, restore_cell
from irl_inr_jax.deployment.image_assignment import AssignedImages
from irl_inr_jax.deployment.model_bundle import ModelBundle
from irl_inr_jax.training.workdir_lock import hold_lock
from irl_inr_jax.types import InputError


@contextmanager
def lock_table(out: Path) -> Iterator[None]:
    """Hold the lock of a table within the block. Raises InputError if another process has it."""
    out.parent.mkdir(parents=True, exist_ok=True)
    refusal = (
        f"expected no other irl-inr assign that writes {out}, found one that has its lock; stop it, or choose another "
        f"--out"
    )
    with hold_lock(out.with_name(f".{out.name}.lock"), refusal=refusal):
        yield


def column_names(bundle: ModelBundle) -> list[str]:
    """Return the columns: of each clusterer the cluster, its name if clusters have names, and the confidence."""
    columns = ["id"]
    for name in bundle.clusterers:
        names = [f"{name}_name"] if bundle.cluster_names.get(name) else []
        columns += [name, *names, f"{name}_confidence"]
    has_pose = bundle.reference.pose is not None
    return [
        *columns,
        "outlier_score",
        "novelty",
        "outside",
        *(["theta", "tau_x", "tau_y"] if has_pose else []),
        "nearest",
    ]


def format_lines(bundle: ModelBundle, assigned: AssignedImages) -> str:
    """Return the lines of the table, one for each image."""
    columns: list[list] = [list(assigned.ids)]
    for name in bundle.clusterers:
        clusters = assigned.clusters[name].tolist()
        names = bundle.cluster_names.get(name)
        columns += [clusters, *([[names.get(number, "") for number in clusters]] if names else [])]
        columns.append([f"{value:.4f}" for value in assigned.confidence[name]])
    columns += [
        [f"{value:.4f}" for value in assigned.outlier_scores],
        [f"{value:.4f}" for value in assigned.novelty],
        ["true" if value else "false" for value in assigned.is_outside],
    ]
    if assigned.pose is not None and assigned.shifts is not None:
        columns += [[f"{value:.5f}" for value in part] for part in (assigned.pose.theta, *assigned.shifts.T)]
    columns.append(list(assigned.nearest))
    return format_rows(zip(*columns, strict=True), raw=bundle.config.evaluation.raw_csv)


def check_earlier_table(path: Path) -> bool:
    """Return True if there is a table of assigned images. Raises InputError for another file in its place."""
    if not path.exists():
        return False
    try:
        with path.open(encoding="utf-8", newline="") as file:
            header = next(csv.reader(file), [])
    except (OSError, UnicodeDecodeError, csv.Error):
        header = ["something else"]
    if header and not (header[0] == "id" and {"outlier_score", "novelty", "nearest"} <= set(header)):
        raise InputError(
            f"expected no file, or an earlier table of irl-inr assign, in {path}, found another file; choose another "
            f"--out"
        )
    return True


def start_table(path: Path, columns: list[str], *, raw: bool) -> None:
    """Write a table without images, in place of any that is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_in_one_step(path, format_rows([columns], raw=raw))


def continue_table(path: Path, columns: list[str], *, raw: bool) -> set[str]:
    """Start a table, or remove what an interrupted write left of a line; return the ids of the images that are done.

    raw: cells that a spreadsheet would evaluate are as they are.

    Raises InputError for a file with other columns.
    """
    if not path.exists() or format_rows([columns], raw=raw).encode().startswith(path.read_bytes()):
        start_table(path, columns, raw=raw)  # an interrupted write may have left a part of the first line
        return set()
    restore = str if raw else restore_cell
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        header = list(map(restore, next(csv.reader(file), [])))
    if header != columns:
        raise InputError(
            f"expected a table of this model in {path}, with the columns {', '.join(columns)}, found "
            f"{', '.join(header)}; choose another --out"
        )
    size = _end_of_lines(path)
    with path.open("r+b") as file:
        file.truncate(size)
    with path.open(encoding="utf-8", newline="") as file:
        return {restore(row[0]) for row in list(csv.reader(file))[1:]}


def append_lines(path: Path, lines: str) -> None:
    """Append whole lines in one write and wait until they are on the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
    try:
        left = memoryview(lines.encode())
        while left:
            left = left[os.write(descriptor, left) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _end_of_lines(path: Path) -> int:
    """Return the number of bytes up to the end of the last whole line. A quoted field may contain line ends."""
    end = position = 0
    is_quoted = False
    with path.open("rb") as file:
        for line in file:
            position += len(line)
            is_quoted ^= line.count(b'"') % 2 == 1
            if not is_quoted and line.endswith(b"\n"):
                end = position
    return end
