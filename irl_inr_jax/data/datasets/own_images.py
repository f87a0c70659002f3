"""Anybody's own images: which reader config.data.path asks for."""

import difflib
from collections.abc import Callable
from pathlib import Path

from ml_collections import ConfigDict

from irl_inr_jax.data.assembly import make_source_dataset
from irl_inr_jax.data.readers.folder import is_pattern, read_folder
from irl_inr_jax.data.readers.hdf5 import open_hdf5
from irl_inr_jax.data.readers.image_files import PICTURES
from irl_inr_jax.data.readers.numpy_files import open_npy, open_npz
from irl_inr_jax.data.readers.path_table import read_table
from irl_inr_jax.data.readers.tiff import open_tiff
from irl_inr_jax.data.readers.volumes import open_fits, open_mrc
from irl_inr_jax.data.source import Source
from irl_inr_jax.types import Dataset, InputError

TABLES = {".csv": read_table, ".tsv": read_table, ".parquet": read_table}
STACKS = {
    ".npy": open_npy,
    ".npz": open_npz,
    ".h5": open_hdf5,
    ".hdf5": open_hdf5,
    ".hdf": open_hdf5,
    ".mrcs": open_mrc,
    ".mrc": open_mrc,
    ".st": open_mrc,
    ".fits": open_fits,
    ".fit": open_fits,
    ".tif": open_tiff,
    ".tiff": open_tiff,
}
_CHOICES = (
    f"a folder of images, a pattern such as wafers/**/*.png, a table ({', '.join(TABLES)}) or a file of many images "
    f"({', '.join(STACKS)})"
)


def make_images(data: ConfigDict) -> Dataset:
    """The images that config.data.path names, as a data set. Raises InputError."""
    return make_source_dataset(data, open_images(data), description=f"images of {data.path}")


def open_images(data: ConfigDict) -> Source:
    """The images that config.data.path names, read by `find_reader`. Raises InputError, as that and the reader do."""
    reader = find_reader(data.path)
    if data.labels_path and reader not in STACKS.values():
        raise InputError(
            f"config.data.labels_path: expected '' for files of one image each, found {data.labels_path}; "
            f"name files and labels in a table, and set config.data.path to it"
        )
    return reader(data)


def find_reader(wanted: str) -> Callable[[ConfigDict], Source]:
    """The reader for what lies at the path `wanted`: a folder, a pattern, a table or a file of many images.

    Raises InputError for no path, nothing there and endings that no reader knows.
    """
    if not wanted:
        raise InputError(f"config.data.path: expected {_CHOICES}, found ''; set it to where your images are")
    path = Path(wanted).expanduser()
    if path.is_dir() or is_pattern(path):
        return read_folder
    if not path.exists():
        raise InputError(f"config.data.path ({path}): expected {_CHOICES}, found nothing there{_nearest(path)}")
    suffix = path.suffix.lower()
    if suffix not in TABLES | STACKS:
        found = "a single image; set it to its folder" if suffix in PICTURES else f"a file ending in {suffix!r}"
        raise InputError(f"config.data.path ({path}): expected {_CHOICES}, found {found}")
    return (TABLES | STACKS)[suffix]


def _nearest(path: Path) -> str:
    """The existing name that is most like the first part of `path` that is missing, if any is."""
    missing = next(part for part in (*reversed(path.parents), path) if not part.exists())
    names = [entry.name for entry in missing.parent.iterdir()] if missing.parent.is_dir() else []
    alike = difflib.get_close_matches(missing.name, names, n=1, cutoff=0.5)
    return f"; did you mean {missing.parent / alike[0]}?" if alike else f"; there is no {missing}"
