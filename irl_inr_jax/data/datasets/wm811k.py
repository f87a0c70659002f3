"""WM811k: maps of silicon wafers, labelled by the pattern of their failed dies (paper, section 4.1).

Kaggle's LSWMD.pkl is read once; its labelled maps are then stored next to it in wm811k_labelled.npz.
"""

import dataclasses
import logging
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from irl_inr_jax.config.checked_files import replace_file
from irl_inr_jax.data.datasets.lswmd import COLUMNS, WaferMaps, read_lswmd
from irl_inr_jax.data.resize import resize_image
from irl_inr_jax.data.source import Source
from irl_inr_jax.data.subsets import Stream, make_rng
from irl_inr_jax.types import InputError

logger = logging.getLogger(__name__)

PICKLE, STORE = "LSWMD.pkl", "wm811k_labelled.npz"
# The paper's counts, and the limit per class with which the published file gives the same counts: all of Donut,
# Near-full, Random and Scratch, and CLASS_CAP of each of the other five.
PAPER_TRAIN, PAPER_TEST, CLASS_CAP = 7350, 3557, 1629
SIDE = 32
# Grey levels of 0 (outside), 1 (pass) and 2 (fail). Of 0, 40, 60, 80, 100, 127 and 160 for a die that passed, 80 gives
# the best clusters without training (orbit_knn 54.8 %; 127 46.3 %, 0 44.0 %), and 10 nearest spectra predict the class
# of 80.4 % of the maps (127 80.7 %, 0 78.5 %). Brighter levels hide the pattern; with 0 the wafer itself is invisible.
LEVELS = np.array([0, 80, 255], np.uint8)


def read_wm811k(data: ConfigDict) -> Source:
    """Return the paper's split: about 7,350 + 3,557 maps, at most 1,629 of each class. Raises InputError."""
    wafers, path = read_wafers(data)
    chosen, test = sample_wafers(wafers.labels, wafers.rows, seed=data.seed)
    found = f"{np.sum(~test)} + {test.sum()} wafer maps, at most {CLASS_CAP} per class"
    if max(abs(np.sum(~test) - PAPER_TRAIN), abs(test.sum() - PAPER_TEST)) > 5:
        found += f" (the paper has {PAPER_TRAIN} + {PAPER_TEST})"
    source = make_wafer_source(data, wafers, chosen, test if test.any() else None, path=path)
    return dataclasses.replace(source, description=f"{found}, of {path}")


def read_wm811k_full(data: ConfigDict) -> Source:
    """Return all labelled maps, with the publisher's split if the file has both of its parts. Raises InputError."""
    wafers, path = read_wafers(data)
    split = wafers.columns.get("trianTestLabel", np.array([]))
    test = split == "Test" if {"Training", "Test"} <= set(split) else None
    source = make_wafer_source(data, wafers, np.arange(len(wafers.rows)), test, path=path)
    return dataclasses.replace(source, description=f"all {len(wafers.rows)} labelled wafer maps of {path}")


def read_wafers(data: ConfigDict) -> tuple[WaferMaps, Path]:
    """Return the labelled maps in config.data.root/wm811k or config.data.root, and the file from which they were read.

    LSWMD.pkl is read if wm811k_labelled.npz is missing or older; the latter is then written if the folder is writable.
    Raises InputError if neither file exists, and as `read_lswmd` and `read_store`.
    """
    root = Path(data.root).expanduser()
    folders = [folder for folder in (root / "wm811k", root) if any((folder / n).is_file() for n in (PICKLE, STORE))]
    if not folders:
        raise InputError(
            f"config.data.root: expected {PICKLE} or {STORE} in {root / 'wm811k'} or {root}, found neither; download "
            f"{PICKLE} (2.1 GB) of the Kaggle data set 'qingyi/wm811k-wafer-map' and put it into {root / 'wm811k'}"
        )
    pickled, store = folders[0] / PICKLE, folders[0] / STORE
    if store.is_file() and not (pickled.is_file() and pickled.stat().st_mtime > store.stat().st_mtime):
        return read_store(store), store
    size = pickled.stat().st_size / 1e6
    logger.info("Reading %s (%.0f MB) once, which may take minutes; its labelled maps go to %s", pickled, size, store)
    wafers = read_lswmd(pickled)
    try:
        write_store(store, wafers)
    except OSError as error:
        logger.warning(
            "Cannot write %s (%s); continuing without it, the next run reads the pickle again",
            store,
            error.strerror or error,
        )
    return wafers, pickled


def write_store(path: Path, wafers: WaferMaps) -> None:
    """Write `wafers` as plain arrays to an .npz file, which appears only when it is complete. Raises OSError."""
    label_names, label = np.unique(wafers.labels, return_inverse=True)
    arrays: dict[str, Any] = {
        "flat": wafers.flat,
        "shape": wafers.shape,
        "label": label.astype(np.int16),
        "label_names": label_names,
        "row": wafers.rows,
        **wafers.columns,
    }
    with replace_file(path) as partial, partial.open("wb") as file:
        np.savez_compressed(file, **arrays)


def read_store(path: Path) -> WaferMaps:
    """Return the maps of a file of `write_store`, or of a file with only `flat`, `shape`, `label` and `label_names`.

    Without `row`, rows are numbered in the order of the file. Raises InputError if it is another kind of file, is
    damaged, or has arrays that do not match each other.
    """
    source = f"config.data.root ({path})"
    remedy = f"delete it to create it again from {PICKLE} in the same folder"
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive}
    except (ValueError, TypeError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(
            f"{source}: expected an .npz file of plain arrays, found another or a damaged file "
            f"({' '.join(str(error).split())}); {remedy}"
        ) from None
    missing = [name for name in ("flat", "shape", "label", "label_names") if name not in arrays]
    if missing:
        raise InputError(
            f"{source}: expected arrays flat, shape, label and label_names, found no {missing[0]}; {remedy}"
        )
    rows = arrays.get("row", np.arange(len(np.atleast_1d(arrays["label"]))))
    columns = {name: arrays[name] for name in COLUMNS if name in arrays}
    flat, shape, label, names = (arrays[name] for name in ("flat", "shape", "label", "label_names"))
    if not (
        flat.dtype == np.uint8
        and flat.ndim == 1
        and all(array.dtype.kind in "iu" for array in (shape, label, rows))
        and all(array.shape == label.shape == (len(rows),) for array in (rows, *columns.values()))
        and shape.shape == (len(rows), 2)
        and len(rows) > 0
        and min(shape.min() - 1, label.min(), rows.min()) >= 0
        and label.max() < names.size
        and shape.astype(np.int64).prod(1).sum() == len(flat)
        and flat.max() <= 2
    ):
        raise InputError(
            f"{source}: expected concatenated maps of 0, 1 and 2 in flat, and a shape and a label for each, found "
            f"arrays that do not match: flat {flat.dtype} {flat.shape}, shape {shape.shape}, label {label.shape}; "
            f"{remedy}"
        )
    return WaferMaps(flat=flat, shape=shape, labels=names.astype(str)[label], rows=rows, columns=columns)


def sample_wafers(labels: np.ndarray, rows: np.ndarray, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the selected maps (n,) of N in increasing order, and True (n,) for those of the test split.

    At most `CLASS_CAP` of every class are selected; the test split has the paper's share of them, and at least one is
    for training. The random number of a map depends on the seed and its row only.
    """
    random = make_rng(seed, Stream.WAFERS).random(int(rows.max()) + 1)[rows]
    share = PAPER_TEST / (PAPER_TRAIN + PAPER_TEST)
    kept, test = np.zeros(len(labels), bool), np.zeros(len(labels), bool)
    for name in np.unique(labels):
        members = np.flatnonzero(labels == name)
        members = members[np.argsort(random[members], kind="stable")][:CLASS_CAP]
        kept[members] = True
        test[members[: min(round(len(members) * share), len(members) - 1)]] = True
    return np.flatnonzero(kept), test[kept]


def make_wafer_source(
    data: ConfigDict, wafers: WaferMaps, chosen: np.ndarray, test: np.ndarray | None, *, path: Path
) -> Source:
    """Return the maps `chosen`, stretched to squares of data.resize pixels (0: 32) by data.resampling when read.

    Only wafers are stretched: they are round but their dies are not square, so that a map has fewer dies along one axis
    than along the other. On the square a rotation of the wafer is a rotation of the image.
    """
    if data.resize < 0:
        raise InputError(f"config.data.resize: expected a side in pixels, or 0 for {SIDE}, found {data.resize}")
    side, method = data.resize or SIDE, data.resampling
    ends = np.cumsum(wafers.shape.astype(np.int64).prod(1))

    def read(rows: np.ndarray) -> np.ndarray:
        images = np.empty((len(rows), side, side, 1), np.uint8)
        for image, row in zip(images, chosen[rows], strict=True):
            height, width = wafers.shape[row]
            wafer = wafers.flat[ends[row] - int(height) * int(width) : ends[row]].reshape(height, width, 1)
            image[:] = resize_image(LEVELS[wafer], side, side, method=method)
        return images

    return Source(
        name=f"config.data.root ({path})",
        ids=np.array([f"wm811k/{row:06d}" for row in wafers.rows[chosen]]),
        sizes=np.full((len(chosen), 2), side, np.int32),
        channels=1,
        dtype=np.dtype(np.uint8),
        read=read,
        labels=wafers.labels[chosen],
        test=test,
        columns={name: values[chosen] for name, values in wafers.columns.items()},
    )
