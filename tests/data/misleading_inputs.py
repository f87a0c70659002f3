"""Inputs that are built to mislead a reader."""

import gzip
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import zarr

from tests.data.damaged_inputs import FILES, IMAGES, NUM_IMAGES, DamagedInput, write_npz


def build_misleading(folder: Path) -> Iterator[DamagedInput]:
    """Write inputs that declare what they do not have, or have what no reader expects, and yield them."""
    for name, build in MISLEADING.items():
        place = folder / name
        place.mkdir()
        path, *more = build(place)
        yield DamagedInput(name, {"name": "images", "path": str(path), **(more[0] if more else {})})


def _npy_header(shape: str, size: int) -> bytes:
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + bytes(size)


def _npy(shape: str) -> Callable[[Path], tuple]:
    def build(place: Path) -> tuple:
        (place / "a.npy").write_bytes(_npy_header(shape, 1000))
        return (place / "a.npy",)

    return build


def _huge_npz(place: Path) -> tuple:
    with zipfile.ZipFile(place / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("images.npy", _npy_header("(60000, 4000, 4000)", 1000))
    return (place / "a.npz",)


def _npz_bomb(place: Path) -> tuple:
    with (
        zipfile.ZipFile(place / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("images.npy", "w", force_zip64=True) as file,
    ):
        file.write(_npy_header("(3000, 1000, 1000)", 0))
        for _ in range(3000):
            file.write(bytes(1_000_000))
    return (place / "a.npz",)


def _patched_npz(place: Path, *, at: int, value: int) -> tuple:
    """Write an .npz whose headers of members, local and central, have another value `at` bytes after their start."""
    write_npz(place / "a.npz")
    content = bytearray((place / "a.npz").read_bytes())
    for start, shift in ((b"PK\x03\x04", 0), (b"PK\x01\x02", 2)):
        position = content.find(start)
        while position >= 0:
            content[position + at + shift] = value
            position = content.find(start, position + 4)
    (place / "a.npz").write_bytes(content)
    return (place / "a.npz",)


def _hdf5_null(place: Path) -> tuple:
    with h5py.File(place / "a.h5", "w") as file:
        file["images"] = h5py.Empty("f4")
    return (place / "a.h5",)


def _hdf5_sparse(place: Path) -> tuple:
    with h5py.File(place / "a.h5", "w") as file:
        file.create_dataset("images", shape=(1_000_000_000, 64, 64), dtype="u1", chunks=(1, 64, 64))
    return (place / "a.h5",)


def _latin_labels(place: Path) -> tuple:
    np.savez(place / "a.npz", images=IMAGES, labels=np.array([b"a\xe9", b"b"] * 3))
    return (place / "a.npz",)


def _latin_ids(place: Path) -> tuple:
    np.savez(place / "a.npz", images=IMAGES, ids=np.array([b"a%d\xe9" % row for row in range(NUM_IMAGES)]))
    return (place / "a.npz",)


def _pickled(place: Path) -> tuple:
    np.savez(place / "a.npz", images=np.array([IMAGES, None], dtype=object))
    return (place / "a.npz",)


def _idx_bomb(place: Path) -> tuple:
    folder = place / "mnist"
    folder.mkdir()
    for part in ("train", "t10k"):
        with gzip.open(folder / f"{part}-images-idx3-ubyte.gz", "wb", 9) as file:
            file.write(struct.pack(">IIII", 0x803, 60_000, 28, 28))
            for _ in range(1900):
                file.write(bytes(1_000_000))
        with gzip.open(folder / f"{part}-labels-idx1-ubyte.gz", "wb") as file:
            file.write(struct.pack(">II", 0x801, 60_000) + bytes(60_000))
    return "", {"name": "rotated_mnist", "path": "", "canvas": 28, "root": str(place)}


def _empty_zarr(place: Path) -> tuple:
    zarr.open_group(place / "a.zarr", mode="w")
    return (place / "a.zarr",)


def _huge_zarr(place: Path) -> tuple:
    zarr.create_array(place / "a.zarr", shape=(10**9, 64, 64), chunks=(1, 64, 64), dtype="u1")
    return (place / "a.zarr",)


def _empty(name: str) -> Callable[[Path], tuple]:
    def build(place: Path) -> tuple:
        (place / name).write_bytes(b"")
        return (place / name,)

    return build


MISLEADING: dict[str, Callable[[Path], tuple]] = {
    "npy_negative_shape": _npy("(-1, 12, 12)"),
    "npy_shape_beyond_memory": _npy("(4611686018427387904, 12, 12)"),
    "npy_shape_beyond_file": _npy("(60000, 28, 28)"),
    "npz_declares_terabytes": _huge_npz,
    "npz_bomb": _npz_bomb,
    "npz_unknown_compression": lambda place: _patched_npz(place, at=8, value=97),
    "npz_encrypted": lambda place: _patched_npz(place, at=6, value=1),
    "npz_other_checksum": lambda place: _patched_npz(place, at=14, value=1),
    "npz_of_python_objects": _pickled,
    "npz_labels_not_utf8": _latin_labels,
    "npz_ids_not_utf8": _latin_ids,
    "hdf5_without_shape": _hdf5_null,
    "hdf5_sparse": _hdf5_sparse,
    "zarr_empty": _empty_zarr,
    "zarr_sparse": _huge_zarr,
    "idx_bomb": _idx_bomb,
    "part_of_300_letters": lambda place: (place / ("x" * 300) / "a.npy",),
    "path_of_5000_letters": lambda place: (Path(str(place) + "/x" * 2500),),
    "no_such_user": lambda place: ("~nosuchuser/images",),
    "null_byte": lambda place: (str(place) + "/a\0b.npy",),
    **{f"empty_{name.rpartition('.')[2]}": _empty(name) for name in FILES},
}
