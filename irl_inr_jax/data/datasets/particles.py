"""Particle images of electron microscopy, such as spatial-VAE's 5HDB: stacks of noisy, signed numbers.

Rows are as stored. Whether particles are brighter or darker than their ground is left as it is: turning it round is
for whoever picked the particles.
"""

import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Bool
from ml_collections import ConfigDict

from irl_inr_jax.data.assembly import make_source_dataset
from irl_inr_jax.data.readers.numpy_files import open_npy
from irl_inr_jax.data.readers.volumes import open_mrc
from irl_inr_jax.data.source import Source
from irl_inr_jax.types import Dataset, InputError, Pose

READERS = {".mrcs": open_mrc, ".mrc": open_mrc, ".npy": open_npy}
_TRUTH = ("view", "rotation", "shift_px")
_BLOCK = 1024  # images whose ground is measured at once


def make_particles(data: ConfigDict) -> Dataset:
    """The particle images of config.data.path, or of config.data.root/5hdb. Raises InputError."""
    return make_source_dataset(
        data, read_particles(data), description="particle images, each by the mean and deviation of its own ground"
    )


def read_particles(data: ConfigDict) -> Source:
    """The images of the stack config.data.path, or of the one in config.data.root/5hdb with 'train' in its name.

    Where a file lies beside it that has 'test' for 'train' in its name, that is the test split. An image is called
    'STEM/000123' after its file and row. Each has the mean of its ground taken away and is divided by its standard
    deviation (by 1 where that is 0); these are the columns background_mean and background_std. The ground is what lies
    outside the inscribed circle.

    What is known of STEM.mrcs is in STEM_truth.npz: see `read_truth`. It gives classes and poses.

    Raises InputError if there is no such file, or one that is damaged or holds other things than grey images.
    """
    paths = find_stacks(data)
    stacks = [_open_stack(data, path) for path in paths]
    name = f"config.data.{'path' if data.path else 'root'} ({paths[0]})"
    shapes = [tuple(int(side) for side in stack.sizes[0]) for stack in stacks]
    if len(set(shapes)) > 1:
        raise InputError(f"{name}: expected test images like the training images, {shapes[0]}, found {shapes[1]}")
    lengths = [len(stack.ids) for stack in stacks]
    ground = np.concatenate([measure_background(stack) for stack in stacks])
    truths = [read_truth(path, length) for path, length in zip(paths, lengths, strict=True)]
    return Source(
        name=name,
        ids=np.array([f"{path.stem}/{row:06d}" for path, n in zip(paths, lengths, strict=True) for row in range(n)]),
        sizes=np.concatenate([stack.sizes for stack in stacks]),
        channels=1,
        dtype=np.dtype(np.float32),
        read=_make_read(stacks, ground),
        labels=join_views(truths, lengths),
        test=np.repeat([False, True], lengths) if len(paths) > 1 else None,
        columns={"background_mean": ground[:, 0], "background_std": ground[:, 1]},
        pose=join_poses(truths, max(shapes[0])),
    )


def find_stacks(data: ConfigDict) -> list[Path]:
    """The file with the images, and after it the one for testing if there is one.

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
    """Which pixels have their middle outside the circle inscribed into the image, where no particle should reach."""
    row, column = np.mgrid[:height, :width]
    return np.hypot(row - (height - 1) / 2, column - (width - 1) / 2) > min(height, width) / 2


def measure_background(stack: Source) -> np.ndarray:
    """(N, 2) float32: mean and standard deviation of each image's ground, in one pass.

    Raises InputError for values that are no finite numbers.
    """
    ring = outside_circle(*(int(side) for side in stack.sizes[0]))
    ground = np.empty((len(stack.ids), 2), np.float32)
    for first in range(0, len(ground), _BLOCK):
        rows = np.arange(first, min(first + _BLOCK, len(ground)))
        images = stack.read(rows)[..., 0].astype(np.float64)
        bad = rows[~np.isfinite(images).all(axis=(1, 2))]
        if len(bad):
            raise InputError(
                f"{stack.name}: expected finite numbers, found NaN or infinity in image {bad[0]}; leave it out"
            )
        ground[rows] = np.stack([images[:, ring].mean(-1), images[:, ring].std(-1)], axis=-1)
    return ground


def read_truth(path: Path, num_images: int) -> dict[str, np.ndarray]:
    """What STEM_truth.npz beside the stack `path` says of its N images: some of view, rotation and shift_px, or none.

    view: (N,) whole numbers or strings. rotation: (N,) radians by which the particle was turned *clockwise* as the rows
    are drawn from the top down, and then shift_px: (N, 2) pixels by which it was moved, (down, right). This is the sign
    for which averages of simulated images, set upright, are sharpest.

    Raises InputError if they do not fit the images.
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
            f"{name}: expected an .npz file of plain arrays {', '.join(_TRUTH)}, found another one "
            f"({' '.join(str(error).split())}); take it away to go without"
        ) from None
    for key, array in arrays.items():
        shape, kinds = ((num_images, 2), "iuf") if key == "shift_px" else ((num_images,), "iuf")
        if array.shape != shape or array.dtype.kind not in ("iuU" if key == "view" else kinds):
            raise InputError(
                f"{name}: expected {key} of shape {shape} for {num_images} images, found {array.shape} of type "
                f"{array.dtype}; take the file away to go without"
            )
    return arrays


def join_views(truths: list[dict[str, np.ndarray]], lengths: list[int]) -> np.ndarray | None:
    """The views of all images, -1 or '' in a file that says nothing of them; None where none does."""
    views = [truth.get("view") for truth in truths]
    known = [view for view in views if view is not None]
    if not known:
        return None
    missing = "" if known[0].dtype.kind == "U" else -1
    filled = zip(views, lengths, strict=True)
    return np.concatenate([np.full(n, missing) if view is None else view for view, n in filled])


def join_poses(truths: list[dict[str, np.ndarray]], side: int) -> Pose | None:
    """The true poses of all images, `side` pixels wide, from rotation and shift_px; None unless all are known."""
    if any(not {"rotation", "shift_px"} <= set(truth) for truth in truths):
        return None
    down, right = np.concatenate([truth["shift_px"] for truth in truths]).T
    tau = np.stack([right, -down], axis=-1) * 2 / side
    theta = -np.concatenate([truth["rotation"] for truth in truths])
    return Pose(theta=theta.astype(np.float32), tau=tau.astype(np.float32))


def _open_stack(data: ConfigDict, path: Path) -> Source:
    """The images of one file. Raises InputError if they are not grey or so small that they have no ground."""
    own = data.copy_and_resolve_references()
    own.update(path=str(path), labels_path="")
    stack = READERS[path.suffix.lower()](own)
    if stack.channels != 1 or min(stack.sizes[0]) < 4:
        height, width = stack.sizes[0]
        raise InputError(
            f"config.data.path ({path}): expected grey images (N, h, w) of at least 4x4 pixels, found {len(stack.ids)} "
            f"of {height}x{width} with {stack.channels} channels"
        )
    return stack


def _make_read(stacks: list[Source], ground: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """`Source.read` over the stacks one after the other."""
    starts = np.cumsum([0, *(len(stack.ids) for stack in stacks)])
    spread = np.where(ground[:, 1] > 0, ground[:, 1], 1)

    def read(rows: np.ndarray) -> np.ndarray:
        rows = np.asarray(rows)
        images = np.empty((len(rows), *stacks[0].sizes[0], 1), np.float32)
        for stack, start, stop in zip(stacks, starts, starts[1:], strict=False):
            places = np.flatnonzero((rows >= start) & (rows < stop))
            if len(places):
                images[places] = stack.read(rows[places] - start)
        return (images - ground[rows, :1, None, None]) / spread[rows, None, None, None]

    return read
