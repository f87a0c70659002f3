"""Tables in CSV, TSV and Parquet files, read as columns of numbers or strings."""

import contextlib
import io
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv, parquet

from irl_inr_jax.data.readers.table_text import TableText, read_table_text
from irl_inr_jax.types import InputError

_SEPARATORS = {".csv": ",", ".tsv": "\t"}
TABLE_SUFFIXES = (*_SEPARATORS, ".parquet")
_INTEGER = re.compile(r"[+-]?(0|[1-9]\d{0,17})")
_NUMBER = re.compile(r"[+-]?((0|[1-9]\d{0,17})(\.\d*)?|\.\d+)([eE][+-]?\d+)?|nan|NaN")
_MAX_EXACT = 2**53  # integers up to which float64 is exact
_BLOCK_BYTES = 1 << 24  # longest row
_TEXT, _NUMBERS = "[t]", "[f]"  # EcoTaxa's types


def read_columns(path: Path, *, key: str, text: tuple[str, ...] = ()) -> dict[str, np.ndarray]:
    """Return the columns (N,) of a table by name: numbers if all cells are numbers, otherwise strings.

    An empty cell is NaN among numbers and '' among strings. Columns of bytes, lists and records are left out. Blanks
    around names and cells of text files are removed; around the cells of `text` columns only if the header has them
    too. EcoTaxa's second row of types, [t] or [f], is not a row of the table. text: columns that are always strings.
    key: configuration key of the path, for messages.

    Raises InputError for damaged files, rows of different lengths, tables without rows and repeated column names.
    """
    name = f"{key} ({path})"
    with damage_as_input_error(name):
        columns = _read_parquet(path, text) if path.suffix.lower() == ".parquet" else _read_text(path, text)
    if columns and len(next(iter(columns.values()))) == 0:
        raise InputError(f"{name}: expected at least one row, found only the header {', '.join(columns)}")
    return columns


@contextlib.contextmanager
def damage_as_input_error(name: str) -> Iterator[None]:
    """Convert the errors of damaged tables to InputError, which starts with `name`."""
    try:
        yield
    except InputError:
        raise
    except _Repeated as error:
        raise InputError(f"{name}: expected unique column names, found {error.args[0]!r} twice; rename one") from None
    # A UnicodeDecodeError is a ValueError.
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:300]
        raise InputError(
            f"{name}: expected a readable table, found a damaged one ({reason}); correct it or write it again"
        ) from None


class _Repeated(Exception):
    """Column names that occur twice."""


def strip_names(names: list[str]) -> list[str]:
    """Return the names of columns without blanks and quotation marks around them. Raises _Repeated."""
    names = [column.strip().strip('"').strip() for column in names]
    repeated = sorted({column for column in names if names.count(column) > 1})
    if repeated:
        raise _Repeated(repeated[0])
    return names


def to_numbers(values: np.ndarray) -> np.ndarray:
    """Convert strings (N,) to int64, or to float64 with NaN for '' if there are empty cells or fractions.

    Returns `values` unchanged if one cell is not a number. Strings that a number would not reproduce, such as 007,
    numbers of more than 18 digits, or of more than 15 beside empty cells, are identifiers and not numbers.
    """
    filled = values[values != ""].tolist()
    if not filled or not all(_NUMBER.fullmatch(value) for value in filled):
        return values
    are_integers = all(_INTEGER.fullmatch(value) for value in filled)
    if are_integers and len(filled) == len(values):
        return values.astype(np.int64)
    if are_integers and any(abs(int(value)) > _MAX_EXACT for value in filled):
        return values
    return np.where(values == "", "nan", values).astype(np.float64)


def _read_text(path: Path, text: tuple[str, ...]) -> dict[str, np.ndarray]:
    table = read_table_text(path.read_bytes(), _SEPARATORS[path.suffix.lower()])
    names = strip_names(table.names)
    columns = {name: _to_strings(column) for name, column in zip(names, _parse(table).columns, strict=True)}
    for written, name in zip(table.names, names, strict=True):
        if name not in text or name != written:
            columns[name] = np.char.strip(columns[name])
    types = _types(columns)
    if types:
        columns = {name: values[1:] for name, values in columns.items()}
    is_text = {name for name in names if name in text or types.get(name) == _TEXT}
    return {name: values if name in is_text else to_numbers(values) for name, values in columns.items()}


def _parse(table: TableText) -> pa.Table:
    """Return the rows as columns of strings: the type of a column is only known after all of it has been read."""
    names = [str(number) for number in range(len(table.names))]
    return csv.read_csv(
        io.BytesIO(table.text.encode()),
        read_options=csv.ReadOptions(
            use_threads=False,  # threads that are alive when a short command ends abort the process
            column_names=names,
            skip_rows=1,
            block_size=_BLOCK_BYTES,
        ),
        parse_options=csv.ParseOptions(delimiter=table.separator, newlines_in_values='"' in table.text),
        convert_options=csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string())),
    )


def _types(columns: dict[str, np.ndarray]) -> dict[str, str]:
    """Return the type of each column by EcoTaxa's second row of a table; {} for any other table."""
    first = {name: values[0].strip() for name, values in columns.items() if len(values)}
    return first if first and set(first.values()) <= {_TEXT, _NUMBERS} else {}


def _read_parquet(path: Path, text: tuple[str, ...]) -> dict[str, np.ndarray]:
    with parquet.ParquetFile(path) as file:
        fields = [field for field in file.schema_arrow if is_plain(field.type)]
        table = file.read(columns=[field.name for field in fields], use_threads=False)
    names = strip_names(table.column_names)
    columns = zip(names, table.columns, strict=True)
    return {name: _to_array(column, as_text=name in text) for name, column in columns}


def is_plain(kind: pa.DataType) -> bool:
    """Return True for a type of numbers, strings or dates, False for bytes, lists and records."""
    is_bytes = pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)
    return not (pa.types.is_nested(kind) or is_bytes)


def _to_array(column: pa.ChunkedArray, *, as_text: bool) -> np.ndarray:
    if as_text or not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        return _to_strings(column)
    values = column.to_numpy()
    # With nulls, pyarrow converts integers to float64.
    is_inexact = column.null_count and pa.types.is_integer(column.type) and np.nanmax(np.abs(values)) > _MAX_EXACT
    return _to_strings(column) if is_inexact else values


def _to_strings(column: pa.ChunkedArray) -> np.ndarray:
    return np.array(["" if value is None else str(value) for value in column.to_pylist()], dtype=str)
