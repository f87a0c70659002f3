"""Images in an array of a Zarr store, a folder or a .zip file, read on request."""

from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from irl_inr_jax.data.keys import is_requested
from irl_inr_jax.data.readers.stacks import damaged, missing_package, source_name, stack_source
from irl_inr_jax.data.source import Source
from irl_inr_jax.types import InputError

# Metadata at the top of a store: version 3, and an array or a group of version 2.
METADATA = ("zarr.json", ".zarray", ".zgroup")


def is_zarr(path: Path) -> bool:
    """Return True if the folder is a Zarr store."""
    return path.suffix.lower() == ".zarr" or any((path / name).is_file() for name in METADATA)


def open_zarr(data: ConfigDict) -> Source:
    """Return the images of the Zarr store config.data.path.

    Images are the store's array, or of a group the array config.data.images_key, or its only array of three or four
    dimensions; labels are the array config.data.labels_key, if present.

    Raises InputError for another kind of folder, no or several candidate arrays, and without the package zarr.
    """
    path = Path(data.path).expanduser()
    zarr = _import_zarr(path)
    try:
        store = zarr.open(str(path), mode="r")
        if isinstance(store, zarr.Array):
            images, labels, part = store, None, ""
        else:
            arrays = {name: node for name, node in store.members(max_depth=None) if isinstance(node, zarr.Array)}
            shapes = {name: node.shape for name, node in arrays.items()}
            part = _choose_array(shapes, data, path)
            images, labels = arrays[part], _read_labels(arrays, shapes, data, path)
        shape, dtype = images.shape, np.dtype(images.dtype)
    except InputError:
        raise
    # The library raises its own kinds of error, and those of codecs and of json.
    except Exception as error:
        raise damaged(path, "a Zarr store", error) from None

    def read(rows: np.ndarray) -> np.ndarray:
        unique, order = np.unique(rows, return_inverse=True)
        try:
            found = images[unique[0] : unique[-1] + 1] if _is_run(unique) else images.oindex[unique]
        except Exception as error:
            raise damaged(path, f"images in {part or 'the array'}", error) from None
        return np.asarray(found)[order]

    return stack_source(data, path, read, shape=shape, dtype=dtype, labels=labels, part=part)


def _is_run(rows: np.ndarray) -> bool:
    return len(rows) > 0 and int(rows[-1] - rows[0]) + 1 == len(rows)


def _import_zarr(path: Path) -> Any:
    try:
        import zarr
    except ImportError:
        raise missing_package(path, "zarr") from None
    return zarr


def _choose_array(shapes: dict[str, tuple[int, ...]], data: ConfigDict, path: Path) -> str:
    """Return the name of the array of images. Raises InputError unless it is there, or the only candidate."""
    key = data.images_key.strip("/")
    if key in shapes:
        return key
    candidates = [name for name, shape in shapes.items() if len(shape) in (3, 4)]
    if len(candidates) == 1 and not is_requested(data, "images_key"):
        return candidates[0]
    raise InputError(
        f"{source_name(path)}: expected an array {key!r}, or exactly one of three or four dimensions, found "
        f"{_list_arrays(shapes)}; set config.data.images_key"
    )


def _read_labels(
    arrays: dict[str, Any], shapes: dict[str, tuple[int, ...]], data: ConfigDict, path: Path
) -> np.ndarray | None:
    """Return the array of labels, None without one. Raises InputError if a requested one is missing."""
    key = data.labels_key.strip("/")
    if key in arrays:
        return np.asarray(arrays[key][...])
    if is_requested(data, "labels_key"):
        raise InputError(f"{source_name(path)}: expected an array {key!r} of labels, found {_list_arrays(shapes)}")
    return None


def _list_arrays(shapes: dict[str, tuple[int, ...]]) -> str:
    return ", ".join(f"{name} {shape}" for name, shape in sorted(shapes.items())) or "no array"
