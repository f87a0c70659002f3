"""Random damage to a file of every format: the images are read right, or one line says why not."""

import io
import time

import h5py
import numpy as np
import pyarrow as pa
import pytest
import tifffile
from PIL import Image
from pyarrow import parquet

from irl_inr_jax.data.datasets import make_dataset
from irl_inr_jax.types import InputError

IMAGES = np.random.default_rng(0).integers(0, 65536, (6, 8, 8), dtype=np.uint16)
NUM_DAMAGES = 40  # of each format
SECONDS = 60


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def write_hdf5(path, **options):
    with h5py.File(path, "w") as file:
        file.create_dataset("images", data=IMAGES, **options)
        file["labels"] = ["a", "b"] * 3


def write_parquet(path):
    cells = [{"bytes": png(image), "path": f"{row}.png"} for row, image in enumerate(IMAGES)]
    parquet.write_table(pa.table({"image": cells, "label": list(range(6))}), path)


def write_table(path):
    for row, image in enumerate(IMAGES):
        path.with_name(f"{row}.png").write_bytes(png(image))
    path.write_text('path,label,"a remark"\n' + "".join(f"{row}.png,{row},x\n" for row in range(6)))


FORMATS = {
    "contiguous.tif": lambda path: tifffile.imwrite(path, IMAGES, photometric="minisblack"),
    "pages.tif": lambda path: tifffile.imwrite(
        path, IMAGES, photometric="minisblack", compression="zlib", metadata=None
    ),
    "imagej.tif": lambda path: tifffile.imwrite(path, IMAGES, imagej=True),
    "ome.tif": lambda path: tifffile.imwrite(path, IMAGES, ome=True, photometric="minisblack"),
    "plain.h5": write_hdf5,
    "chunks.h5": lambda path: write_hdf5(path, chunks=(1, 8, 8), compression="gzip"),
    "plain.npz": lambda path: np.savez(path, images=IMAGES, labels=np.arange(6)),
    "compressed.npz": lambda path: np.savez_compressed(path, images=IMAGES, labels=np.arange(6)),
    "plain.npy": lambda path: np.save(path, IMAGES),
    "hub.parquet": write_parquet,
    "paths.csv": write_table,
}


def damages(content):
    """Yield the content cut, with some bytes changed, and with a number changed, in turn."""
    rng = np.random.default_rng(0)
    for number in range(NUM_DAMAGES):
        damaged = bytearray(content)
        if number % 3 == 0:
            damaged = damaged[: rng.integers(len(content))]
        else:
            length = 1 if number % 3 == 1 else 4
            for place in rng.integers(0, len(content) - length, 3 if length == 1 else 1):
                damaged[place : place + length] = rng.integers(0, 256, length, np.uint8).tobytes()
        yield bytes(damaged)


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_damaged_files_are_read_right_or_refused_in_one_line(data, tmp_path, capfd, name):
    path = tmp_path / name
    FORMATS[name](path)
    is_list = path.suffix in (".csv", ".parquet")  # each row has its own file
    data.update(name="images", path=str(path), max_unreadable=0.9 if is_list else 0.01)
    assert len(make_dataset(data).train.ids) == 6
    for content in damages(path.read_bytes()):
        path.write_bytes(content)
        start = time.monotonic()
        try:
            dataset = make_dataset(data)
            assert len(dataset.train.ids) == 6 or is_list
        except InputError as error:
            assert "\n" not in str(error) and str(error).startswith(("config.data.", "expected"))
        assert time.monotonic() - start < SECONDS
        assert capfd.readouterr().err == ""
