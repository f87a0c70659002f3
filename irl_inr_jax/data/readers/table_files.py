"""Tables on disk, CSV, TSV and parquet, as columns of numbers or strings."""

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from irl_inr_jax.types import InputError

_DELIMITERS = {".csv": ",", ".tsv": "\t"}
TABLE_SUFFIXES = (*_DELIMITERS, ".parquet")
_WHOLE = re.compile(r"[+-]?(0|[1-9]\d{0,17})")
_NUMBER = re.compile(r"[+-]?((0|[1-9]\d{0,17})(\.\d*)?|\.\d+)([eE][+-]?\d+)?|nan|NaN")


def read_columns(path: Path, *, key: str, text: tuple[str, ...] = ()) -> dict[str, np.ndarray]:
    """The columns of a table by their names, (N,) each: numbers where all cells are, strings otherwise.

    An empty cell is NaN among numbers, '' among strings. The columns named in `text` stay strings whatever is in them.
    `key` is the key of the configuration that names the file. Raises InputError for damaged files, rows of different
    lengths, no rows and columns of the same name.
    """
    name = f"{key} ({path})"
    read = _read_parquet if path.suffix.lower() == ".parquet" else _read_csv
    try:
        table = read(path)
    except (pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())[:300]
        raise InputError(
            f"{name}: expected a table, found one that cannot be read ({reason}); correct it or write it anew"
        ) from None
    names = table.column_names
    repeated = sorted({column for column in names if names.count(column) > 1})
    if repeated:
        raise InputError(f"{name}: expected columns of different names, found {repeated[0]!r} twice; rename one")
    if table.num_rows == 0:
        raise InputError(f"{name}: expected at least one row, found a table with the columns {', '.join(names)} alone")
    columns = {column: _to_array(table.column(column), as_text=column in text) for column in names}
    if path.suffix.lower() == ".parquet":
        return columns
    return {column: values if column in text else to_numbers(values) for column, values in columns.items()}


def to_numbers(values: np.ndarray) -> np.ndarray:
    """(N,) strings as int64, or with '' among them or fractions as float64 and NaN; as they are if one is no number.

    What no number would give back, such as 007 and numbers of very many digits, is the name of a thing and no number.
    """
    filled = values[values != ""].tolist()
    if not filled or not all(_NUMBER.fullmatch(value) for value in filled):
        return values
    if len(filled) == len(values) and all(_WHOLE.fullmatch(value) for value in filled):
        return values.astype(np.int64)
    return np.where(values == "", "nan", values).astype(np.float64)


def to_labels(values: np.ndarray, source: str) -> np.ndarray:
    """(N,) values of a column as labels: whole numbers, -1 for an empty cell, or strings, '' for one.

    Raises InputError for other numbers.
    """
    if values.dtype.kind != "f":
        return values
    empty = np.isnan(values)
    whole = np.where(empty, -1, values)
    if not (whole == np.rint(whole)).all():
        fraction = whole[whole != np.rint(whole)][0]
        raise InputError(f"{source}: expected labels that are whole numbers or words, found {fraction:g}")
    return whole.astype(np.int64)


def _read_csv(path: Path) -> pa.Table:
    parse = pa.csv.ParseOptions(delimiter=_DELIMITERS[path.suffix.lower()], newlines_in_values=True)
    with pa.csv.open_csv(path, parse_options=parse) as reader:
        names = reader.schema.names
    # As strings, since what a column holds is only known once all of it is read.
    convert = pa.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()))
    return pa.csv.read_csv(path, parse_options=parse, convert_options=convert)


def _read_parquet(path: Path) -> pa.Table:
    with pa.parquet.ParquetFile(path) as file:
        return file.read()


def _to_array(column: pa.ChunkedArray, *, as_text: bool) -> np.ndarray:
    if not as_text and (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        return column.to_numpy()
    return np.array(["" if value is None else str(value) for value in column.to_pylist()], dtype=str)
