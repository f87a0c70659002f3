import h5py
import numpy as np
import pytest

from irl_inr_jax.data.readers.hdf5_contents import check_complete, list_contents, read_hdf5_labels
from irl_inr_jax.types import InputError

IMAGES = np.random.default_rng(0).integers(1, 256, (12, 5, 7), dtype=np.uint8)


@pytest.fixture
def parts(tmp_path):
    """Write three files of four images and a virtual dataset of all twelve; return the path of the latter."""
    layout = h5py.VirtualLayout(shape=IMAGES.shape, dtype=IMAGES.dtype)
    for part in range(3):
        with h5py.File(tmp_path / f"part{part}.h5", "w") as file:
            file["x"] = IMAGES[4 * part : 4 * part + 4]
        layout[4 * part : 4 * part + 4] = h5py.VirtualSource(f"part{part}.h5", "x", shape=(4, 5, 7))
    with h5py.File(tmp_path / "whole.h5", "w") as file:
        file.create_virtual_dataset("images", layout)
    return tmp_path / "whole.h5"


def check(path, name="images"):
    with h5py.File(path, "r") as file:
        check_complete(file[name], "here")
        return file[name][()]


def test_complete_virtual_dataset(parts):
    np.testing.assert_array_equal(check(parts), IMAGES)


@pytest.mark.parametrize("damage", ["file", "dataset", "rows"])
def test_missing_parts_of_a_virtual_dataset_are_an_error(parts, tmp_path, damage):
    """HDF5 itself returns zeros in their place."""
    path = tmp_path / "part1.h5"
    path.unlink()
    if damage != "file":
        with h5py.File(path, "w") as file:
            file["y" if damage == "dataset" else "x"] = IMAGES[4:7]
    if damage != "rows":
        with h5py.File(parts, "r") as file:
            assert not file["images"][7].any()
    with pytest.raises(InputError, match=r"^here: expected all parts of a dataset .*part1\.h5.*put the file"):
        check(parts)


def test_missing_part_of_a_part(parts, tmp_path):
    layout = h5py.VirtualLayout(shape=IMAGES.shape, dtype=IMAGES.dtype)
    layout[:] = h5py.VirtualSource("whole.h5", "images", shape=IMAGES.shape)
    with h5py.File(tmp_path / "again.h5", "w") as file:
        file.create_virtual_dataset("images", layout)
    np.testing.assert_array_equal(check(tmp_path / "again.h5"), IMAGES)
    (tmp_path / "part2.h5").unlink()
    with pytest.raises(InputError, match=r"without part2\.h5, which is missing"):
        check(tmp_path / "again.h5")


def test_virtual_dataset_of_its_own_file(tmp_path):
    layout = h5py.VirtualLayout(shape=(3, 5, 7), dtype=np.uint8)
    layout[:] = h5py.VirtualSource(".", "x", shape=IMAGES.shape)[3:6]
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = IMAGES
        file.create_virtual_dataset("images", layout)
    np.testing.assert_array_equal(check(tmp_path / "a.h5"), IMAGES[3:6])


def test_missing_block_of_a_series_of_files(parts, tmp_path):
    """HDF5 ends the dataset before the first missing file of the series."""
    whole = h5py.h5s.create_simple(IMAGES.shape, (h5py.h5s.UNLIMITED, 5, 7))
    whole.select_hyperslab((0, 0, 0), (h5py.h5s.UNLIMITED, 1, 1), stride=(4, 1, 1), block=(4, 5, 7))
    layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    layout.set_virtual(whole, b"part%b.h5", b"x", h5py.h5s.create_simple((4, 5, 7)))
    with h5py.File(tmp_path / "series.h5", "w") as file:
        h5py.h5d.create(file.id, b"images", h5py.h5t.NATIVE_UINT8, whole, layout)
    np.testing.assert_array_equal(check(tmp_path / "series.h5"), IMAGES)
    (tmp_path / "part1.h5").unlink()
    with pytest.raises(InputError, match=r"without part1\.h5, which is missing"):
        check(tmp_path / "series.h5")


def test_external_storage(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "raw.bin").write_bytes(IMAGES.tobytes())
    with h5py.File("a.h5", "w") as file:
        file.create_dataset("images", IMAGES.shape, "u1", external=[("raw.bin", 0, IMAGES.nbytes)])
    np.testing.assert_array_equal(check("a.h5"), IMAGES)
    (tmp_path / "raw.bin").write_bytes(IMAGES.tobytes()[:-1])
    with pytest.raises(InputError, match=r"raw\.bin, which is too short"):
        check("a.h5")
    (tmp_path / "raw.bin").unlink()
    with pytest.raises(InputError, match=r"raw\.bin, which is missing"):
        check("a.h5")


def test_links_have_the_identity_of_their_target(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"], file["null"], file["group/y"] = IMAGES, h5py.Empty("f4"), 3
        file["hard"], file["soft"], file["gone"] = file["x"], h5py.SoftLink("/x"), h5py.SoftLink("/nowhere")
        file["loop"] = h5py.SoftLink("/loop")
    with h5py.File(tmp_path / "a.h5", "r") as file:
        contents = list_contents(file)
    assert contents.shapes == {"hard": (12, 5, 7), "null": (), "soft": (12, 5, 7), "x": (12, 5, 7), "group/y": ()}
    assert sorted(contents.distinct()) == ["group/y", "hard", "null"] and set(contents.broken) == {"gone", "loop"}
    assert "gone (a link to /nowhere, which is missing)" in contents.listing()


def test_labels_that_are_empty_or_no_text_are_errors(tmp_path):
    with h5py.File(tmp_path / "l.h5", "w") as file:
        file["null"], file["latin"] = h5py.Empty("i4"), np.array(["ä".encode("latin-1")] * 3)
    assert read_hdf5_labels(tmp_path / "l.h5", "null", requested=True, name="here").shape == ()
    with pytest.raises(InputError, match=r"^here: .*damaged one \(.*decode"):
        read_hdf5_labels(tmp_path / "l.h5", "latin", requested=True, name="here")
