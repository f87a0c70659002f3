"""Images in a dataset of an HDF5 file, read on request."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from irl_inr_jax.data.readers.stacks import damaged, missing_package, source_name, stack_source
from irl_inr_jax.data.source import Source
from irl_inr_jax.types import InputError


def open_hdf5(data: ConfigDict) -> Source:
    """Return the images of the HDF5 file config.data.path.

    Images are the dataset config.data.images_key, or the only dataset with three or four dimensions; labels are the
    dataset config.data.labels_key, if present.

    Raises InputError for a damaged file, no or several candidate datasets, and without the package h5py.
    """
    path = Path(data.path).expanduser()
    h5py = _import_h5py(path)
    try:
        with h5py.File(path, "r") as file:
            shapes = _find_datasets(file, h5py)
            key = _choose_images(shapes, data.images_key, path)
            images: Any = file[key]
            labels = _read_text_or_numbers(file[data.labels_key], h5py) if data.labels_key in shapes else None
            shape, dtype = images.shape, images.dtype
    except InputError:
        raise
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        raise damaged(path, "an HDF5 file", error) from None
    read = _RowReader(path, key, h5py)
    return stack_source(data, path, read, shape=shape, dtype=dtype, labels=labels, part=key)


class _RowReader:
    """Function from rows (n,) to the images of a dataset. The first call opens the file; a lock serialises threads."""

    def __init__(self, path: Path, key: str, h5py: Any):
        self._path, self._key, self._h5py = path, key, h5py
        self._lock = threading.Lock()
        self._file = None

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        # h5py accepts only increasing rows, and reads consecutive rows much faster as a slice.
        unique, order = np.unique(rows, return_inverse=True)
        is_slice = len(unique) > 0 and unique[-1] - unique[0] + 1 == len(unique)
        try:
            with self._lock:
                if self._file is None:
                    self._file = self._h5py.File(self._path, "r")
                dataset = self._file[self._key]
                images = dataset[unique[0] : unique[-1] + 1] if is_slice else dataset[unique]
        except (OSError, RuntimeError, ValueError, KeyError) as error:
            raise damaged(self._path, f"images in {self._key}", error) from None
        return images[order]


def _import_h5py(path: Path) -> Any:
    try:
        import h5py
    except ImportError:
        raise missing_package(path, "h5py") from None
    return h5py


def _find_datasets(file: Any, h5py: Any) -> dict[str, tuple[int, ...]]:
    """Return name -> shape of all datasets; names include the groups."""
    shapes = {}

    def collect(name, node):
        if isinstance(node, h5py.Dataset):
            shapes[name] = node.shape or ()

    file.visititems(collect)
    return shapes


def _choose_images(shapes: dict[str, tuple[int, ...]], key: str, path: Path) -> str:
    if key.strip("/") in shapes:
        return key.strip("/")
    candidates = [name for name, shape in shapes.items() if len(shape) in (3, 4)]
    if len(candidates) == 1:
        return candidates[0]
    found = ", ".join(f"{name} {shape}" for name, shape in shapes.items()) or "nothing"
    raise InputError(
        f"{source_name(path)}: expected a dataset {key!r}, or exactly one of three or four dimensions, found "
        f"{found}; set config.data.images_key"
    )


def _read_text_or_numbers(dataset: Any, h5py: Any) -> np.ndarray:
    if h5py.check_string_dtype(dataset.dtype) is None:
        return np.asarray(dataset[()])
    return np.asarray(dataset.asstr()[()]).astype(str)
