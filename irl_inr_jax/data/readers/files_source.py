"""A `Source` of many image files with one image each, held in memory or re-read on request."""

import dataclasses
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict
from rich.progress import track

from irl_inr_jax.data.readers.image_files import UnreadableImage, read_image
from irl_inr_jax.data.source import Source
from irl_inr_jax.types import InputError, Pose

_NUM_THREADS = 4
_FILES_AT_ONCE = 256  # decoded ahead of the consumer
_MIN_SHOWN = 1000  # smallest number of files with a progress bar
_NUM_NAMED = 5  # unreadable files named in a message


def source_of_files(
    name: str,
    root: Path,
    paths: Sequence[str] | np.ndarray,
    *,
    data: ConfigDict,
    ids: Sequence[str] | np.ndarray | None = None,
    labels: np.ndarray | None = None,
    columns: dict[str, np.ndarray] | None = None,
    test: np.ndarray | None = None,
    pose: Pose | None = None,
    load: Callable[[Path], np.ndarray] | None = None,
) -> Source:
    """Return the images of the files `root / path` for N `paths`; ids default to the paths.

    Each file is decoded once; the images stay in memory if they need no more than config.data.memory_mb. Unreadable
    files are skipped, together with their labels, columns and poses, and listed in `skipped`, up to the share
    config.data.max_unreadable. Greyscale images among RGB images become RGB. labels, columns, test and pose are as in
    `Source`, one entry per path. load: function from a file to its image, which raises UnreadableImage;
    None for `read_image`.

    Raises InputError if more files are unreadable, and for images of different types or numbers of channels.
    """
    ids = np.asarray(paths if ids is None else ids, dtype=str)
    files, load = [root / path for path in paths], load or read_image
    formats, reasons, images = _scan(files, load, memory=data.memory_mb * 1e6, name=name)
    readable = np.array([row for row, found in enumerate(formats) if found is not None], dtype=np.int64)
    skipped = tuple(f"{ids[row]}: {reason}" for row, reason in sorted(reasons.items()))
    _check_share(skipped, len(files), data.max_unreadable, name)
    ids = ids[readable]
    formats = [formats[row] for row in readable]
    channels = _common_channels(formats, ids, name)
    sizes = np.array([(found.height, found.width) for found in formats], np.int32)
    files = [files[row] for row in readable]
    images = None if images is None else [images[row] for row in readable]

    def read(rows: np.ndarray) -> np.ndarray | list[np.ndarray]:
        if images is None:
            results = _read_all([files[row] for row in rows], load)
            chosen = _check_unchanged(results, [formats[row] for row in rows], ids[rows], name)
        else:
            chosen = [images[row] for row in rows]
        chosen = [_with_channels(image, channels) for image in chosen]
        if (sizes != sizes[0]).any():
            return chosen
        return np.stack(chosen) if chosen else np.empty((0, *sizes[0], channels), formats[0].dtype)

    return Source(
        name=name,
        ids=ids,
        sizes=sizes,
        channels=channels,
        dtype=formats[0].dtype,
        read=read,
        labels=None if labels is None else labels[readable],
        test=None if test is None else test[readable],
        columns={key: values[readable] for key, values in (columns or {}).items()},
        pose=None if pose is None else Pose(theta=pose.theta[readable], tau=pose.tau[readable]),
        skipped=skipped,
        files=np.array([str(file) for file in files]),
    )


@dataclasses.dataclass(frozen=True)
class _Format:
    """Shape and type of an image."""

    height: int
    width: int
    channels: int
    dtype: np.dtype


def _format(image: np.ndarray) -> _Format:
    height, width, channels = image.shape
    return _Format(height, width, channels, image.dtype)


def _scan(
    files: list[Path], load: Callable[[Path], np.ndarray], *, memory: float, name: str
) -> tuple[list[_Format | None], dict[int, str], list[np.ndarray | None] | None]:
    """Decode all files.

    Returns the format of each image, None if it is unreadable; row -> reason for the unreadable ones; and the images,
    or None if they exceed `memory` bytes.
    """
    formats, reasons, images, num_bytes = [], {}, [], 0
    is_shown = len(files) >= _MIN_SHOWN and sys.stdout.isatty()
    results = track(_read_all(files, load), f"{name}: reading", total=len(files), disable=not is_shown, transient=True)
    for row, image in enumerate(results):
        if isinstance(image, UnreadableImage):
            reasons[row], image = image.reason, None
        formats.append(None if image is None else _format(image))
        num_bytes += 0 if image is None else image.nbytes
        if num_bytes > memory:
            images = None
        if images is not None:
            images.append(image)
    return formats, reasons, images


def _read_all(files: list[Path], load: Callable[[Path], np.ndarray]) -> Iterator[np.ndarray | UnreadableImage]:
    """Yield the image of each file, or the error if it cannot be read."""

    def read_or_error(file: Path) -> np.ndarray | UnreadableImage:
        try:
            return load(file)
        except UnreadableImage as error:
            return error
        except OSError as error:  # such as a name that is too long for the file system
            return UnreadableImage(file, " ".join((error.strerror or str(error)).split()))

    with ThreadPoolExecutor(_NUM_THREADS) as pool:
        for first in range(0, len(files), _FILES_AT_ONCE):
            yield from pool.map(read_or_error, files[first : first + _FILES_AT_ONCE])


def _check_share(skipped: tuple[str, ...], num_files: int, share: float, name: str) -> None:
    """Report the skipped files. Raises InputError if they exceed `share`, or if no file is readable."""
    if not 0.0 <= share <= 1.0:
        raise InputError(f"config.data.max_unreadable: expected a share in [0, 1], found {share}")
    more = f"; and {len(skipped) - _NUM_NAMED} more" if len(skipped) > _NUM_NAMED else ""
    named = "; ".join(skipped[:_NUM_NAMED]) + more
    if len(skipped) == num_files:
        raise InputError(f"{name}: expected readable images, found none in {num_files} files ({named})")
    allowed = math.floor(share * num_files + 1e-9)
    if len(skipped) > allowed:
        enough = math.ceil(1e4 * len(skipped) / num_files) / 1e4
        raise InputError(
            f"{name}: expected at most {allowed} unreadable files of {num_files}, found {len(skipped)} ({named}); "
            f"replace them, or skip them with config.data.max_unreadable={enough:g}"
        )
    if skipped:
        print(f"{name}: skipped {len(skipped)} of {num_files} files, which are unreadable ({named})", flush=True)


def _common_channels(formats: list[_Format], ids: np.ndarray, name: str) -> int:
    """Return the number of channels after greyscale images among RGB images are converted. Raises InputError."""
    for found, image in zip(formats, ids, strict=True):
        if found.dtype != formats[0].dtype:
            raise InputError(
                f"{name}: expected images of one type, found {formats[0].dtype} in {ids[0]} and "
                f"{found.dtype} in {image}; save all of them with the same number of bits"
            )
    examples = {found.channels: image for found, image in zip(reversed(formats), reversed(ids), strict=True)}
    if len(examples) > 1 and set(examples) != {1, 3}:
        (fewest, first), *_, (most, last) = sorted(examples.items())
        raise InputError(
            f"{name}: expected images of one number of channels, or greyscale and RGB, found {fewest} channels in "
            f"{first} and {most} in {last}; keep one kind"
        )
    return max(examples)


def _with_channels(image: np.ndarray, channels: int) -> np.ndarray:
    return image if image.shape[2] == channels else np.repeat(image, channels, axis=2)


def _check_unchanged(
    images: Iterable[np.ndarray | UnreadableImage], formats: list[_Format], ids: np.ndarray, name: str
) -> list[np.ndarray]:
    """Return `images` as a list. Raises InputError if one is unreadable or has another format than before."""
    unchanged = []
    for image, before, image_id in zip(images, formats, ids, strict=True):
        if isinstance(image, UnreadableImage):
            raise image
        if _format(image) != before:
            raise InputError(
                f"{name}: expected {image_id} unchanged, {before.height}x{before.width} of {before.dtype}, found an "
                f"image of shape {image.shape} and type {image.dtype}; start again and do not change files meanwhile"
            )
        unchanged.append(image)
    return unchanged
