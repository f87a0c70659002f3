"""WM811k: maps of silicon wafers, labelled by the pattern of their failed dies (paper, section 4.1).

Read from LSWMD.pkl as Kaggle has it, once: its labelled maps are then kept beside it in wm811k_labelled.npz.
"""

import os
import zipfile
import zlib
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict

from irl_inr_jax.data.assembly import make_source_dataset
from irl_inr_jax.data.datasets.lswmd import COLUMNS, WaferMaps, read_lswmd
from irl_inr_jax.data.resize import resize_image
from irl_inr_jax.data.source import Source
from irl_inr_jax.data.subsets import Stream, make_rng
from irl_inr_jax.types import Dataset, InputError

PICKLE, STORE = "LSWMD.pkl", "wm811k_labelled.npz"
# The paper's counts, and the most images of a class with which as many remain of the published file: all of Donut,
# Near-full, Random and Scratch, and as many of each of the other five.
PAPER_TRAIN, PAPER_TEST, CLASS_CAP = 7350, 3557, 1629
SIDE = 32
# What 0 outside, 1 pass and 2 fail become. Of 0, 40, 60, 80, 100, 127 and 160 for a die that passed, 80 gives the best
# clusters without training (orbit_knn 54.8 %; 127 46.3 %, 0 44.0 %), and 10 neighbours by the spectrum find the class
# of 80.4 % of the maps (127 80.7 %, 0 78.5 %). Brighter ones drown the pattern; black ones lose the wafer itself.
LEVELS = np.array([0, 80, 255], np.uint8)


def make_wm811k(data: ConfigDict) -> Dataset:
    """The paper's split: about 7,350 + 3,557 maps, a class having 1,629 at most. Raises InputError."""
    wafers, path = read_wafers(data)
    chosen, test = distil_rows(wafers.labels, wafers.rows, seed=data.seed)
    source = make_wafer_source(data, wafers, chosen, test if test.any() else None, path=path)
    found = f"{np.sum(~test)} + {test.sum()} wafer maps, at most {CLASS_CAP} a class"
    if max(abs(np.sum(~test) - PAPER_TRAIN), abs(test.sum() - PAPER_TEST)) > 5:
        found += f" (the paper has {PAPER_TRAIN} + {PAPER_TEST})"
    return make_source_dataset(data, source, description=f"{found}, of {path}")


def make_wm811k_full(data: ConfigDict) -> Dataset:
    """All labelled maps, in the publisher's split where the file has both of its parts. Raises InputError."""
    wafers, path = read_wafers(data)
    split = wafers.columns.get("trianTestLabel", np.array([]))
    test = split == "Test" if {"Training", "Test"} <= set(split) else None
    source = make_wafer_source(data, wafers, np.arange(len(wafers.rows)), test, path=path)
    return make_source_dataset(data, source, description=f"all {len(wafers.rows)} labelled wafer maps of {path}")


def read_wafers(data: ConfigDict) -> tuple[WaferMaps, Path]:
    """The labelled maps in config.data.root/wm811k or config.data.root itself, and the file that they are from.

    LSWMD.pkl is read if wm811k_labelled.npz is not there or older, and that is then written if the folder allows it.
    Raises InputError if neither is there, or for what `read_lswmd` and `read_store` refuse.
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
    print(
        f"reading {pickled} ({size:.0f} MB) once, which may take minutes; its labelled maps go to {store}", flush=True
    )
    wafers = read_lswmd(pickled)
    try:
        write_store(store, wafers)
    except OSError as error:
        print(
            f"cannot write {store} ({error.strerror or error}), going on without; the next run reads the pickle again"
        )
    return wafers, pickled


def write_store(path: Path, wafers: WaferMaps) -> None:
    """`wafers` as plain arrays in an .npz file, of which nothing is at `path` until it is whole. Raises OSError."""
    label_names, label = np.unique(wafers.labels, return_inverse=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            np.savez_compressed(
                file,
                flat=wafers.flat,
                shape=wafers.shape,
                label=label.astype(np.int16),
                label_names=label_names,
                row=wafers.rows,
                **wafers.columns,
            )
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def read_store(path: Path) -> WaferMaps:
    """The maps of a file of `write_store`, or of one with `flat`, `shape`, `label` and `label_names` alone.

    Without `row`, rows are counted in the file itself. Raises InputError if it is no such file, is damaged, or has
    arrays that do not fit each other.
    """
    source = f"config.data.root ({path})"
    remedy = f"delete it, and it is made anew of {PICKLE} in the same folder"
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive}
    except (ValueError, TypeError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(
            f"{source}: expected an .npz file of plain arrays, found another or a damaged one "
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
            f"{source}: expected maps of 0, 1 and 2 end to end in flat, and a shape and a label for each, found arrays "
            f"that do not fit: flat {flat.dtype} {flat.shape}, shape {shape.shape}, label {label.shape}; {remedy}"
        )
    return WaferMaps(flat=flat, shape=shape, labels=names.astype(str)[label], rows=rows, columns=columns)


def distil_rows(labels: np.ndarray, rows: np.ndarray, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Which of the maps (N,) are taken, in increasing order, and which of those are for testing.

    Of every class at most `CLASS_CAP`, and of these the paper's share for testing, at least one being for training.
    What is drawn for a map depends on the seed and its row number alone.
    """
    draws = make_rng(seed, Stream.WAFERS).random(int(rows.max()) + 1)[rows]
    share = PAPER_TEST / (PAPER_TRAIN + PAPER_TEST)
    kept, test = np.zeros(len(labels), bool), np.zeros(len(labels), bool)
    for name in np.unique(labels):
        members = np.flatnonzero(labels == name)
        members = members[np.argsort(draws[members], kind="stable")][:CLASS_CAP]
        kept[members] = True
        test[members[: min(round(len(members) * share), len(members) - 1)]] = True
    return np.flatnonzero(kept), test[kept]


def make_wafer_source(
    data: ConfigDict, wafers: WaferMaps, chosen: np.ndarray, test: np.ndarray | None, *, path: Path
) -> Source:
    """The maps `chosen`, stretched to squares of data.resize pixels (0 is 32) by data.resampling as they are read.

    Stretching is right for wafers, and for them alone: they are round, but their dies are not square, so that a map
    counts fewer dies along one axis than along the other. On the square a turn of the wafer is a turn of the image.
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
