"""Aligned images as files: a folder of PNG or TIFF files, or one stack as .npy, .tif or .mrcs, written in batches."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import mrcfile
import numpy as np
import tifffile
from jaxtyping import Int, Shaped

from irl_inr_jax.data.csv_cells import write_csv
from irl_inr_jax.report.file_names import make_file_names
from irl_inr_jax.report.image_writer import choose_suffix, write_image
from irl_inr_jax.types import InputError

STACK_FORMATS = ("npy", "tif", "mrcs")
Write = Callable[[int, Shaped[np.ndarray, "b s s c"]], None]
_MRC_MODES = {"uint8": 6, "uint16": 6, "int16": 1, "float32": 2}  # mrcfile: 8-bit values are stored as 16-bit ones


def check_format(kind: str, dtype: np.dtype, channels: int) -> None:
    """Raise InputError for a format that cannot hold such images. kind: 'png' or one of STACK_FORMATS."""
    if kind == "png" and choose_suffix(dtype, channels) != ".png":
        raise InputError(
            f"expected grey or colour images of 8 or 16 bits for --format png, found {dtype} with {channels} "
            f"channels; use --format tif or npy"
        )
    if kind == "mrcs" and channels != 1:
        raise InputError(f"expected grey images for --format mrcs, found {channels} channels; use --format tif or npy")


@contextmanager
def open_stack(folder: Path, kind: str, shape: tuple[int, int, int, int], dtype: np.dtype) -> Iterator[Write]:
    """Yield write(first, images), which writes the images from number `first` on to folder/aligned.KIND, in order."""
    path, grey = folder / f"aligned.{kind}", shape[3] == 1
    plain = shape[:3] if grey else shape
    if kind == "npy":
        array = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=plain)
        yield lambda first, images: array.__setitem__(slice(first, first + len(images)), _squeeze(images))
        array.flush()
    elif kind == "tif":
        colour = "rgb" if shape[3] == 3 else "minisblack"
        planar = None if grey else "contig"
        with tifffile.TiffWriter(path, bigtiff=math.prod(shape) * dtype.itemsize > 2**31) as file:

            def write_pages(first: int, images: np.ndarray) -> None:
                for image in _squeeze(images):
                    file.write(np.ascontiguousarray(image), photometric=colour, contiguous=True, planarconfig=planar)

            yield write_pages
    else:
        with mrcfile.new_mmap(path, shape=plain, mrc_mode=_MRC_MODES[str(dtype)]) as file:
            file.set_image_stack()
            yield lambda first, images: file.data.__setitem__(slice(first, first + len(images)), _squeeze(images))
            file.update_header_stats()


@contextmanager
def open_image_folder(folder: Path, files: Sequence[str]) -> Iterator[Write]:
    """Yield write(first, images), which writes each image to its own file in `folder`."""
    folder.mkdir()

    def write(first: int, images: np.ndarray) -> None:
        for number, image in enumerate(images):
            write_image(folder / files[first + number], image)

    yield write


def name_image_files(ids: np.ndarray) -> list[str]:
    """Return a PNG file name for each id; the suffix of a file's name is replaced, as in a_1.tif -> a_1.png."""
    known = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".gif", ".webp")
    stems = [str(image_id) for image_id in ids]
    stems = [stem[: -len(Path(stem).suffix)] if Path(stem).suffix.lower() in known else stem for stem in stems]
    return make_file_names(stems, [".png"] * len(stems))


def write_index(
    path: Path,
    ids: np.ndarray,
    clusters: Int[np.ndarray, "n"],
    cluster_names: Sequence[str] | None,
    files: Sequence[str] | None,
    *,
    raw: bool,
) -> None:
    """Write ids.csv: id, cluster, its name if there are names, and the file of each image or its number in the stack.

    Numbers are from 0. raw: leave cells that a spreadsheet would evaluate as they are.
    """
    columns = {"id": ids.tolist(), "cluster": clusters.tolist()}
    if cluster_names is not None:
        columns["cluster_name"] = list(cluster_names)
    columns["number" if files is None else "file"] = list(range(len(ids)) if files is None else files)
    write_csv(path, columns, raw=raw)


def _squeeze(images: np.ndarray) -> np.ndarray:
    return images[..., 0] if images.shape[-1] == 1 else images
