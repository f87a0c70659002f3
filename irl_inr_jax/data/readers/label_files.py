"""Labels in a separate file: config.data.labels_path."""

import re
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict

from irl_inr_jax.data.keys import is_requested
from irl_inr_jax.data.labels import flatten_labels, to_labels
from irl_inr_jax.data.readers.declared_sizes import check_npy_size
from irl_inr_jax.data.readers.hdf5_contents import read_hdf5_labels
from irl_inr_jax.data.readers.npz_contents import read_npz_labels
from irl_inr_jax.data.readers.table_files import TABLE_SUFFIXES, read_columns, to_numbers
from irl_inr_jax.data.readers.table_text import decode_table
from irl_inr_jax.types import InputError

_NAMED_ARRAYS = {
    ".npz": read_npz_labels,
    ".h5": read_hdf5_labels,
    ".hdf5": read_hdf5_labels,
    ".hdf": read_hdf5_labels,
}


def read_labels(data: ConfigDict, ids: np.ndarray) -> np.ndarray:
    """Return the labels (N,) of the images `ids` from the file config.data.labels_path.

    A .npy file, the array config.data.labels_key of an .npz or HDF5 file (or its only one), a .txt file with one label
    per line, and the column config.data.label_column of a table have the labels in the order of the images. If the
    table has a column `id`, its rows are matched by id, and images without a row have no label.

    Raises InputError for unreadable files, a wrong number of labels and unknown ids.
    """
    path = Path(data.labels_path).expanduser()
    name = f"config.data.labels_path ({path})"
    suffix = path.suffix.lower()
    if not path.is_file():
        raise InputError(f"{name}: expected a file of labels, found {'a folder' if path.is_dir() else 'no such file'}")
    if suffix in TABLE_SUFFIXES:
        labels = _from_table(path, data.label_column, ids, name)
    elif suffix == ".npy":
        labels = _from_array(path, name)
    elif suffix in _NAMED_ARRAYS:
        requested = is_requested(data, "labels_key")
        labels = _NAMED_ARRAYS[suffix](path, data.labels_key, requested=requested, name=name)
    elif suffix == ".txt":
        labels = _from_lines(path, name)
    else:
        known = ", ".join((".npy", *_NAMED_ARRAYS, ".txt", *TABLE_SUFFIXES))
        raise InputError(f"{name}: expected a file ending in {known}, found {path.suffix or 'no extension'}")
    return flatten_labels(labels, len(ids), name)


def _from_array(path: Path, name: str) -> np.ndarray:
    try:
        check_npy_size(path)
        return np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError, SyntaxError) as error:
        raise InputError(
            f"{name}: expected an array written by numpy.save, found another file, a damaged file or Python "
            f"objects ({' '.join(str(error).split())}); write it again"
        ) from None


def _from_lines(path: Path, name: str) -> np.ndarray:
    try:
        lines = re.split(r"\r\n|\n|\r", decode_table(path.read_bytes()))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{name}: expected a text file with one label per line, found an unreadable file ({error}); write it again"
        ) from None
    lines = lines[:-1] if lines[-1] == "" else lines  # the last line ends with a line break
    return to_labels(to_numbers(np.array([line.strip() for line in lines], dtype=str)), name)


def _from_table(path: Path, label_column: str, ids: np.ndarray, name: str) -> np.ndarray:
    columns = read_columns(path, key="config.data.labels_path", text=("id",))
    if label_column not in columns:
        raise InputError(
            f"{name}: expected a column {label_column!r}, found {', '.join(columns)}; set config.data.label_column"
        )
    labels = to_labels(columns[label_column], name)
    if "id" not in columns:
        return labels
    found, rows, counts = np.unique(columns["id"], return_index=True, return_counts=True)
    if (counts > 1).any():
        raise InputError(
            f"{name}: expected unique ids, found {str(found[counts.argmax()])!r} more than once; keep one row"
        )
    unknown = found[~np.isin(found, ids)]
    if len(unknown):
        raise InputError(
            f"{name}: expected ids of the images, such as {str(ids[0])!r}, found {str(unknown[0])!r}; "
            f"use the ids of the images, or remove the column if the rows are in the order of the images"
        )
    row_of = dict(zip(found.tolist(), rows.tolist(), strict=True))
    none = "" if labels.dtype.kind == "U" else labels.dtype.type(-1)
    return np.array([labels[row_of[image]] if image in row_of else none for image in ids.tolist()])
