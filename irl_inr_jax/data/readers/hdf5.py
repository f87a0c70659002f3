"""Anybody's images as a dataset of an HDF5 file, read as they are asked for."""

import threading
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict

from irl_inr_jax.data.readers.stacks import damaged, missing_package, source_name, stack_source
from irl_inr_jax.data.source import Source
from irl_inr_jax.types import InputError


def open_hdf5(data: ConfigDict) -> Source:
    """The dataset config.data.images_key, or the only one that could be images, of the HDF5 file config.data.path.

    Its labels are the dataset config.data.labels_key, if there is one. Raises InputError for damaged files, for several
    datasets that could be meant, for none, and without the package h5py.
    """
    path = Path(data.path).expanduser()
    h5py = _import_h5py(path)
    try:
        with h5py.File(path, "r") as file:
            shapes = _find_datasets(file, h5py)
            key = _choose_images(shapes, data.images_key, path)
            images = file[key]
            labels = _read_text_or_numbers(file[data.labels_key], h5py) if data.labels_key in shapes else None
            shape, dtype = images.shape, images.dtype
    except InputError:
        raise
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        raise damaged(path, "an HDF5 file", error) from None
    read = _RowReader(path, key, h5py)
    return stack_source(data, path, read, shape=shape, dtype=dtype, labels=labels, part=key)


class _RowReader:
    """rows (n,) -> those of a dataset. The file is opened at the first call; one thread reads at a time."""

    def __init__(self, path: Path, key: str, h5py):
        self._path, self._key, self._h5py = path, key, h5py
        self._lock = threading.Lock()
        self._file = None

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        # h5py takes increasing rows only, and reads neighbours much faster as a slice.
        wanted, order = np.unique(rows, return_inverse=True)
        is_slice = len(wanted) > 0 and wanted[-1] - wanted[0] + 1 == len(wanted)
        try:
            with self._lock:
                if self._file is None:
                    self._file = self._h5py.File(self._path, "r")
                dataset = self._file[self._key]
                images = dataset[wanted[0] : wanted[-1] + 1] if is_slice else dataset[wanted]
        except (OSError, RuntimeError, ValueError, KeyError) as error:
            raise damaged(self._path, f"images in {self._key}", error) from None
        return images[order]


def _import_h5py(path: Path):
    try:
        import h5py
    except ImportError:
        raise missing_package(path, "h5py") from None
    return h5py


def _find_datasets(file, h5py) -> dict[str, tuple[int, ...]]:
    """The shape of each dataset by its name, with the groups it lies in."""
    shapes = {}

    def note(name, node):
        if isinstance(node, h5py.Dataset):
            shapes[name] = node.shape or ()

    file.visititems(note)
    return shapes


def _choose_images(shapes: dict[str, tuple[int, ...]], wanted: str, path: Path) -> str:
    if wanted.strip("/") in shapes:
        return wanted.strip("/")
    candidates = [name for name, shape in shapes.items() if len(shape) in (3, 4)]
    if len(candidates) == 1:
        return candidates[0]
    found = ", ".join(f"{name} {shape}" for name, shape in shapes.items()) or "nothing"
    raise InputError(
        f"{source_name(path)}: expected a dataset called {wanted!r}, or one alone of three or four dimensions, found "
        f"{found}; set config.data.images_key"
    )


def _read_text_or_numbers(dataset, h5py) -> np.ndarray:
    if h5py.check_string_dtype(dataset.dtype) is None:
        return np.asarray(dataset[()])
    return np.asarray(dataset.asstr()[()]).astype(str)
