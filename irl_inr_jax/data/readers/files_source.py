"""A `Source` of many image files with one image each, held in memory or re-read on request."""

import logging
import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict
from rich.progress import track

from irl_inr_jax.data.readers import manifest
from irl_inr_jax.data.readers.image_files import UnreadableImage, read_image
from irl_inr_jax.data.readers.manifest import ImageFormat
from irl_inr_jax.data.source import Source
from irl_inr_jax.types import InputError, Pose

_NUM_THREADS = 4
_FILES_AT_ONCE = 256  # decoded ahead of the consumer
_MIN_SHOWN = 1000  # smallest number of files with a progress bar, or lines in the log
_SECONDS_BETWEEN_LINES = 10.0
_NUM_NAMED = 5  # unreadable files named in a message

logger = logging.getLogger(__name__)


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
    is_kept: bool = False,
) -> Source:
    """Return the images of the files `root / path` for N `paths`; ids default to the paths.

    Each file is decoded once; the images stay in memory if they need no more than config.data.memory_mb. Unreadable
    files are skipped, together with their labels, columns and poses, and listed in `skipped`, up to the share
    config.data.max_unreadable. Greyscale images among RGB images become RGB. labels, columns, test and pose are as in
    `Source`, one entry per path. load: function from a file to its image, which raises UnreadableImage;
    None for `read_image`. is_kept: keep a manifest of many files, from which the next start reads what is unchanged.

    Raises InputError if more files are unreadable, and for images of different types or numbers of channels.
    """
    ids = np.asarray(paths if ids is None else ids, dtype=str)
    files, load = [root / path for path in paths], load or read_image
    place = manifest.place_manifest(root, name) if is_kept and len(files) >= manifest.MIN_FILES else None
    formats, reasons, images = _scan(
        files, load, names=list(paths), place=place, memory=data.memory_mb * 1e6, name=name
    )
    readable = np.array([row for row, found in enumerate(formats) if found is not None], dtype=np.int64)
    skipped = tuple(f"{ids[row]}: {reason}" for row, reason in sorted(reasons.items()))
    _check_share(skipped, len(files), data.max_unreadable, name)
    ids, files, formats = ids[readable], [files[row] for row in readable], [formats[row] for row in readable]
    channels = _common_channels(formats, ids, name)
    sizes = np.array([(found.height, found.width) for found in formats], np.int32)
    images = None if images is None else [images[row] for row in readable]

    def read(rows: np.ndarray) -> np.ndarray | list[np.ndarray]:
        if images is None:
            results = _read_all([files[row] for row in rows], load)
            chosen = _check_unchanged(results, [formats[row] for row in rows], ids[rows], name)
        else:
            chosen = [images[row] for row in rows]
        chosen = [_with_channels(image, channels) for image in chosen]
        return chosen if (sizes != sizes[0]).any() else _stack(chosen, (*sizes[0].tolist(), channels), formats[0].dtype)

    return Source(
        name=name,
        ids=ids,
        sizes=sizes,
        channels=channels,
        dtype=formats[0].dtype,
        read=read,
        labels=_choose(labels, readable),
        test=_choose(test, readable),
        columns={key: values[readable] for key, values in (columns or {}).items()},
        pose=None if pose is None else Pose(theta=pose.theta[readable], tau=pose.tau[readable]),
        skipped=skipped,
        files=np.array([str(file) for file in files]),
    )


def _choose(values: np.ndarray | None, rows: np.ndarray) -> np.ndarray | None:
    return None if values is None else values[rows]


def _stack(images: list[np.ndarray], shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    return np.stack(images) if images else np.empty((0, *shape), dtype)


def _format(image: np.ndarray) -> ImageFormat:
    height, width, channels = image.shape
    return ImageFormat(height, width, channels, image.dtype)


def _scan(
    files: list[Path],
    load: Callable[[Path], np.ndarray],
    *,
    names: list[str],
    place: Path | None,
    memory: float,
    name: str,
) -> tuple[list[ImageFormat | None], dict[int, str], list[np.ndarray | None] | None]:
    """Decode all files, except those that the manifest at `place` knows; then write it anew if any was decoded.

    Returns the format of each image, None if it is unreadable; row -> reason for the unreadable ones; and the images,
    or None if they exceed `memory` bytes.
    """
    formats, images = manifest.know_nothing(len(files))
    stamps = None
    if place is not None:
        stamps = manifest.stamp_files(files)
        formats, images = manifest.read_manifest(place, names, stamps, max_bytes=memory)
        if images is None and _count_bytes(formats) <= memory:  # no pixels are kept of images that have to be read
            formats, images = manifest.know_nothing(len(files))
    num_bytes = _count_bytes(formats)
    images = None if num_bytes > memory else images
    rows = [row for row, found in enumerate(formats) if found is None]
    reasons = {}
    decoded = _show_reading(_read_all([files[row] for row in rows], load), len(rows), name)
    for row, image in zip(rows, decoded, strict=True):
        if isinstance(image, UnreadableImage):
            reasons[row] = image.reason
            continue
        formats[row] = _format(image)
        num_bytes += image.nbytes
        if num_bytes > memory:
            images = None
        if images is not None:
            images[row] = image
    readable = [row for row, found in enumerate(formats) if found is not None]
    if place is not None and stamps is not None and len(rows) > len(reasons):
        kept = [found for found in formats if found is not None]
        if len({found.dtype for found in kept}) == 1:
            pixels = None if images is None else [image for image in images if image is not None]
            manifest.write_manifest(place, [names[row] for row in readable], stamps[readable], kept, pixels)
    return formats, reasons, images


def _count_bytes(formats: Sequence[ImageFormat | None]) -> int:
    return sum(one.height * one.width * one.channels * one.dtype.itemsize for one in formats if one is not None)


def _show_reading(
    results: Iterator[np.ndarray | UnreadableImage], total: int, name: str
) -> Iterator[np.ndarray | UnreadableImage]:
    """Yield the results of many files with a progress bar on a terminal, and lines in the log otherwise."""
    if total < _MIN_SHOWN:
        yield from results
        return
    if sys.stdout.isatty():
        yield from track(results, f"{name}: reading", total=total, transient=True)
        return
    started = last = time.monotonic()
    for number, result in enumerate(results, 1):
        now = time.monotonic()
        if now - last >= _SECONDS_BETWEEN_LINES:
            last, left = now, (now - started) / number * (total - number)
            logger.info("%s: read %s of %s files, %.0f s left", name, f"{number:,}", f"{total:,}", left)
        yield result


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


def _common_channels(formats: list[ImageFormat], ids: np.ndarray, name: str) -> int:
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
    images: Iterable[np.ndarray | UnreadableImage], formats: list[ImageFormat], ids: np.ndarray, name: str
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
