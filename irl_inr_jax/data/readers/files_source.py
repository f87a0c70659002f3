"""Many image files, one image each, as a `Source`: in memory where they fit, else read again when asked for."""

import dataclasses
import math
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict
from rich.progress import track

from irl_inr_jax.data.readers.image_files import UnreadableImage, read_image
from irl_inr_jax.data.source import Source
from irl_inr_jax.types import InputError, Pose

_NUM_THREADS = 4
_FILES_AT_ONCE = 256  # decoded ahead of those that are being looked at
_MIN_SHOWN = 1000  # files from which a bar shows how far it is
_NUM_NAMED = 5  # unreadable files that a message names


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
) -> Source:
    """The image files `root / path` for each of N `paths`, which are also their ids unless there are `ids`.

    Every file is opened once. Those that cannot be read are left out, with all that belongs to them, and listed as
    `skipped`, up to the share config.data.max_unreadable of all. Grey images among RGB ones become RGB. What is known
    of the images, (N,) each, is as in `Source`.

    Raises InputError for more unreadable files, and for images of different types or numbers of channels.
    """
    ids = np.asarray(paths if ids is None else ids, dtype=str)
    files = [root / path for path in paths]
    found, reasons, images = _look_at(files, data.memory_mb * 1e6, name)
    kept = np.array([row for row, kind in enumerate(found) if kind is not None], dtype=np.int64)
    skipped = tuple(f"{ids[row]}: {reason}" for row, reason in sorted(reasons.items()))
    _check_share(skipped, len(files), data.max_unreadable, name)
    ids = ids[kept]
    kinds = [found[row] for row in kept]
    channels = _common_channels(kinds, ids, name)
    sizes = np.array([(kind.height, kind.width) for kind in kinds], np.int32)
    files = [files[row] for row in kept]
    images = None if images is None else [images[row] for row in kept]

    def read(rows: np.ndarray) -> np.ndarray | list[np.ndarray]:
        if images is None:
            chosen = list(_read_all([files[row] for row in rows]))
            _check_unchanged(chosen, [kinds[row] for row in rows], ids[rows], name)
        else:
            chosen = [images[row] for row in rows]
        chosen = [_with_channels(image, channels) for image in chosen]
        if (sizes != sizes[0]).any():
            return chosen
        return np.stack(chosen) if chosen else np.empty((0, *sizes[0], channels), kinds[0].dtype)

    return Source(
        name=name,
        ids=ids,
        sizes=sizes,
        channels=channels,
        dtype=kinds[0].dtype,
        read=read,
        labels=None if labels is None else labels[kept],
        test=None if test is None else test[kept],
        columns={key: values[kept] for key, values in (columns or {}).items()},
        pose=None if pose is None else Pose(theta=pose.theta[kept], tau=pose.tau[kept]),
        skipped=skipped,
    )


@dataclasses.dataclass(frozen=True)
class _Kind:
    """What is kept of an image that is not."""

    height: int
    width: int
    channels: int
    dtype: np.dtype


def _look_at(
    files: list[Path], memory: float, name: str
) -> tuple[list[_Kind | None], dict[int, str], list[np.ndarray | None] | None]:
    """Each file's kind or None, why those without one cannot be read, and the images unless they exceed `memory`."""
    kinds, reasons, images, num_bytes = [], {}, [], 0
    is_shown = len(files) >= _MIN_SHOWN and sys.stdout.isatty()
    results = track(_read_all(files), f"{name}: reading", total=len(files), disable=not is_shown, transient=True)
    for row, image in enumerate(results):
        if isinstance(image, UnreadableImage):
            reasons[row], image = image.reason, None
        kinds.append(None if image is None else _Kind(*image.shape, image.dtype))
        num_bytes += 0 if image is None else image.nbytes
        if num_bytes > memory:
            images = None
        if images is not None:
            images.append(image)
    return kinds, reasons, images


def _read_all(files: list[Path]) -> Iterator[np.ndarray | UnreadableImage]:
    """The images of the files in their order, or the error in the place of one."""

    def try_one(file: Path) -> np.ndarray | UnreadableImage:
        try:
            return read_image(file)
        except UnreadableImage as error:
            return error

    with ThreadPoolExecutor(_NUM_THREADS) as pool:
        for first in range(0, len(files), _FILES_AT_ONCE):
            yield from pool.map(try_one, files[first : first + _FILES_AT_ONCE])


def _check_share(skipped: tuple[str, ...], num_files: int, share: float, name: str) -> None:
    """Says which files are left out. Raises InputError for more than the share, and if none is left."""
    if not 0.0 <= share <= 1.0:
        raise InputError(f"config.data.max_unreadable: expected a share in [0, 1], found {share}")
    more = f"; and {len(skipped) - _NUM_NAMED} more" if len(skipped) > _NUM_NAMED else ""
    named = "; ".join(skipped[:_NUM_NAMED]) + more
    if len(skipped) == num_files:
        raise InputError(f"{name}: expected images, found none that can be read among {num_files} files ({named})")
    allowed = math.floor(share * num_files + 1e-9)
    if len(skipped) > allowed:
        enough = math.ceil(1e4 * len(skipped) / num_files) / 1e4
        raise InputError(
            f"{name}: expected at most {allowed} unreadable files of {num_files}, found {len(skipped)} ({named}); "
            f"replace them, or leave them out with config.data.max_unreadable={enough:g}"
        )
    if skipped:
        print(f"{name}: left out {len(skipped)} of {num_files} files that cannot be read ({named})", flush=True)


def _common_channels(kinds: list[_Kind], ids: np.ndarray, name: str) -> int:
    """The channels of all images once grey ones among RGB are repeated."""
    for kind, image in zip(kinds, ids, strict=True):
        if kind.dtype != kinds[0].dtype:
            raise InputError(
                f"{name}: expected images of one type, found {kinds[0].dtype} in {ids[0]} and "
                f"{kind.dtype} in {image}; save all of them with the same number of bits"
            )
    examples = {kind.channels: image for kind, image in zip(reversed(kinds), reversed(ids), strict=True)}
    if len(examples) > 1 and set(examples) != {1, 3}:
        (fewest, first), *_, (most, last) = sorted(examples.items())
        raise InputError(
            f"{name}: expected images of as many channels, or grey and RGB ones, found {fewest} in {first} and "
            f"{most} in {last}; keep those of one kind"
        )
    return max(examples)


def _with_channels(image: np.ndarray, channels: int) -> np.ndarray:
    return image if image.shape[2] == channels else np.repeat(image, channels, axis=2)


def _check_unchanged(
    images: list[np.ndarray | UnreadableImage], kinds: list[_Kind], ids: np.ndarray, name: str
) -> None:
    for image, kind, image_id in zip(images, kinds, ids, strict=True):
        if isinstance(image, UnreadableImage):
            raise image
        if _Kind(*image.shape, image.dtype) != kind:
            raise InputError(
                f"{name}: expected {image_id} as it was before, {kind.height}x{kind.width} of {kind.dtype}, found an "
                f"image of shape {image.shape} and type {image.dtype}; start again without changing files"
            )
