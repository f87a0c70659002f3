"""Wafer maps from a list of dies: a table with one row for each tested die, as a prober or a yield database exports it.

The table names the wafer, the column and row of the die on it, and the bin of its test. Wafers of one table are of one
product: the grid of all maps spans the positions of all dies, so that a wafer whose edge was not tested keeps its size.
"""

import dataclasses
from pathlib import Path

import numpy as np
from jaxtyping import Int, Int64
from ml_collections import ConfigDict

from irl_inr_jax.data.datasets.lswmd import WaferMaps
from irl_inr_jax.data.datasets.wm811k import make_wafer_source
from irl_inr_jax.data.readers.table_files import TABLE_SUFFIXES, read_columns
from irl_inr_jax.data.source import Source
from irl_inr_jax.types import InputError

FAILED, PASSED = 2, 1  # as in WM811k; 0 where there is no tested die
MAX_SIDE = 2000  # dies along one axis; a larger grid has coordinates in micrometres or a wrong row
_JOIN = "+"


def read_die_list(data: ConfigDict) -> Source:
    """Return one map for each wafer of the table config.data.path, stretched to a square as those of WM811k.

    config.data.die_columns names the columns of wafer, x, y and bin; `lot+wafer` joins several columns to the name of a
    wafer. Dies whose bin is in config.data.pass_bins passed. A die without a bin was not tested, and of several rows of
    one die the last counts, that of its last test. config.data.label_column, if it is there, has the wafer's class.

    Raises InputError for missing columns, positions that are not integers, a grid of more than `MAX_SIDE` dies, a table
    without a die that passed or without one that failed, and a wafer with two labels.
    """
    path = Path(data.path).expanduser()
    name = f"config.data.path ({path})"
    if not path.is_file() or path.suffix.lower() not in TABLE_SUFFIXES:
        raise InputError(
            f"{name}: expected a table of dies ({', '.join(TABLE_SUFFIXES)}), found "
            f"{'none' if not path.exists() else f'a file ending in {path.suffix!r}' if path.is_file() else 'a folder'}"
        )
    wafer_key, x_key, y_key, bin_key = data.die_columns
    wafer_keys = wafer_key.split(_JOIN)
    columns = read_columns(path, key="config.data.path", text=(*wafer_keys, bin_key, data.label_column))
    missing = [key for key in (*wafer_keys, x_key, y_key, bin_key) if key not in columns]
    if missing:
        raise InputError(
            f"{name}: expected the columns {', '.join((*wafer_keys, x_key, y_key, bin_key))}, found no {missing[0]!r} "
            f"among {', '.join(columns)}; set config.data.die_columns to the names of wafer, x, y and bin"
        )
    wafers, first_rows, wafer_of = find_wafers([columns[key] for key in wafer_keys])
    positions = np.stack([_read_positions(columns[key], key, name) for key in (y_key, x_key)], axis=1)
    failed = ~np.isin(columns[bin_key], [str(value) for value in data.pass_bins])
    tested = columns[bin_key] != ""
    _check_bins(columns[bin_key][tested], failed[tested], data.pass_bins, name)
    maps = place_dies(wafer_of[tested], positions[tested], failed[tested], num_wafers=len(wafers), name=name)
    labels = columns.get(data.label_column)
    labels = None if labels is None else _label_wafers(labels, wafer_of, wafers, name)
    shape = np.broadcast_to(np.array(maps.shape[1:], np.int16), (len(wafers), 2))
    source = make_wafer_source(
        data,
        WaferMaps(maps.reshape(-1), shape, np.full(len(wafers), "") if labels is None else labels, first_rows, {}),
        np.arange(len(wafers)),
        None,
        path=path,
    )
    share = f"{100 * failed[tested].mean():.1f} % of the dies failed"
    return dataclasses.replace(
        source,
        name=name,
        ids=wafers,
        labels=labels,
        columns={"failed_share": _mean_by(wafer_of[tested], failed[tested], len(wafers))},
        description=f"{len(wafers)} wafer maps of {maps.shape[1]}x{maps.shape[2]} dies, {share}, of {path}",
    )


def find_wafers(parts: list[np.ndarray]) -> tuple[np.ndarray, Int64[np.ndarray, "n"], Int64[np.ndarray, "dies"]]:
    """Return names of the wafers in the table's order, the first row of each, and the wafer's number of each row.

    parts: columns (dies,) of strings, joined by '/' to the name.
    """
    names = parts[0]
    for part in parts[1:]:
        names = np.char.add(np.char.add(names, "/"), part)
    values, first, inverse = np.unique(names, return_index=True, return_inverse=True)
    order = np.argsort(first)
    return values[order], first[order].astype(np.int64), np.argsort(order)[inverse].astype(np.int64)


def place_dies(
    wafer_of: Int[np.ndarray, "dies"],
    positions: Int[np.ndarray, "dies 2"],
    failed: np.ndarray,
    *,
    num_wafers: int,
    name: str,
) -> np.ndarray:
    """Return maps (num_wafers, rows, columns) of uint8: `FAILED`, `PASSED`, and 0 without a tested die.

    positions: row and column of each die. The last of several rows of one die counts. Raises InputError for a grid of
    more than `MAX_SIDE` dies along an axis.
    """
    low, high = positions.min(axis=0), positions.max(axis=0)
    height, width = (int(extent) for extent in high - low + 1)
    if max(height, width) > MAX_SIDE:
        raise InputError(
            f"{name}: expected columns and rows of dies, at most {MAX_SIDE} along an axis, found x from {low[1]} to "
            f"{high[1]} and y from {low[0]} to {high[0]}; give positions in dies, not lengths, and correct single rows"
        )
    maps = np.zeros((num_wafers, height, width), np.uint8)
    cells = np.ravel_multi_index((wafer_of, *(positions - low).T), maps.shape)
    # Of repeated indices NumPy's assignment keeps an unspecified one.
    last = len(cells) - 1 - np.unique(cells[::-1], return_index=True)[1]
    maps.reshape(-1)[cells[last]] = np.where(failed[last], FAILED, PASSED)
    return maps


def _read_positions(values: np.ndarray, key: str, name: str) -> Int64[np.ndarray, "dies"]:
    if values.dtype.kind not in "iuf" or not np.isfinite(values).all() or (values != np.rint(values)).any():
        wrong = next(value for value in values if not _is_whole(value))
        raise InputError(
            f"{name}: expected whole numbers of dies in the column {key!r}, found {str(wrong)!r}; correct the row, or "
            f"set config.data.die_columns to the names of wafer, x, y and bin"
        )
    return values.astype(np.int64)


def _is_whole(value: object) -> bool:
    try:
        return float(str(value)).is_integer()
    except ValueError:
        return False


def _check_bins(bins: np.ndarray, failed: np.ndarray, pass_bins: tuple, name: str) -> None:
    if not len(bins) or failed.all() or not failed.any():
        found = ", ".join(np.unique(bins)[:8].tolist()) or "none"
        raise InputError(
            f"{name}: expected dies that passed (bins {', '.join(map(str, pass_bins))}) and dies that failed, found "
            f"only bins {found}; set config.data.pass_bins"
        )


def _label_wafers(labels: np.ndarray, wafer_of: np.ndarray, wafers: np.ndarray, name: str) -> np.ndarray:
    """Return the label of each wafer, '' where all its rows have none. Raises InputError for two labels."""
    result = np.full(len(wafers), "", labels.dtype)
    filled = np.flatnonzero(labels != "")
    result[wafer_of[filled]] = labels[filled]
    wrong = filled[result[wafer_of[filled]] != labels[filled]]
    if len(wrong):
        wafer = wafer_of[wrong[0]]
        raise InputError(
            f"{name}: expected one label for each wafer, found {str(labels[wrong[0]])!r} and {str(result[wafer])!r} "
            f"for {str(wafers[wafer])!r}; keep one, or leave the column out with config.data.label_column"
        )
    return result


def _mean_by(groups: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    total = np.bincount(groups, minlength=count)
    return np.bincount(groups, weights=values, minlength=count) / np.maximum(total, 1)
