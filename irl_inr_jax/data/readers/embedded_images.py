"""Image files that are stored in a column of a Parquet file, as the Hugging Face Hub does."""

import json
import threading
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from irl_inr_jax.data.readers.image_files import UnreadableImage, decode_image, read_image

_BYTES, _PATH = "bytes", "path"  # fields of the Hub's images


def list_image_columns(path: Path) -> list[str]:
    """Return the columns of a Parquet file that contain bytes, or a record with the fields bytes and path."""
    return [field.name for field in parquet.read_schema(path) if _is_binary(_bytes_type(field.type))]


def read_class_names(path: Path, column: str) -> tuple[str, ...]:
    """Return the names of the classes 0..k-1 that the Hub stores with a column of labels, () if there are none."""
    try:
        stored = json.loads((parquet.read_schema(path).metadata or {}).get(b"huggingface", b"{}"))
        names = stored["info"]["features"][column]["names"]
    except (KeyError, TypeError, ValueError):
        return ()
    return tuple(map(str, names)) if isinstance(names, list) else ()


class EmbeddedImages:
    """The image files in `column` of a Parquet file, read by groups of rows.

    names: (N,) name of each file, '' without one. All groups stay in memory if they have at most `max_bytes` before
    decoding, otherwise the last one does.
    """

    def __init__(self, path: Path, column: str, max_bytes: float):
        self._path, self._column = path, column
        self._file, self._lock = parquet.ParquetFile(path), threading.Lock()
        groups = [self._file.metadata.row_group(group) for group in range(self._file.num_row_groups)]
        self._starts = np.cumsum([0, *(group.num_rows for group in groups)])
        chunks = [group.column(index) for group in groups for index in range(group.num_columns)]
        sizes = [chunk.total_uncompressed_size for chunk in chunks if chunk.path_in_schema.split(".")[0] == column]
        self._keeps_all = sum(sizes) <= max_bytes
        self._groups: dict[int, pa.ChunkedArray] = {}
        self.names = self._read_names()

    def __len__(self) -> int:
        return int(self._starts[-1])

    def read(self, file: Path) -> np.ndarray:
        """Return the image of `file`, whose name is the row. Raises UnreadableImage."""
        row = int(file.name)
        group = int(np.searchsorted(self._starts, row, side="right")) - 1
        with self._lock:
            if group not in self._groups:
                if not self._keeps_all:
                    self._groups.clear()
                try:
                    self._groups[group] = self._file.read_row_group(group, columns=[self._column]).column(0)
                except (pa.ArrowException, OSError) as error:
                    reason = f"damaged rows {self._starts[group] + 1} to {self._starts[group + 1]} ({error})"
                    raise UnreadableImage(file, " ".join(reason.split())) from None
            value = self._groups[group][row - int(self._starts[group])].as_py()
        content = value.get(_BYTES) if isinstance(value, dict) else value
        if content is not None:
            return decode_image(content, file)
        if self.names[row]:
            return read_image(self._path.parent / self.names[row])
        raise UnreadableImage(file, "an empty cell")

    def _read_names(self) -> np.ndarray:
        if not pa.types.is_struct(self._file.schema_arrow.field(self._column).type):
            return np.full(len(self), "")
        try:
            table = self._file.read(columns=[f"{self._column}.{_PATH}"])
            names = [(value or {}).get(_PATH) for value in table.column(0).to_pylist()]
        except (KeyError, IndexError):
            names = [None] * len(self)
        return np.array([name or "" for name in names], dtype=str)


def _bytes_type(kind: pa.DataType) -> pa.DataType:
    """Return the type of the field bytes of a record, or `kind` itself."""
    if not pa.types.is_struct(kind):
        return kind
    fields = {field.name: field.type for field in kind}
    return fields.get(_BYTES, pa.null())


def _is_binary(kind: pa.DataType) -> bool:
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
