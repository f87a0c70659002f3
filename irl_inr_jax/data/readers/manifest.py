"""Sizes of many image files, and their pixels where they are few, kept between starts in the user's cache folder.

A file counts as the earlier one if its size and the times of its last changes, of content and of status, are the same.
"""

import contextlib
import hashlib
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import imagecodecs
import numpy as np
import PIL
import platformdirs
from jaxtyping import Int64

from irl_inr_jax.config.checked_files import DAMAGE, replace_file

MIN_FILES = 1_000  # fewer are read at once anyway
MAX_PIXEL_BYTES = 1_000_000_000  # of the images of one folder that are kept; above, only their sizes
MAX_FOLDER_BYTES = 2_000_000_000  # of all manifests; the oldest are removed
VERSION = 1  # of the file, and of what `read_image` makes of an image

logger = logging.getLogger(__name__)


class ImageFormat(NamedTuple):
    """Shape and type of an image."""

    height: int
    width: int
    channels: int
    dtype: np.dtype


class KnownFiles(NamedTuple):
    """Formats and images of the files that are unchanged since an earlier start, None for all others.

    images: None if no pixels were kept.
    """

    formats: list[ImageFormat | None]
    images: list[np.ndarray | None] | None


def place_manifest(root: Path, name: str) -> Path:
    """Return the path of the manifest of the files below `root`, called `name` in messages."""
    facts = [str(VERSION), PIL.__version__, str(imagecodecs.__version__), os.path.abspath(root), name]
    digest = hashlib.sha256("\0".join(facts).encode(errors="surrogateescape")).hexdigest()
    return platformdirs.user_cache_path("irl_inr_jax") / "manifests" / f"{digest[:32]}.npz"


def stamp_files(files: Sequence[Path]) -> Int64[np.ndarray, "n 3"]:
    """Return size in bytes, and times of the last change of content and of status in ns; -1 for a missing file."""
    stamps = np.full((len(files), 3), -1, np.int64)
    for row, file in enumerate(files):
        with contextlib.suppress(OSError, ValueError):
            found = os.stat(file)
            stamps[row] = found.st_size, found.st_mtime_ns, found.st_ctime_ns
    return stamps


def know_nothing(num_files: int) -> KnownFiles:
    """Return the record of files that are all new."""
    formats: list[ImageFormat | None] = [None] * num_files
    images: list[np.ndarray | None] = [None] * num_files
    return KnownFiles(formats, images)


def read_manifest(
    path: Path, names: Sequence[str], stamps: Int64[np.ndarray, "n 3"], *, max_bytes: float
) -> KnownFiles:
    """Return what the manifest has of the files `names` with these stamps; nothing if it is missing or damaged.

    max_bytes: of all its images; if they take more, their pixels are not read.
    """
    formats, images = know_nothing(len(names))
    try:
        with np.load(path, allow_pickle=False) as stored:
            # Reading an entry to its end verifies its checksum.
            rows = {name: row for row, name in enumerate(_split_names(stored["names"]))}
            old_stamps, shapes, dtype = stored["stamps"], stored["shapes"], np.dtype(str(stored["dtype"]))
            ends = np.cumsum(shapes.astype(np.int64).prod(axis=1))
            fits = "pixels" in stored.files and ends[-1] * dtype.itemsize <= max_bytes
            pixels = stored["pixels"] if fits else None
    except DAMAGE:
        return KnownFiles(formats, None)
    found = np.array([rows.get(name, -1) for name in names])
    is_same = (found >= 0) & (old_stamps[found] == stamps).all(axis=1)
    for row in np.flatnonzero(is_same).tolist():
        height, width, channels = shapes[found[row]].tolist()
        formats[row] = ImageFormat(height, width, channels, dtype)
        if pixels is not None and images is not None:
            end = ends[found[row]]
            images[row] = pixels[end - height * width * channels : end].reshape(height, width, channels)
    return KnownFiles(formats, None if pixels is None else images)


def write_manifest(
    path: Path,
    names: Sequence[str],
    stamps: Int64[np.ndarray, "n 3"],
    formats: Sequence[ImageFormat],
    images: Sequence[np.ndarray] | None,
) -> None:
    """Write the manifest of readable files of one type in one step; a cache folder that cannot be written is logged.

    images: kept if they are in memory and take at most `MAX_PIXEL_BYTES`.
    """
    shapes = np.array([one[:3] for one in formats], np.int32)
    dtype = formats[0].dtype
    entries = {"names": _join_names(names), "stamps": stamps, "shapes": shapes, "dtype": np.array(dtype.str)}
    if images is not None and shapes.astype(np.int64).prod(axis=1).sum() * dtype.itemsize <= MAX_PIXEL_BYTES:
        entries["pixels"] = np.concatenate([image.reshape(-1) for image in images])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replace_file(path) as partial, partial.open("wb") as file:
            np.savez(file, **entries)
        _remove_oldest(path.parent)
    except OSError as error:
        logger.warning("%s: not written (%s); the next start reads all files again", path, error.strerror or error)


def _remove_oldest(folder: Path) -> None:
    """Remove the oldest manifests until they take at most `MAX_FOLDER_BYTES`; the newest stays."""
    found = sorted(((file.stat(), file) for file in folder.glob("*.npz")), key=lambda pair: -pair[0].st_mtime)
    sizes = np.cumsum([status.st_size for status, _ in found])
    for (_, file), total in list(zip(found, sizes, strict=True))[1:]:
        if total > MAX_FOLDER_BYTES:
            file.unlink(missing_ok=True)


def _join_names(names: Sequence[str]) -> np.ndarray:
    return np.frombuffer("\0".join(names).encode(errors="surrogateescape"), np.uint8)


def _split_names(stored: np.ndarray) -> list[str]:
    return stored.tobytes().decode(errors="surrogateescape").split("\0")
