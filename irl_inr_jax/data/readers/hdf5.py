"""Images in a dataset of an HDF5 file, read on request."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from irl_inr_jax.data.keys import is_requested
from irl_inr_jax.data.pixels import check_stack_shape
from irl_inr_jax.data.readers.hdf5_contents import (
    Contents,
    check_complete,
    describe_unwritten,
    find_dataset,
    import_h5py,
    list_contents,
    read_text_or_numbers,
)
from irl_inr_jax.data.readers.named_arrays import check_labels_key, unread_note
from irl_inr_jax.data.readers.stacks import damaged, source_name, stack_source
from irl_inr_jax.data.source import Source
from irl_inr_jax.types import InputError


def open_hdf5(data: ConfigDict) -> Source:
    """Return the images of the HDF5 file config.data.path.

    Images are the dataset config.data.images_key; without a dataset of the default name, the only dataset with three or
    four dimensions. Labels are the dataset config.data.labels_key, which may be missing if it is the default. Both may
    be links, also to other files. A note lists the other datasets.

    Raises InputError for a damaged file, no or several candidate datasets, requested datasets and parts of virtual
    datasets that are missing, and without the package h5py.
    """
    path = Path(data.path).expanduser()
    h5py = import_h5py(source_name(path))
    check_labels_key(data, path)
    try:
        with h5py.File(path, "r") as file:
            contents = list_contents(file)
            key = _choose_images(file, contents, data, path)
            images: Any = file[key]
            shape, dtype, identity = images.shape or (), images.dtype, contents.identities[key]
            check_stack_shape(shape, source_name(path, key))
            check_complete(images, source_name(path, key))
            unwritten = describe_unwritten(images, source_name(path, key))
            labels = None if data.labels_path else _read_labels(file, contents, data, path)
    except InputError:
        raise
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        raise damaged(path, "an HDF5 file", error) from None
    read = _RowReader(path, key, h5py)
    known = {identity, None if data.labels_path else contents.identities.get(data.labels_key.strip("/"))}
    unread = [name for name in contents.shapes if contents.identities[name] not in known]
    chosen = (
        () if key == data.images_key.strip("/") else (f"images: {key}, the only array of three or four dimensions",)
    )
    notes = (*chosen, *unwritten, *unread_note(unread, "datasets", path))
    return stack_source(data, path, read, shape=shape, dtype=dtype, labels=labels, part=key, notes=notes)


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


def _choose_images(file: Any, contents: Contents, data: ConfigDict, path: Path) -> str:
    requested = is_requested(data, "images_key")
    name = source_name(path)
    key = find_dataset(
        file, contents, data.images_key, name=name, setting="config.data.images_key", requested=requested
    )
    if key is not None:
        return key
    candidates = [name for name in contents.distinct() if len(contents.shapes[name]) in (3, 4)]
    if len(candidates) == 1:
        return candidates[0]
    raise InputError(
        f"{name}: expected a dataset {data.images_key!r}, or exactly one of three or four dimensions, found "
        f"{contents.listing()}; set config.data.images_key"
    )


def _read_labels(file: Any, contents: Contents, data: ConfigDict, path: Path) -> np.ndarray | None:
    requested = is_requested(data, "labels_key")
    name = source_name(path)
    key = find_dataset(
        file, contents, data.labels_key, name=name, setting="config.data.labels_key", requested=requested
    )
    if key is None:
        return None
    check_complete(file[key], source_name(path, key))
    return read_text_or_numbers(file[key])
