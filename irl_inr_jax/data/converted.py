"""Images that are slow to decode, decoded once into a plain array beside their files and mapped from then on."""

import contextlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from irl_inr_jax.types import InputError


def open_converted(
    folder: Path,
    name: str,
    shape: tuple[int, ...],
    blocks: Callable[[], Iterable[bytes | np.ndarray]],
    *,
    what: str,
) -> np.ndarray:
    """The uint8 array of `shape` in folder/name, mapped to memory; where it is not there yet, written first.

    blocks: gives its content from first to last. The file appears only once it is whole. Where the folder cannot be
    written it goes to the user's cache. what: what is being unpacked, for the one line that says so.

    Raises InputError if it cannot be written there either, or the disk is full.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "irl_inr_jax"
    for place in (folder, cache):
        converted = _open_array(place / name, shape)
        if converted is not None:
            return converted
    size = np.prod(shape, dtype=np.int64) / 1e6
    reasons = []
    for place in (folder, cache):
        temporary = place / f".{name}.{os.getpid()}"
        try:
            place.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                print(f"Unpacking {what} once: {size:.0f} MB to {place / name}", flush=True)
                header = {"descr": "|u1", "fortran_order": False, "shape": tuple(shape)}
                np.lib.format.write_array_header_1_0(file, header)
                for block in blocks():
                    file.write(block)
            os.replace(temporary, place / name)
            return _open_array(place / name, shape)
        except OSError as error:
            reasons.append(f"{place}: {error.strerror or error}")
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
    raise InputError(
        f"config.data.root ({folder}): expected room for {size:.0f} MB of unpacked images, found none "
        f"({'; '.join(reasons)}); free some, or set XDG_CACHE_HOME to a folder that has it"
    )


def _open_array(path: Path, shape: tuple[int, ...]) -> np.ndarray | None:
    """The mapped array if there is a whole one of that shape."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return array if array.shape == tuple(shape) and array.dtype == np.uint8 else None
