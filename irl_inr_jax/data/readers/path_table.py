"""Image files listed in a table (CSV, TSV or Parquet), with labels, splits and other columns."""

from pathlib import Path

import numpy as np
from ml_collections import ConfigDict

from irl_inr_jax.data.keys import is_requested
from irl_inr_jax.data.labels import to_labels
from irl_inr_jax.data.readers.files_source import source_of_files
from irl_inr_jax.data.readers.table_files import read_columns
from irl_inr_jax.data.source import Source
from irl_inr_jax.types import InputError

_SPLITS = ("train", "test")


def read_table(data: ConfigDict) -> Source:
    """Return the image files in the column config.data.path_column of the table config.data.path.

    Paths are relative to the table's folder. Optional columns: config.data.label_column has the labels; `id` has the
    ids if it is unique, otherwise the paths are the ids; `split` has train or test. All others become columns of the
    `Source`. Missing files count as unreadable.

    Raises InputError for damaged tables, a missing path column, a requested label column that is missing, repeated
    files, other splits, and as `source_of_files`.
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
    if data.label_column not in columns and is_requested(data, "label_column"):
        raise InputError(
            f"{name}: expected a column {data.label_column!r} of labels, as config.data.label_column requests, found "
            f"{', '.join(columns)}; set config.data.label_column to one of these"
        )
    ids = columns.pop("id") if _is_unique(columns.get("id")) else paths
    if not _is_unique(ids):
        values, counts = np.unique(ids, return_counts=True)
        raise InputError(
            f"{name}: expected each file once, found {str(values[counts.argmax()])!r} more than once; keep one row of "
            f"each, or add a column 'id' of unique values"
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
    """Return True (N,) for 'test' and False for 'train'. Raises InputError for other strings."""
    unknown = np.flatnonzero(~np.isin(split, _SPLITS))
    if len(unknown):
        raise InputError(
            f"{name}: expected train or test in the column 'split', found {str(split[unknown[0]])!r} in row "
            f"{unknown[0] + 1}; rename it or remove these rows"
        )
    return split == "test"
