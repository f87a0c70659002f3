"""Image files listed or stored in a table (CSV, TSV or Parquet), with labels, splits and other columns."""

import dataclasses
import os
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict
from pyarrow import parquet

from irl_inr_jax.data.keys import is_requested
from irl_inr_jax.data.labels import flatten_labels, to_labels
from irl_inr_jax.data.readers.embedded_images import EmbeddedImages, list_image_columns, read_class_names
from irl_inr_jax.data.readers.files_source import source_of_files
from irl_inr_jax.data.readers.named_arrays import unread_note
from irl_inr_jax.data.readers.table_files import damage_as_input_error, is_plain, read_columns
from irl_inr_jax.data.source import Source, row_ids
from irl_inr_jax.types import InputError

_SPLITS = ("train", "test")
_TYPE_LENGTH = 60  # letters of a type in a message


def read_table(data: ConfigDict) -> Source:
    """Return the image files in the column config.data.path_column of the table config.data.path.

    Paths are relative to the table's folder. The column of a Parquet file may contain the image files themselves;
    without a column of the default name, the only one that does is read. Optional columns: config.data.label_column has
    the labels; `id` has the ids if it is unique, otherwise the paths are the ids; `split` has train or test. All others
    become columns of the `Source`, except those of bytes, lists and records, which a note names. Missing files count as
    unreadable.

    Raises InputError for damaged tables, a missing path column, a requested label column that is missing, repeated
    files, other splits, and as `source_of_files`.
    """
    path = Path(data.path).expanduser()
    name = f"config.data.path ({path})"
    columns = read_columns(path, key="config.data.path", text=(data.path_column, "id", "split"))
    with damage_as_input_error(name):
        others = _other_columns(path)
        image_column = _find_image_column(data, path, columns)
    if image_column is None and data.path_column not in columns:
        found = [*columns, *(f"{column} ({kind})" for column, kind in others.items())]
        raise InputError(
            f"{name}: expected a column {data.path_column!r} of image files, found {', '.join(found)}; "
            f"set config.data.path_column"
        )
    with damage_as_input_error(name):
        images = None if image_column is None else EmbeddedImages(path, image_column, data.memory_mb * 1e6)
    paths = columns.pop(data.path_column) if images is None else images.names
    if data.label_column in others and data.label_column != image_column:
        columns[data.label_column] = _read_lists(path, data.label_column, len(paths), name)
        del others[data.label_column]
    if data.label_column not in columns and is_requested(data, "label_column"):
        raise InputError(
            f"{name}: expected a column {data.label_column!r} of labels, as config.data.label_column requests, found "
            f"{', '.join(columns)}; set config.data.label_column to one of these"
        )
    if images is not None and (not _is_unique(paths) or "" in paths):
        paths = row_ids(path.stem, len(paths))
    labels, split = columns.get(data.label_column), columns.get("split")  # a column may be used twice
    ids = columns.pop("id") if _is_unique(columns.get("id")) else paths
    _check_repeated(ids, name)
    columns = {column: values for column, values in columns.items() if column not in (data.label_column, "split")}
    known = {
        "ids": ids,
        "labels": None if labels is None else _name_classes(to_labels(labels, name), path, data.label_column),
        "columns": columns,
        "test": None if split is None else _is_test(split, name),
    }
    if images is None:
        files = resolve_backslashes(path.parent, paths, name)
        source = source_of_files(name, path.parent, files, data=data, is_kept=True, **known)
    else:
        rows = [str(row) for row in range(len(paths))]
        source = source_of_files(name, path, rows, data=data, load=images.read, **known)
        pages = np.array([int(Path(file).name) for file in source.files if file]) if source.files is not None else None
        source = dataclasses.replace(source, files=np.full(len(source.ids), str(path)), pages=pages)
    unread = [column for column in others if column != image_column]
    return dataclasses.replace(source, notes=(*source.notes, *unread_note(unread, "columns", path)))


def _check_repeated(ids: np.ndarray, name: str) -> None:
    """Raise InputError if an id occurs more than once."""
    if not _is_unique(ids):
        values, counts = np.unique(ids, return_counts=True)
        raise InputError(
            f"{name}: expected each file once, found {str(values[counts.argmax()])!r} more than once; keep one row of "
            f"each, or add a column 'id' of unique values"
        )


def resolve_backslashes(folder: Path, paths: np.ndarray, name: str) -> list[str]:
    """Return the paths (N,) of a table, with slashes for backslashes where only such a file exists below `folder`.

    Raises InputError if no path with backslashes leads to a file.
    """
    found = paths.tolist()
    rows = [row for row, path in enumerate(found) if "\\" in path]
    for row in rows:
        slashes = found[row].replace("\\", "/")
        if not os.path.exists(folder / found[row]) and os.path.exists(folder / slashes):
            found[row] = slashes
    if rows and not any(os.path.exists(folder / found[row]) for row in rows):
        raise InputError(
            f"{name}: expected paths of image files relative to {folder}, found {found[rows[0]]!r} in row "
            f"{rows[0] + 1}, with the backslashes of Windows, and no such file; write the paths with / and relative "
            f"to that folder"
        )
    return found


def _other_columns(path: Path) -> dict[str, str]:
    """Return the columns that are neither numbers nor text, and their types."""
    if path.suffix.lower() != ".parquet":
        return {}
    return {
        field.name: str(field.type)[:_TYPE_LENGTH] for field in parquet.read_schema(path) if not is_plain(field.type)
    }


def _find_image_column(data: ConfigDict, path: Path, columns: dict[str, np.ndarray]) -> str | None:
    """Return the column that contains image files, None if the table lists their paths."""
    if path.suffix.lower() != ".parquet" or data.path_column in columns:
        return None
    found = list_image_columns(path)
    if data.path_column in found:
        return data.path_column
    return found[0] if len(found) == 1 and not is_requested(data, "path_column") else None


def _read_lists(path: Path, column: str, num_rows: int, name: str) -> np.ndarray:
    """Return a column of lists of one length, such as one number per class, as labels. Raises InputError for others."""
    with damage_as_input_error(name):
        values = parquet.read_table(path, columns=[column]).column(0).to_pylist()
    try:
        return flatten_labels(np.array(values), num_rows, f"{name}, column {column}")
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{name}: expected one label for each image in the column {column!r}, found lists of several lengths"
        ) from None


def _name_classes(labels: np.ndarray, path: Path, column: str) -> np.ndarray:
    """Return the labels by the names of classes that are stored with them, if there are any."""
    names = read_class_names(path, column) if path.suffix.lower() == ".parquet" else ()
    if not names or labels.dtype.kind != "i" or labels.max() >= len(names) or labels.min() < -1:
        return labels
    return np.where(labels < 0, "", np.array(names)[labels])


def _is_unique(values: np.ndarray | None) -> bool:
    return values is not None and len(np.unique(values)) == len(values)


def _is_test(split: np.ndarray, name: str) -> np.ndarray:
    """Return True (N,) for 'test' and False for 'train'. Raises InputError for other strings."""
    unknown = np.flatnonzero(~np.isin(split, _SPLITS))
    if len(unknown):
        raise InputError(
            f"{name}: expected train or test in the column 'split', found {str(split[unknown[0]])!r} in row "
            f"{unknown[0] + 1}; rename it or remove these rows"
        )
    return split == "test"
