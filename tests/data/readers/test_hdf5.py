import sys
from concurrent.futures import ThreadPoolExecutor

import h5py
import numpy as np
import pytest

from irl_inr_jax.data.readers.hdf5 import open_hdf5
from irl_inr_jax.types import InputError

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (12, 5, 7, 3), dtype=np.uint8)


@pytest.fixture
def open_it(data, tmp_path):
    """open_it({name: array}, **keys): return the Source of an HDF5 file, after writing `arrays` to it if given."""

    def open_it(arrays=None, **keys):
        path = tmp_path / "a.h5"
        if arrays is not None:
            with h5py.File(path, "w") as file:
                for name, values in arrays.items():
                    file[name] = values
        data.update(path=str(path), **keys)
        return open_hdf5(data)

    return open_it


def test_rows_in_any_order(open_it):
    source = open_it({"images": IMAGES})
    assert source.channels == 3 and source.dtype == np.uint8 and source.ids[2] == "a/00002" and source.labels is None
    for rows in ([7, 0, 7, 3], [4, 5, 6], [6, 5, 4], [2], [], [11, 0]):
        rows = np.array(rows, np.int64)
        np.testing.assert_array_equal(source.read(rows), IMAGES[rows])


def test_concurrent_reads(open_it):
    source = open_it({"images": IMAGES})
    with ThreadPoolExecutor(4) as pool:
        for row, image in enumerate(pool.map(lambda row: source.read(np.array([row])), np.tile(np.arange(12), 5))):
            np.testing.assert_array_equal(image[0], IMAGES[row % 12])


def test_only_requested_rows_are_read(open_it, tmp_path):
    source = open_it({"images": np.zeros((1, 2, 2))})
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("images", (10**5, 200, 200), "u2", chunks=(1, 200, 200))
    source = open_it()
    assert len(source.ids) == 10**5 and source.read(np.array([99_999, 5])).shape == (2, 200, 200, 1)


def test_images_key_or_the_only_candidate_is_read(open_it):
    arrays = {"scan/pixels": IMAGES, "angle": np.zeros(12), "labels": np.zeros(12, int)}
    np.testing.assert_array_equal(open_it(arrays).read(np.arange(12)), IMAGES)
    arrays["other"] = IMAGES[:, :2]
    with pytest.raises(InputError, match=r"dataset 'images'.*found angle \(12,\), labels \(12,\), other .*images_key"):
        open_it(arrays)
    assert open_it(images_key="other").sizes[0].tolist() == [2, 7]
    assert open_it(images_key="/scan/pixels").sizes[0].tolist() == [5, 7]
    with pytest.raises(InputError, match="found nothing; set"):
        open_it({})
    with pytest.raises(
        InputError, match=r"a\.h5, images\): expected images of shape .*found an array of shape \(12,\)"
    ):
        open_it({"images": np.zeros(12)}, images_key="images")


@pytest.mark.parametrize("labels", [np.arange(12), np.array([b"ant", b"bee"] * 6), ["ant", "bee"] * 6])
def test_labels(open_it, labels):
    source = open_it({"images": IMAGES, "kinds": labels}, labels_key="kinds")
    expected = labels if isinstance(labels, np.ndarray) and labels.dtype.kind == "i" else ["ant", "bee"] * 6
    np.testing.assert_array_equal(source.labels, expected)
    assert source.labels.dtype.kind in "iU"
    with pytest.raises(InputError, match="expected one label for each of the 12 images, found 11"):
        open_it({"images": IMAGES, "labels": np.zeros(11, int)}, labels_key="labels")


def test_labels_path_overrides_labels_in_the_file(open_it, tmp_path):
    np.save(tmp_path / "labels.npy", np.arange(12)[::-1])
    source = open_it({"images": IMAGES, "labels": np.arange(12)}, labels_path=str(tmp_path / "labels.npy"))
    np.testing.assert_array_equal(source.labels, np.arange(12)[::-1])


def test_damaged_files_are_errors(open_it, tmp_path):
    open_it({"images": np.tile(IMAGES, (50, 1, 1, 1))})
    whole = (tmp_path / "a.h5").read_bytes()
    for content in (b"", b"hello" * 999, whole[: len(whole) // 2]):
        (tmp_path / "a.h5").write_bytes(content)
        with pytest.raises(InputError, match=r"^config\.data\.path \(.*a\.h5\): expected an HDF5 file, found .*\(.+\)"):
            open_it()


def test_damaged_chunk_is_an_error_when_it_is_read(open_it, tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        images = file.create_dataset("images", data=IMAGES, chunks=(1, 5, 7, 3), compression="gzip")
        chunk = images.id.get_chunk_info(7)
    content = bytearray((tmp_path / "a.h5").read_bytes())
    content[chunk.byte_offset : chunk.byte_offset + 9] = b"\xff" * 9
    (tmp_path / "a.h5").write_bytes(content)
    source = open_it()
    np.testing.assert_array_equal(source.read(np.array([6]))[0], IMAGES[6])
    with pytest.raises(InputError, match=r"expected images in images, found .*damaged"):
        source.read(np.array([7]))


def test_missing_h5py_is_an_error_with_the_install_command(open_it, monkeypatch):
    open_it({"images": IMAGES})
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(InputError, match=r"expected the package h5py, .*pip install h5py"):
        open_it()
