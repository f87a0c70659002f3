"""Tables in CSV, TSV and Parquet files, read as columns of numbers or strings."""

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv, parquet

from irl_inr_jax.types import InputError

_DELIMITERS = {".csv": ",", ".tsv": "\t"}
TABLE_SUFFIXES = (*_DELIMITERS, ".parquet")
_INTEGER = re.compile(r"[+-]?(0|[1-9]\d{0,17})")
_NUMBER = re.compile(r"[+-]?((0|[1-9]\d{0,17})(\.\d*)?|\.\d+)([eE][+-]?\d+)?|nan|NaN")


def read_columns(path: Path, *, key: str, text: tuple[str, ...] = ()) -> dict[str, np.ndarray]:
    """Return the columns (N,) of a table by name: numbers if all cells are numbers, otherwise strings.

    An empty cell is NaN among numbers and '' among strings. text: columns that are always strings. key: configuration
    key of the path, for messages.

    Raises InputError for damaged files, rows of different lengths, tables without rows and repeated column names.
    """
    name = f"{key} ({path})"
    read = _read_parquet if path.suffix.lower() == ".parquet" else _read_csv
    try:
        table = read(path)
    except (pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())[:300]
        raise InputError(
            f"{name}: expected a readable table, found a damaged one ({reason}); correct it or write it again"
        ) from None
    names = table.column_names
    repeated = sorted({column for column in names if names.count(column) > 1})
    if repeated:
        raise InputError(f"{name}: expected unique column names, found {repeated[0]!r} twice; rename one")
    if table.num_rows == 0:
        raise InputError(f"{name}: expected at least one row, found only the header {', '.join(names)}")
    columns = {column: _to_array(table.column(column), as_text=column in text) for column in names}
    if path.suffix.lower() == ".parquet":
        return columns
    return {column: values if column in text else to_numbers(values) for column, values in columns.items()}


def to_numbers(values: np.ndarray) -> np.ndarray:
    """Convert strings (N,) to int64, or to float64 with NaN for '' if there are empty cells or fractions.

    Returns `values` unchanged if one cell is not a number. Strings that a number would not reproduce, such as 007 or
    numbers of more than 18 digits, are identifiers and not numbers.
    """
    filled = values[values != ""].tolist()
    if not filled or not all(_NUMBER.fullmatch(value) for value in filled):
        return values
    if len(filled) == len(values) and all(_INTEGER.fullmatch(value) for value in filled):
        return values.astype(np.int64)
    return np.where(values == "", "nan", values).astype(np.float64)


def to_labels(values: np.ndarray, source: str) -> np.ndarray:
    """Convert a column (N,) to labels: integers with -1 for empty cells, or strings with '' for empty cells.

    Raises InputError for fractions.
    """
    if values.dtype.kind != "f":
        return values
    empty = np.isnan(values)
    filled = np.where(empty, -1, values)
    if not (filled == np.rint(filled)).all():
        fraction = filled[filled != np.rint(filled)][0]
        raise InputError(f"{source}: expected integers or strings as labels, found {fraction:g}")
    return filled.astype(np.int64)


def _read_csv(path: Path) -> pa.Table:
    parse = csv.ParseOptions(delimiter=_DELIMITERS[path.suffix.lower()], newlines_in_values=True)
    with csv.open_csv(path, parse_options=parse) as reader:
        names = reader.schema.names
    # As strings: the type of a column is only known after all of it has been read.
    convert = csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()))
    return csv.read_csv(path, parse_options=parse, convert_options=convert)


def _read_parquet(path: Path) -> pa.Table:
    with parquet.ParquetFile(path) as file:
        return file.read()


def _to_array(column: pa.ChunkedArray, *, as_text: bool) -> np.ndarray:
    if not as_text and (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        return column.to_numpy()
    return np.array(["" if value is None else str(value) for value in column.to_pylist()], dtype=str)
