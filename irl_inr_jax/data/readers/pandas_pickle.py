"""Safe reader of a pickled pandas table; it needs no pandas and executes no code of the file.

A pickle is a list of calls. Each name that a pandas table needs is replaced by a placeholder class that records its
arguments and does nothing else; any other name is an error. The file therefore never calls code of NumPy, pandas or
other packages, and the columns are extracted from the recorded arguments. Python 2 and old versions of pandas use other
names and layouts than later ones; one table below lists all of them.
"""

import gc
import itertools
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from irl_inr_jax.types import InputError

MALFORMED = (AttributeError, IndexError, KeyError, OverflowError, RecursionError, TypeError, ValueError)


def read_pickled_columns(path: Path, *, source: str, remedy: str) -> dict[str, Callable[[], np.ndarray]]:
    """Return a map from column name to a function that returns the column's cells (N,), objects undecoded.

    source, remedy: the file and the advice in messages. Raises InputError if the file is not a complete pickle of a
    table in a known layout or refers to a name that such a table does not need.
    """
    return extract(lambda: _find_columns(_unpickle(path, source, remedy)), "the table", source=source, remedy=remedy)


def extract(function: Callable[[], Any], what: str, *, source: str, remedy: str) -> Any:
    """Return function(), converting the errors that an unexpected layout can cause to InputError."""
    try:
        return function()
    except InputError:
        raise
    except MALFORMED as error:
        raise InputError(
            f"{source}: expected a table as written by pandas, found {what} in another layout "
            f"({type(error).__name__}: {' '.join(str(error).split())}); {remedy}"
        ) from None


class _Placeholder:
    """Record of a call in a pickle: its arguments, and the state that was set afterwards.

    Without __setstate__ a pickle could set attributes of the instances and of the classes.
    """

    __slots__ = ("args", "state")

    def __new__(cls, *args):
        self = super().__new__(cls)
        self.args, self.state = args, None
        return self

    def __setstate__(self, state):
        self.state = state


# Name -> all modules that have defined it in any version.
_MODULES = {
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
_PLACEHOLDERS = {name: type(name, (_Placeholder,), {"__slots__": ()}) for name in _MODULES}
_ALLOWED = {(module, name): _PLACEHOLDERS[name] for name, modules in _MODULES.items() for module in modules.split()}


class _Unpickler(pickle.Unpickler):
    """Unpickler that resolves every name to a placeholder class or raises InputError."""

    def __init__(self, file, source: str, remedy: str):
        super().__init__(file, encoding="latin1")  # Python 2 stores array data as strings
        self._source, self._remedy = source, remedy

    def find_class(self, module: str, name: str) -> type:
        if (module, name) not in _ALLOWED:
            raise InputError(
                f"{self._source}: expected a table as written by pandas, found {f'{module}.{name}'!r}, which no "
                f"table needs; the file may be malicious, no code of it was executed; {self._remedy}"
            )
        return _ALLOWED[module, name]


def _unpickle(path: Path, source: str, remedy: str) -> object:
    """Return the pickled object, built of placeholders."""
    collecting = gc.isenabled()
    gc.disable()  # garbage collection over millions of small live objects makes loading five times slower
    try:
        with path.open("rb") as file:
            return _Unpickler(file, source, remedy).load()
    except InputError:
        raise
    except (pickle.UnpicklingError, EOFError, OSError, MemoryError, *MALFORMED) as error:
        raise InputError(
            f"{source}: expected a complete pickle of a table, found another or a truncated file "
            f"({type(error).__name__}: {' '.join(str(error).split())}); {remedy}"
        ) from None
    finally:
        if collecting:
            gc.enable()


def _find_columns(table: Any) -> dict[str, Callable[[], np.ndarray]]:
    """Return a map from column name to a function that returns the column's cells (N,)."""
    parts = table.state
    manager = parts["_mgr"] if "_mgr" in parts else parts["_data"]
    if isinstance(manager.state, tuple):
        layout = manager.state[3]["0.14.1"]
        axes, blocks = layout["axes"], [(block["values"], block["mgr_locs"]) for block in layout["blocks"]]
    else:
        blocks, axes = manager.args
        blocks = [block.args[:2] for block in blocks]
    names = [decode_text(cell) for cell in decode_array(axes[0])]
    columns = {}
    for values, placement in blocks:
        for row, index in enumerate(_column_indices(placement, len(names))):
            columns[names[index]] = lambda values=values, row=row: np.atleast_2d(decode_array(values))[row]
    return columns


def _column_indices(placement: _Placeholder, num_columns: int) -> np.ndarray:
    """Return the column index of each row of a block."""
    if _is(placement, "BlockPlacement"):
        return _column_indices(placement.args[0], num_columns)
    return np.arange(num_columns)[slice(*placement.args)] if _is(placement, "slice") else decode_array(placement)


def _is(value: object, *names: str) -> bool:
    return type(value).__name__ in names


def decode_array(call: _Placeholder) -> np.ndarray:
    """Return the array of a recorded call; the elements of an object array are not converted."""
    if _is(call, "_new_Index"):
        return decode_array(call.args[1]["data"])
    if _is(call, "__pyx_unpickle_NDArrayBacked"):
        return decode_array(next(part for part in call.state if _is(part, "_reconstruct", "_frombuffer")))
    if _is(call, "ArrowStringArray", "ArrowStringArrayNumpySemantics"):
        return _decode_arrow_strings(call.state["_pa_array"] if "_pa_array" in call.state else call.state["_data"])
    if _is(call, "_frombuffer"):
        data, dtype, shape, order = call.args
    else:
        # In old versions an index is a subclass of ndarray; the array's state precedes that of the index.
        state = call.state if len(call.state) > 2 else call.state[0]
        shape, dtype, fortran, data = state[-4:]
        order = "F" if fortran else "C"
    kind = _decode_dtype(dtype)
    cells = np.fromiter(data, kind, len(data)) if kind.hasobject else np.frombuffer(_decode_bytes(data), kind)
    return cells.reshape(shape, order=order)


def _decode_dtype(call: _Placeholder) -> np.dtype:
    """Return the dtype of a name such as 'u1' and the byte order in the state. Raises TypeError for other types."""
    name = call.args[0]
    if not re.fullmatch(r"O\d?|[biufSU]\d{1,6}", name):
        raise TypeError(f"type {name!r}")
    if name[0] == "O":
        return np.dtype(object)
    return np.dtype(name).newbyteorder(call.state[1] if call.state else "=")


def _decode_bytes(data: Any) -> bytes | bytearray:
    """Return the bytes of a bytes object, a Latin-1 string, or a call that converts either."""
    while isinstance(data, _Placeholder):
        data = data.args[0] if data.args else b""
    return data.encode("latin1") if isinstance(data, str) else data


def _decode_arrow_strings(call: _Placeholder) -> np.ndarray:
    """Return the strings (N,) of a pyarrow array (validity bits, offsets, concatenated text); '' where missing."""
    if _is(call, "chunked_array"):
        return np.concatenate([np.zeros(0, object), *(_decode_arrow_strings(chunk) for chunk in call.args[0])])
    kind, length, _, first, (valid, offsets, text), *_ = call.args[0]
    wide = {"string": np.int32, "large_string": np.int64}[kind.args[0]]
    ends = np.frombuffer(_decode_bytes(offsets), wide)[first : first + length + 1].tolist()
    text = b"" if text is None else _decode_bytes(text)
    cells = [text[start:end].decode() for start, end in itertools.pairwise(ends)]
    if valid is not None:
        bits = np.unpackbits(np.frombuffer(_decode_bytes(valid), np.uint8), bitorder="little")[first : first + length]
        cells = [cell if bit else "" for cell, bit in zip(cells, bits, strict=True)]
    return np.fromiter(cells, object, length)


def decode_text(cell: Any) -> str:
    """Return the string of a cell, unwrapping nested arrays of one element; '' for an empty or missing cell."""
    if _is(cell, "_reconstruct", "_frombuffer"):
        inner = decode_array(cell)
        return decode_text(inner.flat[0]) if inner.size else ""
    if isinstance(cell, bytes):
        cell = cell.decode("latin1")
    return cell.strip() if isinstance(cell, str) else ""
