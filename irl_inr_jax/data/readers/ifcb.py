"""A sample of an Imaging FlowCytobot: images one after another in .roi, their sizes and offsets in .adc beside it.

Each line of the .adc file is a trigger; a trigger without an image has the size 0. Its columns depend on the
instrument: samples named I... (IFCB1_2009_216_075913) are of the first, those named D... (D20130526T095207_IFCB013) of
the others.
"""

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64
from ml_collections import ConfigDict

from irl_inr_jax.data.readers.label_files import read_labels
from irl_inr_jax.data.readers.stacks import damaged, source_name
from irl_inr_jax.data.source import Source
from irl_inr_jax.types import InputError

SUFFIXES = (".roi", ".adc")


class AdcColumns(NamedTuple):
    """Numbers of the columns of an .adc file from 0: left, top, width, height in pixels, and offset in bytes."""

    left: int
    top: int
    width: int
    height: int
    offset: int


COLUMNS = {"I": AdcColumns(9, 10, 11, 12, 13), "D": AdcColumns(13, 14, 15, 16, 17)}


class Regions(NamedTuple):
    """Images of a sample. triggers: (N,) lines of the .adc file from 1. left, top, width, height, offset: (N,)."""

    triggers: Int64[np.ndarray, "n"]
    left: Int64[np.ndarray, "n"]
    top: Int64[np.ndarray, "n"]
    width: Int64[np.ndarray, "n"]
    height: Int64[np.ndarray, "n"]
    offset: Int64[np.ndarray, "n"]


def open_ifcb(data: ConfigDict) -> Source:
    """Return the images of the sample whose .roi or .adc file is config.data.path, each of its own size, uint8.

    Ids are the sample and the five-digit number of the trigger, D20130526T095207_IFCB013_00002, as the dashboards of
    these instruments write them. Columns: the position of the image in the camera's frame.

    Raises InputError if one of the two files is missing, for another name, and for an .adc file that does not describe
    the .roi file.
    """
    path = Path(data.path).expanduser()
    stem = path.with_suffix("")
    roi, adc = (_find_beside(path, suffix) for suffix in SUFFIXES)
    kind = stem.name[:1].upper()
    if kind not in COLUMNS:
        raise InputError(
            f"{source_name(path)}: expected the instrument's name of a sample, I... or D..., which says what the "
            f"columns of the .adc file are, found {stem.name!r}; rename both files"
        )
    regions = read_regions(adc, COLUMNS[kind])
    num_bytes = roi.stat().st_size
    ends = regions.offset + regions.width * regions.height
    beyond = np.flatnonzero((ends > num_bytes) | (regions.offset < 0) | (np.minimum(regions.width, regions.height) < 0))
    if len(beyond):
        raise InputError(
            f"{source_name(roi)}: expected {ends.max()} bytes, as {adc.name} describes, found {num_bytes}, so that "
            f"{len(beyond)} of {len(ends)} images are cut; copy the file again"
        )
    pixels = np.memmap(roi, np.uint8, mode="r") if num_bytes else np.zeros(0, np.uint8)

    def read(rows: np.ndarray) -> list[np.ndarray]:
        return [
            np.array(pixels[regions.offset[row] : ends[row]]).reshape(regions.height[row], regions.width[row], 1)
            for row in rows
        ]

    ids = np.array([f"{stem.name}_{trigger:05d}" for trigger in regions.triggers])
    return Source(
        name=source_name(roi),
        ids=ids,
        sizes=np.stack([regions.height, regions.width], axis=1).astype(np.int32),
        channels=1,
        dtype=np.dtype(np.uint8),
        read=read,
        labels=read_labels(data, ids) if data.labels_path else None,
        columns={"roi_x": regions.left, "roi_y": regions.top},
        files=np.full(len(ids), str(roi)),
        pages=np.arange(len(ids)),
    )


def read_regions(adc: Path, columns: AdcColumns) -> Regions:
    """Return the images that an .adc file describes, without the triggers that have none.

    Raises InputError for a file without images, with too few columns, or with something else than numbers.
    """
    try:
        with adc.open(newline="", encoding="utf-8") as file:
            lines = [line for line in csv.reader(file) if line]
        cells = np.array([[line[column] for column in columns] for line in lines], np.float64).reshape(-1, len(columns))
    except (OSError, ValueError, IndexError, csv.Error) as error:
        raise damaged(adc, f"an .adc file with at least {max(columns) + 1} columns of numbers", error) from None
    if not np.isfinite(cells).all() or (cells != np.rint(cells)).any():
        raise damaged(adc, "sizes and offsets in whole numbers", ValueError("a fraction, NaN or infinity"))
    kept = (cells[:, 2] != 0) & (cells[:, 3] != 0)
    if not kept.any():
        raise InputError(f"{source_name(adc)}: expected images, found {len(lines)} triggers without one")
    return Regions(np.flatnonzero(kept) + 1, *cells[kept].astype(np.int64).T)


def _find_beside(path: Path, suffix: str) -> Path:
    """Return the file of the same sample with another suffix, in small or capital letters. Raises InputError."""
    for name in (path.with_suffix(suffix), path.with_suffix(suffix.upper())):
        if name.is_file():
            return name
    raise InputError(
        f"{source_name(path)}: expected {path.with_suffix(suffix).name} in the same folder, found none; copy both "
        f"files of the sample"
    )
