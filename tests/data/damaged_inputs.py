"""Valid files of every format, and copies of them that are damaged at random."""

import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import h5py
import mrcfile
import numpy as np
import pyarrow as pa
import tifffile
from astropy.io import fits
from PIL import Image
from pyarrow import parquet

NUM_IMAGES, SIDE = 6, 12
IMAGES = np.random.default_rng(0).integers(0, 256, (NUM_IMAGES, SIDE, SIDE)).astype(np.uint8)
LABELS = np.array(["ant", "bee"] * 3)


class DamagedInput(NamedTuple):
    """One input. keys: of config.data. is_cut: a file shorter than it was, which must not be read with fewer images."""

    name: str
    keys: dict
    is_cut: bool = False


def write_npz(path: Path) -> None:
    """Write images, labels and ids."""
    np.savez_compressed(path, images=IMAGES, labels=LABELS, ids=np.arange(NUM_IMAGES).astype(str))


def write_hdf5(path: Path) -> None:
    """Write images and labels."""
    with h5py.File(path, "w") as file:
        file.create_dataset("images", data=IMAGES, chunks=(2, SIDE, SIDE), compression="gzip")
        file["labels"] = LABELS.astype("S")


def write_plain_hdf5(path: Path) -> None:
    """Write images without chunks, and labels."""
    with h5py.File(path, "w") as file:
        file["images"], file["labels"] = IMAGES, LABELS.astype("S")


def write_mrc(path: Path) -> None:
    """Write a stack."""
    with mrcfile.new(path) as file:
        file.set_data(IMAGES.astype(np.float32))


def write_fits(path: Path) -> None:
    """Write a cube."""
    fits.PrimaryHDU(IMAGES.astype(np.int16)).writeto(path)


def write_tiff(path: Path) -> None:
    """Write one page for each image, compressed."""
    tifffile.imwrite(path, IMAGES, photometric="minisblack", compression="zlib")


def write_table(path: Path) -> None:
    """Write the table of the images of `write_folder`."""
    columns = {"path": [f"tree/{row}.png" for row in range(NUM_IMAGES)], "label": LABELS.tolist(), "x": list(range(6))}
    if path.suffix == ".parquet":
        parquet.write_table(pa.table(columns), path)
    else:
        delimiter = {".csv": ",", ".tsv": "\t"}[path.suffix]
        rows = [columns.keys(), *zip(*columns.values(), strict=True)]
        path.write_text("\n".join(delimiter.join(map(str, row)) for row in rows) + "\n")


def write_embedded(path: Path) -> None:
    """Write a table with the images in it, as data sets of the Hugging Face hub are."""
    cells = [{"bytes": _png(image), "path": f"{row}.png"} for row, image in enumerate(IMAGES)]
    parquet.write_table(pa.table({"image": cells, "label": list(range(NUM_IMAGES))}), path)


def write_folder(path: Path) -> None:
    """Write one PNG for each image."""
    path.mkdir()
    for row, image in enumerate(IMAGES):
        Image.fromarray(image).save(path / f"{row}.png")


def write_zip(path: Path) -> None:
    """Write an archive of images with a table."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("index.csv", "path,label\n" + "".join(f"{row}.png,{LABELS[row]}\n" for row in range(6)))
        for row, image in enumerate(IMAGES):
            archive.writestr(f"{row}.png", _png(image))


def write_roi(path: Path) -> None:
    """Write a sample of an Imaging FlowCytobot."""
    lines = [",".join([str(row + 1), *["0.5"] * 12, f"1,1,{SIDE},{SIDE},{row * SIDE**2}"]) for row in range(6)]
    path.with_suffix(".adc").write_text("\n".join(lines) + "\n")
    path.write_bytes(IMAGES.tobytes())


FILES: dict[str, Callable[[Path], object]] = {
    "a.npy": lambda path: np.save(path, IMAGES),
    "a.npz": write_npz,
    "a.h5": write_hdf5,
    "a.mrcs": write_mrc,
    "a.fits": write_fits,
    "a.tif": write_tiff,
    "a.csv": write_table,
    "a.tsv": write_table,
    "a.parquet": write_table,
    "a.zip": write_zip,
    "contiguous.tif": lambda path: tifffile.imwrite(path, IMAGES, photometric="minisblack"),
    "pages.tif": lambda path: tifffile.imwrite(
        path, IMAGES, photometric="minisblack", compression="zlib", metadata=None
    ),
    "imagej.tif": lambda path: tifffile.imwrite(path, IMAGES, imagej=True),
    "ome.tif": lambda path: tifffile.imwrite(path, IMAGES, ome=True, photometric="minisblack"),
    "plain.h5": write_plain_hdf5,
    "plain.npz": lambda path: np.savez(path, images=IMAGES, labels=LABELS),
    "hub.parquet": write_embedded,
    "D20130526T095207_IFCB013.roi": write_roi,
}
# Of these a damaged byte of a name or number is another table, and no error.
TEXTS = {"a.csv", "a.tsv"}


def damage_files(folder: Path, *, num_each: int, seed: int) -> Iterator[DamagedInput]:
    """Write `num_each` damaged copies of each of `FILES` below `folder` and yield them.

    A copy is cut, or has one byte, a block of 64 zeros or a block of random bytes in another place.
    """
    rng = np.random.default_rng(seed)
    for name, write in FILES.items():
        whole = folder / "whole" / name
        whole.parent.mkdir(exist_ok=True)
        write(whole)
        content = whole.read_bytes()
        for number in range(num_each):
            kind = ("cut", "byte", "zeros", "noise")[number % 4]
            place = folder / f"{whole.name}_{kind}_{number}"
            place.mkdir()
            write_folder(place / "tree")
            if whole.suffix == ".roi":
                (place / whole.with_suffix(".adc").name).write_bytes(whole.with_suffix(".adc").read_bytes())
            (place / name).write_bytes(_damage(content, kind, rng))
            keys = {"name": "images", "path": str(place / name)}
            yield DamagedInput(place.name, keys, is_cut=kind == "cut" and name not in TEXTS)


def _png(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def _damage(content: bytes, kind: str, rng: np.random.Generator) -> bytes:
    start = int(rng.integers(len(content)))
    if kind == "cut":
        return content[:start]
    new = {"byte": bytes([int(rng.integers(256))]), "zeros": bytes(64), "noise": rng.bytes(64)}[kind]
    return content[:start] + new + content[start + len(new) :]
