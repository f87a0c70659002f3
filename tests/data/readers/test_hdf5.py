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

    def open_it(arrays=None, name="a.h5", **keys):
        path = tmp_path / name
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


def test_datasets_without_values_are_errors(open_it, tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["images"] = h5py.Empty("u1")
        for name, chunks in (("never", (1, 12, 12)), ("whole", None)):
            file.create_dataset(name, (10**9, 12, 12), "u1", chunks=chunks)
        sparse = file.create_dataset("sparse", (10**9, 12, 12), "u1", chunks=(1, 12, 12))
        sparse[7] = 1
    for key, message in [
        ("images", r"found an array of shape \(\)"),
        ("never", "a dataset to which none was written"),
        ("whole", "a dataset to which none was written"),
        ("sparse", "at most 10000000 images in one file, found 1000000000"),
    ]:
        with pytest.raises(InputError, match=message):
            open_it(images_key=key)


def test_concurrent_reads(open_it):
    source = open_it({"images": IMAGES})
    with ThreadPoolExecutor(4) as pool:
        for row, image in enumerate(pool.map(lambda row: source.read(np.array([row])), np.tile(np.arange(12), 5))):
            np.testing.assert_array_equal(image[0], IMAGES[row % 12])


def test_only_requested_rows_are_read(open_it, tmp_path):
    source = open_it({"images": np.zeros((1, 2, 2))})
    with h5py.File(tmp_path / "a.h5", "w") as file:
        images = file.create_dataset("images", (10**5, 200, 200), "u2", chunks=(1, 200, 200))
        images[5] = 1
    source = open_it()
    assert source.notes == ("99999 of 100000 blocks of images in /images were never written",)
    assert len(source.ids) == 10**5 and source.read(np.array([99_999, 5])).shape == (2, 200, 200, 1)


def test_images_key_or_the_only_candidate_is_read(open_it):
    arrays = {"scan/pixels": IMAGES, "angle": np.zeros(12), "labels": np.zeros(12, int)}
    np.testing.assert_array_equal(open_it(arrays).read(np.arange(12)), IMAGES)
    assert open_it(arrays).notes[0] == "images: scan/pixels, the only array of three or four dimensions"
    arrays["other"] = IMAGES[:, :2]
    with pytest.raises(InputError, match=r"dataset 'images'.*found angle \(12,\), labels \(12,\), other .*images_key"):
        open_it(arrays)
    assert open_it(images_key="other").sizes[0].tolist() == [2, 7]
    assert open_it(images_key="/scan/pixels").sizes[0].tolist() == [5, 7]
    with pytest.raises(InputError, match="found nothing; set"):
        open_it({}, images_key="images")
    with pytest.raises(
        InputError, match=r"a\.h5, images\): expected images of shape .*found an array of shape \(12,\)"
    ):
        open_it({"images": np.zeros(12)}, images_key="images")


@pytest.mark.parametrize("key", ["images_key", "labels_key"])
def test_a_requested_dataset_that_is_missing_is_an_error(open_it, key):
    arrays = {"mask": IMAGES > 99, "y/train": np.arange(12)}
    with pytest.raises(InputError, match=rf"'target', as config\.data\.{key} requests, found .*mask \(12, 5, 7, 3\)"):
        open_it(arrays, **({"images_key": "mask"} | {key: "target"}))
    with pytest.raises(InputError, match=r"dataset 'y', .*found a group among"):
        open_it(**({"images_key": "mask"} | {key: "y"}))


def test_datasets_that_are_not_read_are_named(open_it):
    source = open_it({"images": IMAGES, "labels": np.arange(12), "images_test": IMAGES[:2], "time": np.zeros(12)})
    assert source.notes == ("datasets of a.h5 that are not read: images_test, time",)
    assert open_it({"images": IMAGES, "labels": np.arange(12)}).notes == ()


def test_links_are_the_datasets_they_lead_to(open_it, tmp_path):
    """The mask is the only dataset that is no link."""
    with h5py.File(tmp_path / "camera.h5", "w") as file:
        file["frames"], file["y"] = IMAGES, np.arange(12)
    links = {"images": h5py.ExternalLink("camera.h5", "/frames"), "labels": h5py.ExternalLink("camera.h5", "/y")}
    source = open_it({"mask": IMAGES > 99, **links})
    np.testing.assert_array_equal(source.read(np.arange(12)), IMAGES)
    assert source.labels.tolist() == list(range(12)) and source.notes == ("datasets of a.h5 that are not read: mask",)
    for name, link in (("b.h5", h5py.SoftLink("/raw/1")), ("c.h5", h5py.SoftLink("raw/1"))):
        source = open_it({"raw/0": IMAGES > 99, "raw/1": IMAGES, "images": link}, name=name)
        np.testing.assert_array_equal(source.read(np.arange(12)), IMAGES)
        assert source.notes == (f"datasets of {name} that are not read: raw/0",)


def test_one_dataset_with_several_names_is_one_candidate(open_it, tmp_path):
    open_it({"images": IMAGES})
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["z"] = IMAGES
        file["group/frames"] = file["z"]
        file["group/again"] = file  # a cycle
        file["soft"] = h5py.SoftLink("/z")
    for key in ("images", "z", "group/frames", "soft", "group/again/z"):
        np.testing.assert_array_equal(open_it(images_key=key).read(np.arange(12)), IMAGES)


@pytest.mark.parametrize("name", ["images", "labels"])
def test_a_link_that_leads_nowhere_is_an_error(open_it, name):
    for link, target in ((h5py.SoftLink("/gone"), "/gone"), (h5py.ExternalLink("gone.h5", "/x"), r"/x of gone\.h5")):
        arrays = {"images": IMAGES, "other": IMAGES} | {name: link}
        with pytest.raises(InputError, match=f"'{name}', found a link to {target}, which is missing; .*other"):
            open_it(arrays)


def test_two_origins_of_labels_are_an_error(open_it, tmp_path):
    np.save(tmp_path / "l.npy", np.arange(12))
    with pytest.raises(InputError, match=r"one origin of labels, found config.data.labels_key='y' and"):
        open_it({"images": IMAGES, "y": np.arange(12)}, labels_key="y", labels_path=str(tmp_path / "l.npy"))


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
