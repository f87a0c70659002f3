"""Particle images of electron microscopy, such as spatial-VAE's 5HDB: stacks of noisy, signed numbers.

Rows are in the order of the file. Contrast is left unchanged: config.data.invert is for particles that are darker than
their background.
"""

import dataclasses
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Bool
from ml_collections import ConfigDict

from irl_inr_jax.data.readers.file_search import EVERYTHING, count_endings, find_files
from irl_inr_jax.data.readers.folder import is_pattern, split_pattern
from irl_inr_jax.data.readers.mrc import open_mrc
from irl_inr_jax.data.readers.numpy_files import open_npy
from irl_inr_jax.data.readers.stack_set import STACK_ENDINGS, open_star, read_stack_files
from irl_inr_jax.data.source import Source
from irl_inr_jax.types import InputError, Pose

READERS = {".mrcs": open_mrc, ".mrc": open_mrc, ".npy": open_npy}
_TRUTH = ("view", "rotation", "shift_px")
_DESCRIPTION = "particle images, normalized by the mean and standard deviation of their background"
_BLOCK = 1024  # images whose background is measured at once


def read_particles(data: ConfigDict) -> Source:
    """Return the images of the stack config.data.path, or of the one in config.data.root/5hdb with 'train' in its name.

    A file in the same folder with 'test' instead of 'train' in its name is the test split. Ids are 'STEM/000123', by
    file and row. The mean of its background is subtracted from each image, and the result is divided by the standard
    deviation of its background (by 1 if that is 0); these are the columns background_mean and background_std. The
    background is the part outside the inscribed circle.

    config.data.path may also be a folder or a pattern of .mrcs stacks, or a STAR file of RELION; ids and columns are
    then those of `read_stack_files` and `open_star`.

    A file STEM_truth.npz next to STEM.mrcs gives classes and poses; see `read_truth`.

    Raises InputError if there is no such file, or if it is damaged or contains anything but grey images.
    """
    if data.path and is_stack_set(Path(data.path).expanduser()):
        return read_stack_set(data)
    paths = find_stacks(data)
    stacks = [_open_stack(data, path) for path in paths]
    name = f"config.data.{'path' if data.path else 'root'} ({paths[0]})"
    shapes = [tuple(int(side) for side in stack.sizes[0]) for stack in stacks]
    if len(set(shapes)) > 1:
        raise InputError(f"{name}: expected test images of the training images' size {shapes[0]}, found {shapes[1]}")
    lengths = [len(stack.ids) for stack in stacks]
    background = np.concatenate([measure_background(stack) for stack in stacks])
    truths = [read_truth(path, length) for path, length in zip(paths, lengths, strict=True)]
    return Source(
        name=name,
        ids=np.array([f"{path.stem}/{row:06d}" for path, n in zip(paths, lengths, strict=True) for row in range(n)]),
        sizes=np.concatenate([stack.sizes for stack in stacks]),
        channels=1,
        dtype=np.dtype(np.float32),
        read=_make_read(stacks, background),
        description=_DESCRIPTION,
        labels=join_views(truths, lengths),
        test=np.repeat([False, True], lengths) if len(paths) > 1 else None,
        columns={"background_mean": background[:, 0], "background_std": background[:, 1]},
        pose=join_poses(truths, max(shapes[0])),
        files=np.repeat([str(path) for path in paths], lengths),
        pages=np.concatenate([np.arange(length) for length in lengths]),
    )


def is_stack_set(path: Path) -> bool:
    """Return True for a folder, a pattern and a STAR file."""
    return path.is_dir() or is_pattern(path) or (path.is_file() and path.suffix.lower() == ".star")


def read_stack_set(data: ConfigDict) -> Source:
    """Return the images of many stacks as one set. Raises InputError as their readers, and without stacks."""
    path = Path(data.path).expanduser()
    if path.suffix.lower() == ".star" and path.is_file():
        source = open_star(data)
    else:
        root, pattern = split_pattern(path) if is_pattern(path) else (path, EVERYTHING)
        names = find_files(root, pattern)
        stacks = [name for name in names if name.lower().endswith(STACK_ENDINGS)]
        if not stacks:
            raise InputError(
                f"config.data.path: expected stacks of particles ({', '.join(STACK_ENDINGS)}) in {path}, found "
                f"{count_endings(names) or 'none'}"
            )
        source = read_stack_files(data, root, stacks, source=f"config.data.path ({path})")
    _check_grey(source, source.name)
    background = measure_background(source)
    return dataclasses.replace(
        source,
        dtype=np.dtype(np.float32),
        read=_make_read([source], background),
        description=_DESCRIPTION,
        columns={**source.columns, "background_mean": background[:, 0], "background_std": background[:, 1]},
    )


def find_stacks(data: ConfigDict) -> list[Path]:
    """Return the file of the images and, if there is one, the file of the test images.

    Raises InputError if there is none, or several with 'train' in their name.
    """
    endings = ", ".join(READERS)
    if data.path:
        path = Path(data.path).expanduser()
        if not path.is_file() or path.suffix.lower() not in READERS:
            found = path.name if path.is_file() else f"{'a folder' if path.is_dir() else 'nothing'} at {path}"
            raise InputError(f"config.data.path: expected a file of particle images ({endings}), found {found}")
    else:
        folder = Path(data.root).expanduser() / "5hdb"
        fitting = [path for path in sorted(folder.glob("*train*")) if path.suffix.lower() in READERS]
        if len(fitting) != 1:
            raise InputError(
                f"config.data.root ({folder}): expected one file of particle images ({endings}) with 'train' in its "
                f"name, found {', '.join(path.name for path in fitting) or 'none'}; set config.data.path to the file"
            )
        path = fitting[0]
    test = path.with_name("test".join(path.name.rsplit("train", 1)))
    return [path, test] if test != path and test.is_file() else [path]


def outside_circle(height: int, width: int) -> Bool[np.ndarray, "h w"]:
    """Return a mask of the pixels whose centre is outside the inscribed circle, beyond the extent of a particle."""
    row, column = np.mgrid[:height, :width]
    return np.hypot(row - (height - 1) / 2, column - (width - 1) / 2) > min(height, width) / 2


def measure_background(stack: Source) -> np.ndarray:
    """Return the mean and standard deviation of each image's background, (N, 2) float32, in one pass.

    Raises InputError for values that are not finite.
    """
    ring = outside_circle(*(int(side) for side in stack.sizes[0]))
    background = np.empty((len(stack.ids), 2), np.float32)
    for first in range(0, len(background), _BLOCK):
        rows = np.arange(first, min(first + _BLOCK, len(background)))
        images = np.asarray(stack.read(rows))[..., 0].astype(np.float64)
        bad = rows[~np.isfinite(images).all(axis=(1, 2))]
        if len(bad):
            raise InputError(
                f"{stack.name}: expected finite numbers, found NaN or infinity in image {bad[0]}; leave it out"
            )
        background[rows] = np.stack([images[:, ring].mean(-1), images[:, ring].std(-1)], axis=-1)
    return background


def read_truth(path: Path, num_images: int) -> dict[str, np.ndarray]:
    """Return the arrays of STEM_truth.npz next to the stack `path` of N images: any of view, rotation and shift_px.

    view: (N,) integers or strings. rotation: (N,) radians of the *clockwise* rotation of the particle, with row 0 at
    the top. shift_px: (N, 2) pixels of the translation (down, right) that follows. This is the sign for which averages
    of simulated images in canonical orientation are sharpest.

    Raises InputError if they do not match the images.
    """
    truth = path.with_name(f"{path.stem}_truth.npz")
    name = f"config.data.path ({truth})"
    if not truth.is_file():
        return {}
    try:
        with np.load(truth, allow_pickle=False) as archive:
            arrays = {key: np.asarray(archive[key]) for key in _TRUTH if key in archive}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(
            f"{name}: expected an .npz file of plain arrays {', '.join(_TRUTH)}, found another kind of file "
            f"({' '.join(str(error).split())}); remove it to read the images without it"
        ) from None
    for key, array in arrays.items():
        shape, kinds = ((num_images, 2), "iuf") if key == "shift_px" else ((num_images,), "iuf")
        if array.shape != shape or array.dtype.kind not in ("iuU" if key == "view" else kinds):
            raise InputError(
                f"{name}: expected {key} of shape {shape} for {num_images} images, found {array.shape} of type "
                f"{array.dtype}; remove the file to read the images without it"
            )
    return arrays


def join_views(truths: list[dict[str, np.ndarray]], lengths: list[int]) -> np.ndarray | None:
    """Return the views of all images, -1 or '' for a file without views; None if no file has views."""
    views = [truth.get("view") for truth in truths]
    known = [view for view in views if view is not None]
    if not known:
        return None
    missing = "" if known[0].dtype.kind == "U" else -1
    filled = zip(views, lengths, strict=True)
    return np.concatenate([np.full(n, missing) if view is None else view for view, n in filled])


def join_poses(truths: list[dict[str, np.ndarray]], side: int) -> Pose | None:
    """Return the true poses of all images of `side` pixels from rotation and shift_px; None unless all are known."""
    if any(not {"rotation", "shift_px"} <= set(truth) for truth in truths):
        return None
    down, right = np.concatenate([truth["shift_px"] for truth in truths]).T
    tau = np.stack([right, -down], axis=-1) * 2 / side
    theta = -np.concatenate([truth["rotation"] for truth in truths])
    return Pose(theta=theta.astype(np.float32), tau=tau.astype(np.float32))


def _open_stack(data: ConfigDict, path: Path) -> Source:
    """Return the images of one file. Raises InputError if they are not grey or too small to have background."""
    data = data.copy_and_resolve_references()
    data.path = str(path)
    stack = READERS[path.suffix.lower()](data)
    _check_grey(stack, f"config.data.path ({path})")
    return stack


def _check_grey(stack: Source, name: str) -> None:
    if stack.channels != 1 or min(stack.sizes[0]) < 4:
        height, width = stack.sizes[0]
        raise InputError(
            f"{name}: expected grey images (N, h, w) of at least 4x4 pixels, found {len(stack.ids)} "
            f"of {height}x{width} with {stack.channels} channels"
        )


def _make_read(stacks: list[Source], background: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return `Source.read` for the concatenated stacks."""
    starts = np.cumsum([0, *(len(stack.ids) for stack in stacks)])
    spread = np.where(background[:, 1] > 0, background[:, 1], 1)

    def read(rows: np.ndarray) -> np.ndarray:
        rows = np.asarray(rows)
        images = np.empty((len(rows), *stacks[0].sizes[0], 1), np.float32)
        for stack, start, stop in zip(stacks, starts, starts[1:], strict=False):
            places = np.flatnonzero((rows >= start) & (rows < stop))
            if len(places):
                images[places] = stack.read(rows[places] - start)
        return (images - background[rows, :1, None, None]) / spread[rows, None, None, None]

    return read
