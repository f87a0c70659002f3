"""Wafer maps and labels of LSWMD.pkl, the pickled pandas table of WM811k."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from irl_inr_jax.data.readers.pandas_pickle import decode_array, decode_text, extract, read_pickled_columns
from irl_inr_jax.types import InputError

# Columns other than the map and the label, spelled as in the published file, and the types they are converted to.
COLUMNS = {"lotName": str, "waferIndex": float, "dieSize": float, "trianTestLabel": str}
_MAP, _LABEL = "waferMap", "failureType"
_MAX_SIDE = np.iinfo(np.int16).max
_REMEDY = "get LSWMD.pkl again from the Kaggle data set 'qingyi/wm811k-wafer-map'"


@dataclasses.dataclass(frozen=True)
class WaferMaps:
    """`N` labelled wafers of different sizes.

    flat: all maps concatenated, uint8: 0 outside the wafer, 1 for a die that passed, 2 for a die that failed.
    shape: (N, 2) rows and columns of each map. labels: (N,) strings. rows: (N,) row numbers in the published table.
    columns: name -> (N,) strings or floats, for the names in COLUMNS that the file has.
    """

    flat: np.ndarray
    shape: np.ndarray
    labels: np.ndarray
    rows: np.ndarray
    columns: dict[str, np.ndarray]


def read_lswmd(path: Path) -> WaferMaps:
    """Return the labelled wafers of the pickle at `path`. Reading takes 4 GB of memory for the published file.

    Raises InputError if the file is not a pickle or is truncated, contains anything but a table of plain columns,
    refers to a name that such a table does not need, lacks the maps or the labels, has no labelled map, or has maps
    with values other than 0, 1 and 2.
    """
    source = f"config.data.root ({path})"
    messages = {"source": source, "remedy": _REMEDY}
    table = read_pickled_columns(path, **messages)
    missing = [name for name in (_MAP, _LABEL) if name not in table]
    if missing:
        raise InputError(
            f"{source}: expected the columns {_MAP} and {_LABEL}, found {', '.join(table) or 'none'}; {_REMEDY}"
        )
    column = {name: extract(table[name], name, **messages) for name in (_MAP, _LABEL, *COLUMNS) if name in table}
    names = extract(lambda: np.array([decode_text(cell) for cell in column[_LABEL]], dtype=str), _LABEL, **messages)
    rows = np.flatnonzero(names != "")
    if len(rows) == 0:
        raise InputError(f"{source}: expected labelled maps, found none in {len(names)} rows; {_REMEDY}")
    maps = extract(lambda: [_decode_map(cell) for cell in column[_MAP][rows]], _MAP, **messages)
    flat = np.concatenate([wafer.ravel() for wafer in maps])
    if flat.max() > 2:
        raise InputError(f"{source}: expected maps of 0, 1 and 2, found other values in {_MAP}; {_REMEDY}")
    columns = {
        name: extract(lambda name=name, kind=kind: _convert_column(column[name][rows], kind), name, **messages)
        for name, kind in COLUMNS.items()
        if name in column
    }
    return WaferMaps(
        flat=flat,
        shape=np.array([wafer.shape for wafer in maps], np.int16),
        labels=np.where(names[rows] == "none", "None", names[rows]),
        rows=rows,
        columns=columns,
    )


def _decode_map(cell: Any) -> np.ndarray:
    """Return a map as uint8 (rows, columns), with values other than 0, 1 and 2 replaced by 3."""
    wafer = decode_array(cell)
    if wafer.ndim != 2 or wafer.size == 0 or max(wafer.shape) > _MAX_SIDE or wafer.dtype.kind not in "iuf":
        raise ValueError(f"{wafer.dtype} of shape {wafer.shape} as a map")
    if wafer.dtype == np.uint8:
        return wafer
    return np.where(np.isin(wafer, (0, 1, 2)), wafer, 3).astype(np.uint8)


def _convert_column(cells: np.ndarray, kind: type) -> np.ndarray:
    """Return cells (N,) as strings or floats."""
    return np.array([decode_text(cell) for cell in cells], str) if kind is str else cells.astype(np.float64)
