"""Images that are slow to decode, stored once as a plain array next to their files and mapped to memory afterwards."""

import logging
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import platformdirs

from irl_inr_jax.config.checked_files import replace_file
from irl_inr_jax.types import InputError

logger = logging.getLogger(__name__)


def open_cached_array(
    folder: Path,
    name: str,
    shape: tuple[int, ...],
    blocks: Callable[[], Iterable[bytes]],
    *,
    content: str,
) -> np.ndarray:
    """Return the uint8 array of `shape` in folder/name, mapped to memory; write the file first if there is none.

    blocks: yields the content of the array from start to end. The file appears only when it is complete. If the folder
    is not writable, the file is written to the user's cache folder. content: what is unpacked, for the log.

    Raises InputError if neither folder is writable or the disk is full.
    """
    cache = platformdirs.user_cache_path("irl_inr_jax")
    for place in (folder, cache):
        array = _open_array(place / name, shape)
        if array is not None:
            return array
    size = np.prod(shape, dtype=np.int64) / 1e6
    reasons = []
    for place in (folder, cache):
        try:
            place.mkdir(parents=True, exist_ok=True)
            with replace_file(place / name) as partial, partial.open("wb") as file:
                logger.info("Unpacking %s once: %.0f MB to %s", content, size, place / name)
                header = {"descr": "|u1", "fortran_order": False, "shape": tuple(shape)}
                np.lib.format.write_array_header_1_0(file, header)
                for block in blocks():
                    file.write(block)
            return np.load(place / name, mmap_mode="r", allow_pickle=False)
        except OSError as error:
            reasons.append(f"{place}: {error.strerror or error}")
    raise InputError(
        f"config.data.root ({folder}): expected {size:.0f} MB of writable space for unpacked images, found none "
        f"({'; '.join(reasons)}); free some, or set XDG_CACHE_HOME to a folder with enough space"
    )


def _open_array(path: Path, shape: tuple[int, ...]) -> np.ndarray | None:
    """Return the mapped array at `path` if the file is complete and of that shape, else None."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return array if array.shape == tuple(shape) and array.dtype == np.uint8 else None
