"""Anybody's images as files that a table names: CSV, TSV or parquet, with labels, splits and whatever else it has."""

from pathlib import Path

import numpy as np
from ml_collections import ConfigDict

from irl_inr_jax.data.readers.files_source import source_of_files
from irl_inr_jax.data.readers.table_files import read_columns, to_labels
from irl_inr_jax.data.source import Source
from irl_inr_jax.types import InputError

_SPLITS = ("train", "test")


def read_table(data: ConfigDict) -> Source:
    """The image files that the column config.data.path_column of the table config.data.path names.

    Relative paths start in the table's folder. The column config.data.label_column has the labels, if it is there;
    `id` the ids, if it is there and has no repeats, else the paths are; `split` says train or test. All other columns
    stay columns. Files that are missing count as unreadable.

    Raises InputError for damaged tables, a missing path column, repeats, other splits, and as `source_of_files`.
    """
    path = Path(data.path).expanduser()
    name = f"config.data.path ({path})"
    columns = read_columns(path, key="config.data.path", text=(data.path_column, "id", "split"))
    if data.path_column not in columns:
        raise InputError(
            f"{name}: expected a column {data.path_column!r} of image files, found {', '.join(columns)}; "
            f"set config.data.path_column"
        )
    paths = columns.pop(data.path_column)
    ids = columns.pop("id") if _is_unique(columns.get("id")) else paths
    if not _is_unique(ids):
        values, counts = np.unique(ids, return_counts=True)
        raise InputError(
            f"{name}: expected each file once, found {str(values[counts.argmax()])!r} more than once; keep one row of "
            f"each, or add a column 'id' without repeats"
        )
    labels = columns.pop(data.label_column, None)
    split = columns.pop("split", None)
    return source_of_files(
        name,
        path.parent,
        paths.tolist(),
        data=data,
        ids=ids,
        labels=None if labels is None else to_labels(labels, name),
        columns=columns,
        test=None if split is None else _is_test(split, name),
    )


def _is_unique(values: np.ndarray | None) -> bool:
    return values is not None and len(np.unique(values)) == len(values)


def _is_test(split: np.ndarray, name: str) -> np.ndarray:
    """(N,) strings, train or test, as booleans; None of another word is guessed at."""
    unknown = np.flatnonzero(~np.isin(split, _SPLITS))
    if len(unknown):
        raise InputError(
            f"{name}: expected train or test in the column 'split', found {str(split[unknown[0]])!r} in row "
            f"{unknown[0] + 1}; rename it or take its rows out"
        )
    return split == "test"
