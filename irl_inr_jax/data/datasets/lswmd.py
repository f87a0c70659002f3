"""LSWMD.pkl, the file of WM811k: a pandas table in a pickle, read without pandas and without running what it says.

A pickle is a list of calls to make. Here each name that such a table needs stands for a class of ours that keeps what
it is called with and does nothing else, and any other name ends the reading. So no code of NumPy, pandas or anybody
else is ever called by the file; the columns are dug out of what was kept. The published file is of Python 2 and an old
pandas, and later versions call and arrange things differently: all of their spellings are in one table below.
"""

import dataclasses
import gc
import itertools
import pickle
import re
from pathlib import Path

import numpy as np

from irl_inr_jax.types import InputError

# As the publisher spells them. What is known of a wafer besides its map and label, and the type we keep it in.
COLUMNS = {"lotName": str, "waferIndex": float, "dieSize": float, "trianTestLabel": str}
_MAP, _LABEL = "waferMap", "failureType"
_LONGEST = np.iinfo(np.int16).max
_REMEDY = "get LSWMD.pkl again from the Kaggle data set 'qingyi/wm811k-wafer-map'"
_MALFORMED = (AttributeError, IndexError, KeyError, OverflowError, RecursionError, TypeError, ValueError)


@dataclasses.dataclass(frozen=True)
class WaferMaps:
    """`N` labelled wafers at their own sizes.

    flat: all maps end to end, uint8: 0 outside the wafer, 1 a die that passed, 2 one that failed.
    shape: (N, 2) rows and columns of each. labels: (N,) strings. rows: (N,) the row of each in the publisher's table.
    columns: name -> (N,) strings or floats, those of COLUMNS that are known.
    """

    flat: np.ndarray
    shape: np.ndarray
    labels: np.ndarray
    rows: np.ndarray
    columns: dict[str, np.ndarray]


def read_lswmd(path: Path) -> WaferMaps:
    """The labelled wafers of the pickle at `path`, whose every row is in memory meanwhile: 4 GB for the published file.

    Raises InputError if it is no pickle or is cut short, holds anything else than a table of plain columns, names what
    such a table does not need, lacks the maps or labels, or has no labelled map or one of other values than 0, 1, 2.
    """
    source = f"config.data.root ({path})"
    table = _dig(lambda: _find_columns(_load(path, source)), "the table", source)
    missing = [name for name in (_MAP, _LABEL) if name not in table]
    if missing:
        raise InputError(
            f"{source}: expected the columns {_MAP} and {_LABEL}, found {', '.join(table) or 'none'}; {_REMEDY}"
        )
    column = {name: _dig(table[name], name, source) for name in (_MAP, _LABEL, *COLUMNS) if name in table}
    names = _dig(lambda: np.array([_text(cell) for cell in column[_LABEL]], dtype=str), _LABEL, source)
    rows = np.flatnonzero(names != "")
    if len(rows) == 0:
        raise InputError(f"{source}: expected labelled maps, found none in {len(names)} rows; {_REMEDY}")
    maps = _dig(lambda: [_map(cell) for cell in column[_MAP][rows]], _MAP, source)
    flat = np.concatenate([wafer.ravel() for wafer in maps])
    if flat.max() > 2:
        raise InputError(f"{source}: expected maps of 0, 1 and 2, found other values in {_MAP}; {_REMEDY}")
    columns = {
        name: _dig(lambda name=name, kind=kind: _plain(column[name][rows], kind), name, source)
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


class _Kept:
    """Stands for whatever a pickle calls: what it was called with, and the state that it was given afterwards.

    Without __setstate__ a pickle could set attributes, of the instances and of the classes.
    """

    __slots__ = ("args", "state")

    def __new__(cls, *args):
        self = super().__new__(cls)
        self.args, self.state = args, None
        return self

    def __setstate__(self, state):
        self.state = state


# Name -> the modules in which it was at some time.
_SPELLINGS = {
    "_reconstruct": "numpy.core.multiarray numpy._core.multiarray",
    "_frombuffer": "numpy.core.numeric numpy._core.numeric",
    "ndarray": "numpy",
    "dtype": "numpy",
    "slice": "__builtin__ builtins",
    "object": "__builtin__ builtins",
    "bytes": "__builtin__ builtins",
    "bytearray": "__builtin__ builtins",
    "encode": "_codecs",
    "_reconstructor": "copy_reg copyreg",
    "DataFrame": "pandas pandas.core.frame",
    "BlockManager": "pandas.core.internals pandas.core.internals.managers",
    "BlockPlacement": "pandas._libs.internals",
    "_unpickle_block": "pandas._libs.internals",
    "new_block": "pandas.core.internals.blocks",
    "_new_Index": "pandas.core.index pandas.indexes.base pandas.core.indexes.base",
    "Index": "pandas pandas.core.index pandas.indexes.base pandas.core.indexes.base",
    "RangeIndex": "pandas pandas.core.index pandas.indexes.range pandas.core.indexes.range",
    "Int64Index": "pandas pandas.core.index pandas.indexes.numeric pandas.core.indexes.numeric",
    "NA": "pandas pandas._libs.missing",
    "StringDtype": "pandas pandas.core.arrays.string_",
    "StringArray": "pandas.arrays pandas.core.arrays.string_",
    "StringArrayNumpySemantics": "pandas.core.arrays.string_",
    "__pyx_unpickle_NDArrayBacked": "pandas._libs.arrays",
    "ArrowStringArray": "pandas.arrays pandas.core.arrays.string_arrow",
    "ArrowStringArrayNumpySemantics": "pandas.core.arrays.string_arrow",
    "_restore_array": "pyarrow.lib",
    "chunked_array": "pyarrow.lib",
    "type_for_alias": "pyarrow.lib",
    "py_buffer": "pyarrow.lib",
}
_STAND_INS = {name: type(name, (_Kept,), {"__slots__": ()}) for name in _SPELLINGS}
_ADMITTED = {(module, name): _STAND_INS[name] for name, modules in _SPELLINGS.items() for module in modules.split()}


class _Unpickler(pickle.Unpickler):
    """A reader of pickles for which every name is a stand-in or an error."""

    def __init__(self, file, source: str):
        super().__init__(file, encoding="latin1")  # Python 2's strings, of which arrays' bytes are made again
        self._source = source

    def find_class(self, module: str, name: str) -> type:
        if (module, name) not in _ADMITTED:
            raise InputError(
                f"{self._source}: expected a table as pandas writes it, found {f'{module}.{name}'!r}, which no such "
                f"table needs; nothing of the file was run, as it may be harmful: {_REMEDY}"
            )
        return _ADMITTED[module, name]


def _load(path: Path, source: str) -> object:
    """What the pickle keeps."""
    collecting = gc.isenabled()
    gc.disable()  # millions of small objects and no rubbish among them: looking for it takes five times as long
    try:
        with path.open("rb") as file:
            return _Unpickler(file, source).load()
    except InputError:
        raise
    except (pickle.UnpicklingError, EOFError, OSError, MemoryError, *_MALFORMED) as error:
        raise InputError(
            f"{source}: expected a whole pickle of a table, found another file or one that is cut short "
            f"({type(error).__name__}: {' '.join(str(error).split())}); {_REMEDY}"
        ) from None
    finally:
        if collecting:
            gc.enable()


def _dig(find, what: str, source: str):
    """find(), where what was kept may be arranged in any way at all."""
    try:
        return find()
    except InputError:
        raise
    except _MALFORMED as error:
        raise InputError(
            f"{source}: expected a table as pandas writes it, found {what} in another layout "
            f"({type(error).__name__}: {' '.join(str(error).split())}); {_REMEDY}"
        ) from None


def _find_columns(table: object) -> dict:
    """Name -> a function that gives the column's cells (N,)."""
    parts = table.state
    manager = parts["_mgr"] if "_mgr" in parts else parts["_data"]
    if isinstance(manager.state, tuple):
        layout = manager.state[3]["0.14.1"]
        axes, blocks = layout["axes"], [(block["values"], block["mgr_locs"]) for block in layout["blocks"]]
    else:
        blocks, axes = manager.args
        blocks = [block.args[:2] for block in blocks]
    names = [_text(cell) for cell in _cells(axes[0])]
    columns = {}
    for values, places in blocks:
        for row, place in enumerate(_places(places, len(names))):
            columns[names[place]] = lambda values=values, row=row: np.atleast_2d(_cells(values))[row]
    return columns


def _places(places: _Kept, num_columns: int) -> np.ndarray:
    """The columns that a block's rows are."""
    if _is(places, "BlockPlacement"):
        return _places(places.args[0], num_columns)
    return np.arange(num_columns)[slice(*places.args)] if _is(places, "slice") else _cells(places)


def _is(kept: object, *names: str) -> bool:
    return type(kept).__name__ in names


def _cells(kept: _Kept) -> np.ndarray:
    """The array that `kept` stands for; what is kept in an array of objects stays as it is."""
    if _is(kept, "_new_Index"):
        return _cells(kept.args[1]["data"])
    if _is(kept, "__pyx_unpickle_NDArrayBacked"):
        return _cells(next(part for part in kept.state if _is(part, "_reconstruct", "_frombuffer")))
    if _is(kept, "ArrowStringArray", "ArrowStringArrayNumpySemantics"):
        return _arrow_cells(kept.state["_pa_array"] if "_pa_array" in kept.state else kept.state["_data"])
    if _is(kept, "_frombuffer"):
        data, dtype, shape, order = kept.args
    else:
        # An index of an old pandas is an array whose state goes before its own.
        state = kept.state if len(kept.state) > 2 else kept.state[0]
        shape, dtype, fortran, data = state[-4:]
        order = "F" if fortran else "C"
    kind = _dtype(dtype)
    cells = np.fromiter(data, kind, len(data)) if kind.hasobject else np.frombuffer(_bytes(data), kind)
    return cells.reshape(shape, order=order)


def _dtype(kept: _Kept) -> np.dtype:
    """Booleans, numbers, strings or objects, from a name such as 'u1' and the order of bytes in the state."""
    name = kept.args[0]
    if not re.fullmatch(r"O\d?|[biufSU]\d{1,6}", name):
        raise TypeError(f"type {name!r}")
    if name[0] == "O":
        return np.dtype(object)
    return np.dtype(name).newbyteorder(kept.state[1] if kept.state else "=")


def _bytes(data: object) -> bytes | bytearray:
    """Bytes as they are, as Latin-1, or as what makes them of either."""
    while isinstance(data, _Kept):
        data = data.args[0] if data.args else b""
    return data.encode("latin1") if isinstance(data, str) else data


def _arrow_cells(kept: _Kept) -> np.ndarray:
    """The strings of a pyarrow array, '' where there is none: bits of validity, offsets, and all text end to end."""
    if _is(kept, "chunked_array"):
        return np.concatenate([np.zeros(0, object), *(_arrow_cells(chunk) for chunk in kept.args[0])])
    kind, length, _, first, (valid, offsets, text), *_ = kept.args[0]
    wide = {"string": np.int32, "large_string": np.int64}[kind.args[0]]
    ends = np.frombuffer(_bytes(offsets), wide)[first : first + length + 1].tolist()
    text = b"" if text is None else _bytes(text)
    cells = [text[start:end].decode() for start, end in itertools.pairwise(ends)]
    if valid is not None:
        bits = np.unpackbits(np.frombuffer(_bytes(valid), np.uint8), bitorder="little")[first : first + length]
        cells = [cell if bit else "" for cell, bit in zip(cells, bits, strict=True)]
    return np.fromiter(cells, object, length)


def _text(cell: object) -> str:
    """The string of a cell, in as many arrays of one element as it may lie; '' for an empty or missing one."""
    if _is(cell, "_reconstruct", "_frombuffer"):
        inner = _cells(cell)
        return _text(inner.flat[0]) if inner.size else ""
    if isinstance(cell, bytes):
        cell = cell.decode("latin1")
    return cell.strip() if isinstance(cell, str) else ""


def _map(cell: object) -> np.ndarray:
    """A map as uint8 (rows, columns), 3 where it has another value than 0, 1 and 2."""
    wafer = _cells(cell)
    if wafer.ndim != 2 or wafer.size == 0 or max(wafer.shape) > _LONGEST or wafer.dtype.kind not in "iuf":
        raise ValueError(f"{wafer.dtype} of shape {wafer.shape} as a map")
    if wafer.dtype == np.uint8:
        return wafer
    return np.where(np.isin(wafer, (0, 1, 2)), wafer, 3).astype(np.uint8)


def _plain(cells: np.ndarray, kind: type) -> np.ndarray:
    """Cells (N,) as strings or floats."""
    return np.array([_text(cell) for cell in cells], str) if kind is str else cells.astype(np.float64)
