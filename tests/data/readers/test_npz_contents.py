import io
import zipfile

import numpy as np
import pytest

from irl_inr_jax.data.readers import declared_sizes
from irl_inr_jax.data.readers.npz_contents import open_archive, read_member, read_npz_labels
from irl_inr_jax.types import InputError


def test_arrays_are_read_on_request(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.arange(3), y=np.array([{}], dtype=object))
    with open_archive(tmp_path / "a.npz", "here") as archive:
        assert read_member(archive, "x", "here").tolist() == [0, 1, 2]
        with pytest.raises(InputError, match=r"^here: expected an \.npz file of plain arrays, found Python objects"):
            read_member(archive, "y", "here")


def write_member(path, content, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("x.npy", content)


def npy(shape, values=b"\0" * 100):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return header.getvalue() + values


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (npy((-1, 10)), "a negative length"),
        (npy((2**62, 2**62)), "which needs 2126764793"),
        (npy((10**12,)), "which needs 1000000000000"),
        (b"hello", "damaged file"),
    ],
)
def test_size_is_checked_before_memory_is_allocated(tmp_path, content, message):
    write_member(tmp_path / "a.npz", content)
    expected = f"^here: expected an .npz file of plain arrays, found .*{message}"
    with open_archive(tmp_path / "a.npz", "here") as archive, pytest.raises(InputError, match=expected):
        read_member(archive, "x", "here")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_every_compression_of_zip_is_read(tmp_path, method):
    write_member(tmp_path / "a.npz", npy((10, 10)), method)
    with open_archive(tmp_path / "a.npz", "here") as archive:
        assert read_member(archive, "x", "here").shape == (10, 10)


@pytest.mark.parametrize(("offset", "value", "message"), [(8, 99, "not supported"), (6, 1, "encrypted")])
def test_unsupported_and_encrypted_members_are_errors(tmp_path, offset, value, message):
    write_member(tmp_path / "a.npz", npy((10, 10)))
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[offset] = content[content.find(b"PK\1\2") + offset + 2] = value
    (tmp_path / "a.npz").write_bytes(content)
    expected = f"^here: expected an .npz file of plain arrays, found .*{message}"
    with open_archive(tmp_path / "a.npz", "here") as archive, pytest.raises(InputError, match=expected):
        read_member(archive, "x", "here")


def test_compressed_arrays_are_bounded(tmp_path, monkeypatch):
    write_member(tmp_path / "a.npz", npy((1000, 1000), bytes(10**6)))
    with open_archive(tmp_path / "a.npz", "here") as archive:
        monkeypatch.setattr(declared_sizes, "_MEMORY", 1000)
        with pytest.raises(InputError, match=r"memory_mb=0\.5 megabytes in a compressed array, .*found 1; write"):
            read_member(archive, "x", "here", memory_mb=0.5)
        assert read_member(archive, "x", "here", memory_mb=2.0).size == 10**6
        monkeypatch.setattr(declared_sizes, "_NEGLIGIBLE", 1000)
        with pytest.raises(InputError, match=r"here: expected compressed images, found \d+ bytes that expand to 1"):
            read_member(archive, "x", "here", memory_mb=2.0)


def test_labels_are_the_requested_or_the_only_array(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, x=np.arange(3))
    assert read_npz_labels(path, "labels", requested=False, name="here").tolist() == [0, 1, 2]
    with pytest.raises(InputError, match=r"here: expected an array 'labels', found \['x'\]"):
        read_npz_labels(path, "labels", requested=True, name="here")
    np.savez(path, x=np.arange(3), labels=np.ones(3))
    assert read_npz_labels(path, "labels", requested=False, name="here").tolist() == [1, 1, 1]
