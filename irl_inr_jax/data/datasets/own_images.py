"""The user's own images: choose the reader for config.data.path."""

import dataclasses
import difflib
from collections.abc import Callable
from pathlib import Path

from ml_collections import ConfigDict

from irl_inr_jax.data.keys import check_keys
from irl_inr_jax.data.readers.fits import FITS_ENDINGS, open_fits
from irl_inr_jax.data.readers.folder import is_pattern, read_folder
from irl_inr_jax.data.readers.hdf5 import open_hdf5
from irl_inr_jax.data.readers.ifcb import open_ifcb
from irl_inr_jax.data.readers.image_files import IMAGE_EXTENSIONS, find_ending
from irl_inr_jax.data.readers.mrc import COMPRESSED_MRC_ENDINGS, open_mrc
from irl_inr_jax.data.readers.named_arrays import has_named_arrays
from irl_inr_jax.data.readers.numpy_files import open_npy, open_npz
from irl_inr_jax.data.readers.path_table import read_table
from irl_inr_jax.data.readers.stack_set import open_star
from irl_inr_jax.data.readers.table_files import TABLE_SUFFIXES
from irl_inr_jax.data.readers.tiff import open_tiff
from irl_inr_jax.data.readers.zarr_arrays import is_zarr, open_zarr
from irl_inr_jax.data.readers.zip_archive import open_zip
from irl_inr_jax.data.source import Source
from irl_inr_jax.types import InputError

Reader = Callable[[ConfigDict], Source]

TABLES: dict[str, Reader] = {".csv": read_table, ".tsv": read_table, ".parquet": read_table}
STACKS: dict[str, Reader] = {
    ".star": open_star,
    ".npy": open_npy,
    ".npz": open_npz,
    ".h5": open_hdf5,
    ".hdf5": open_hdf5,
    ".hdf": open_hdf5,
    ".mrcs": open_mrc,
    ".mrc": open_mrc,
    ".st": open_mrc,
    **dict.fromkeys(COMPRESSED_MRC_ENDINGS, open_mrc),
    **dict.fromkeys(FITS_ENDINGS, open_fits),
    ".tif": open_tiff,
    ".tiff": open_tiff,
    ".roi": open_ifcb,
    ".adc": open_ifcb,
    ".zip": open_zip,
}
# The keys of config.data that each reader uses besides SHARED_KEYS; all others read stacks without named arrays.
READER_KEYS: dict[Reader, frozenset[str]] = {
    read_folder: frozenset({"path", "same_scale", "max_unreadable"}),
    read_table: frozenset({"path", "same_scale", "max_unreadable", "path_column", "label_column"}),
    open_ifcb: frozenset({"path", "labels_path", "same_scale"}),
    open_zarr: frozenset({"path", "labels_path", "images_key", "labels_key"}),
    open_zip: frozenset({"path", "same_scale", "max_unreadable", "path_column", "label_column"}),
    open_star: frozenset({"path", "labels_path", "label_column"}),
    open_npz: frozenset({"path", "labels_path", "images_key", "labels_key"}),
    open_hdf5: frozenset({"path", "labels_path", "images_key", "labels_key"}),
}
STACK_KEYS = frozenset({"path", "labels_path"})
_CHOICES = (
    f"a folder of images, a pattern such as wafers/**/*.png, a table ({', '.join(TABLES)}) or a file of many images "
    f"({', '.join(STACKS)})"
)


def read_own_images(data: ConfigDict) -> Source:
    """Return the images at config.data.path.

    Raises InputError as `find_reader` and the reader do, and for keys that the reader does not use.
    """
    reader = find_reader(data.path)
    keys = READER_KEYS.get(reader, STACK_KEYS)
    if "labels_path" in keys and Path(data.labels_path).suffix.lower() in TABLE_SUFFIXES:
        keys |= {"label_column"}
    if "labels_path" in keys and has_named_arrays(data.labels_path):
        keys |= {"labels_key"}
    check_keys(data, keys, reader=data.path)
    return dataclasses.replace(reader(data), description=f"images of {data.path}")


def find_reader(wanted: str) -> Reader:
    """Return the reader for the path `wanted`: a folder, a pattern, a table or a file of many images.

    Raises InputError for an empty path, a missing file and an unknown suffix.
    """
    if not wanted:
        raise InputError(f"config.data.path: expected {_CHOICES}, found ''; set it to the location of your images")
    path = Path(wanted).expanduser()
    if path.is_dir() and is_zarr(path):
        return open_zarr
    if path.is_dir() or is_pattern(path):
        return read_folder
    if not path.exists():
        raise InputError(
            f"config.data.path ({path}): expected {_CHOICES}, found no such file or folder"
            f"{_start(path)}{_nearest(path)}"
        )
    suffix = find_ending(path, TABLES | STACKS)
    if not suffix or not path.is_file():
        is_image, ending = find_ending(path, IMAGE_EXTENSIONS), path.suffix.lower()
        found = "a single image; set it to its folder" if is_image else f"a file ending in {ending!r}"
        found = found if path.is_file() else "a pipe or a device; copy its content to a file"
        raise InputError(f"config.data.path ({path}): expected {_CHOICES}, found {found}")
    return (TABLES | STACKS)[suffix]


def _start(path: Path) -> str:
    return "" if path.is_absolute() else f" in {Path.cwd()}"


def _nearest(path: Path) -> str:
    """Return a hint with the existing name most similar to the first missing part of `path`."""
    missing = next(part for part in (*reversed(path.parents), path) if not part.exists())
    names = [entry.name for entry in missing.parent.iterdir()] if missing.parent.is_dir() else []
    similar = difflib.get_close_matches(missing.name, names, n=1, cutoff=0.5)
    return f"; did you mean {missing.parent / similar[0]}?" if similar else f"; {missing} does not exist"
