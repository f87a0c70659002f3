"""dSprites: white squares, ellipses and hearts at every combination of scale, orientation and position.

The published file contains 737,280 images of 64x64 pixels in one compressed member, 3 GB uncompressed. It is
decompressed once, block by block, and memory-mapped afterwards, so that only requested images are in memory.
"""

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from irl_inr_jax.data.array_cache import open_cached_array
from irl_inr_jax.data.source import Source, array_source
from irl_inr_jax.types import InputError, Pose

FILE_NAME = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz"
SHAPES = ("square", "ellipse", "heart")
_LATENTS = ("color", "shape", "scale", "orientation", "pos_x", "pos_y")
# Value of each class of each latent, as published.
_GRID = (
    np.ones(1),
    np.arange(1.0, 4.0),
    np.linspace(0.5, 1.0, 6),
    np.linspace(0.0, 2 * np.pi, 40),
    np.linspace(0.0, 1.0, 32),
    np.linspace(0.0, 1.0, 32),
)
_BLOCK_BYTES = 1 << 24


def read_dsprites(data: ConfigDict) -> Source:
    """Return the images of config.data.root/dsprites/ (or of the root itself), in the order of the file.

    Columns are the latents by name, with the orientation in radians. The pose is the true one; for shapes with
    rotational symmetry (ellipses by pi, squares by pi/2) it is one of several equivalent poses.

    Raises InputError if there is no such file, or if it is damaged or has other content.
    """
    path = find_dsprites_file(Path(data.root).expanduser())
    name = f"config.data.root ({path})"
    images = open_sprites(path, name)
    latents = read_latents(path, name, len(images))
    columns = dict(zip(_LATENTS, latents.T, strict=True))
    shape = columns.pop("shape").astype(int)
    del columns["color"]
    labels = np.array(SHAPES)[shape - 1]
    return array_source(
        name,
        images,
        np.array([f"dsprites/{row:06d}" for row in range(len(images))]),
        description="dSprites: squares, ellipses and hearts of six sizes in known poses",
        labels=labels,
        columns={"shape": labels, **columns},
        pose=latent_pose(columns["orientation"], columns["pos_x"], columns["pos_y"]),
    )


def latent_pose(orientation: np.ndarray, pos_x: np.ndarray, pos_y: np.ndarray) -> Pose:
    """Return the pose (N,) of images with these latents (N,). The convention was measured on the images.

    Orientation is counter-clockwise. Positions increase to the right and *downwards*, from 0 to 1 over the middle half
    of the image: shapes are centred between pixels 15.5 and 47.5 of 64.
    """
    tau = np.stack([pos_x - 0.5, 0.5 - pos_y], axis=-1)
    return Pose(theta=orientation.astype(np.float32), tau=tau.astype(np.float32))


def find_dsprites_file(root: Path) -> Path:
    """Return the dSprites file in root/dsprites or root: the published one, or the only .npz with the same members.

    Raises InputError if there is none, or more than one.
    """
    folders = [root / "dsprites", root]
    published = [folder / FILE_NAME for folder in folders if (folder / FILE_NAME).is_file()]
    if published:
        return published[0]
    candidates = [path for folder in folders for path in sorted(folder.glob("*.npz")) if _has_sprites(path)]
    if len(candidates) == 1:
        return candidates[0]
    found = f"{len(candidates)}, {' and '.join(path.name for path in candidates)}; leave one" if candidates else "none"
    raise InputError(
        f"config.data.root ({folders[0]}): expected {FILE_NAME}, or one .npz file with imgs and latents_values or "
        f"latents_classes, found {found}; the file is in the repository google-deepmind/dsprites-dataset"
    )


def open_sprites(path: Path, name: str) -> np.ndarray:
    """Return the array imgs of an .npz file, (N, h, w) uint8, memory-mapped from a decompressed copy.

    The name of the copy contains the checksum of imgs, so that another file of the same name gets its own copy.

    Raises InputError if the file is damaged, or if imgs has another shape or type.
    """
    try:
        with zipfile.ZipFile(path) as archive, archive.open("imgs.npy") as member:
            shape, fortran_order, dtype = _read_header(member)
            info = archive.getinfo("imgs.npy")
            num_bytes = info.file_size - member.tell()
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise _damaged(name, error) from None
    if len(shape) != 3 or 0 in shape or dtype.name not in ("uint8", "bool") or fortran_order:
        raise InputError(
            f"{name}: expected imgs of shape (N, h, w) and type uint8, found {shape} of type {dtype}"
            f"{' in Fortran order' if fortran_order else ''}; see google-deepmind/dsprites-dataset"
        )
    if num_bytes != np.prod(shape, dtype=np.int64):
        raise _damaged(name, ValueError(f"imgs of shape {shape} in {num_bytes} bytes"))
    copy = f"{path.stem}.imgs-{info.CRC:08x}.npy"
    return open_cached_array(path.parent, copy, shape, lambda: _unpack(path, name), content="the images of dSprites")


def read_latents(path: Path, name: str, num_images: int) -> np.ndarray:
    """Return the latents (num_images, 6) of an .npz file: latents_values, or the values of latents_classes.

    `metadata` is pickled and never read. Raises InputError if the latents do not match the images.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            key = "latents_values" if "latents_values" in archive else "latents_classes"
            latents = np.asarray(archive[key])
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise _damaged(name, error) from None
    if latents.shape != (num_images, len(_LATENTS)) or latents.dtype.kind not in "iuf":
        raise InputError(
            f"{name}: expected {key} of shape ({num_images}, {len(_LATENTS)}) for {num_images} images, "
            f"found {latents.shape} of type {latents.dtype}"
        )
    if key == "latents_classes":
        if any(not np.isin(column, range(len(axis))).all() for column, axis in zip(latents.T, _GRID, strict=True)):
            sizes = ", ".join(str(len(axis)) for axis in _GRID)
            raise InputError(f"{name}: expected latents_classes below {sizes}, found {latents.max(0).tolist()}")
        latents = latents.astype(int)
        latents = np.stack([axis[column] for axis, column in zip(_GRID, latents.T, strict=True)], axis=-1)
    if not np.isfinite(latents).all() or not np.isin(latents[:, 1], (1, 2, 3)).all():
        raise InputError(f"{name}: expected finite {key} and shapes 1, 2 and 3, found {np.unique(latents[:, 1])[:9]}")
    return latents.astype(np.float64)


def _read_header(member: Any) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Return (shape, fortran_order, dtype) of an .npy stream and advance it to the first value."""
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    return read[np.lib.format.read_magic(member)](member)


def _unpack(path: Path, name: str) -> Iterator[bytes]:
    try:
        with zipfile.ZipFile(path) as archive, archive.open("imgs.npy") as member:
            _read_header(member)
            while block := member.read(_BLOCK_BYTES):
                yield block
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise _damaged(name, error) from None


def _has_sprites(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
    return "imgs.npy" in names and bool({"latents_values.npy", "latents_classes.npy"} & names)


def _damaged(name: str, error: Exception) -> InputError:
    return InputError(
        f"{name}: expected an .npz file with imgs and the latents as plain arrays, found a damaged or another file "
        f"({' '.join(str(error).split())}); download it again"
    )
