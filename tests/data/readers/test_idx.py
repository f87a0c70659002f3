import gzip
import struct

import numpy as np
import pytest

from irl_inr_jax.data.readers import declared_sizes
from irl_inr_jax.data.readers.idx import read_idx, read_idx_pair
from irl_inr_jax.types import InputError

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 4, 3), dtype=np.uint8)
LABELS = np.arange(5, dtype=np.uint8)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_plain_and_gzipped_files(tmp_path, write_idx, suffix):
    paths = write_idx(tmp_path / f"images{suffix}", IMAGES), write_idx(tmp_path / f"labels{suffix}", LABELS)
    images, labels = read_idx_pair(*paths)
    np.testing.assert_array_equal(images, IMAGES)
    np.testing.assert_array_equal(labels, LABELS)


def header(*numbers):
    return struct.pack(f">{len(numbers)}I", *numbers)


WHOLE = header(2051, *IMAGES.shape) + IMAGES.tobytes()
GZIPPED = gzip.compress(WHOLE, mtime=0)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a", b"", "IDX header of 16 bytes, found a file of 0 bytes"),
        ("a.gz", b"", "IDX header of 16 bytes, found a file of 0 bytes"),
        ("a", WHOLE[:10], "IDX header of 16 bytes, found a file of 10 bytes"),
        ("a", WHOLE[:-7], r"expected 60 bytes after the header, for shape \(5, 4, 3\), found 53"),
        ("a", WHOLE + b"xy", "expected 60 bytes after the header.*found more"),
        ("a.gz", GZIPPED[:-20], "complete gzip file, found a truncated one"),
        ("a.gz", GZIPPED[:5], "complete gzip file, found a truncated one"),
        ("a.gz", WHOLE, "expected a gzip file, found another file"),
        ("a.gz", GZIPPED[:12] + b"\xff" * 9 + GZIPPED[21:], "expected a gzip file"),
        ("a", header(2049, 60) + bytes(60), r"magic number 2051 \(images\), found 2049 \(labels\)"),
        ("a", GZIPPED, r"magic number 2051 \(images\), found \d+ \(not IDX\)"),
        ("a", b"<!DOCTYPE html><html></html>", r"found \d+ \(not IDX\)"),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else value[:40],
)
def test_message_names_a_damaged_file_and_its_fault(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read_idx(path, magic=2051)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_file_that_expands_to_much_more_is_not_read(tmp_path, monkeypatch):
    """Zeros of a gigabyte are a megabyte in gzip; limits are lowered here."""
    path, zeros = tmp_path / "a.gz", bytes(10**6)
    path.write_bytes(gzip.compress(header(2051, 10, 100, 1000) + zeros))
    assert read_idx(path, magic=2051).shape == (10, 100, 1000)
    monkeypatch.setattr(declared_sizes, "_NEGLIGIBLE", 1000)
    with pytest.raises(InputError, match=r"a\.gz: expected compressed images, found \d+ bytes that expand to 1000000"):
        read_idx(path, magic=2051)
    path.write_bytes(gzip.compress(header(2051, 1, 10, 10) + zeros))
    with pytest.raises(InputError, match=r"expected 100 bytes after the header.*found more"):
        read_idx(path, magic=2051)


def test_images_as_labels_are_an_error(tmp_path, write_idx):
    path = write_idx(tmp_path / "images", IMAGES)
    with pytest.raises(InputError, match=r"magic number 2049 \(labels\), found 2051 \(images\)"):
        read_idx_pair(path, path)


def test_missing_file_and_folder_are_errors(tmp_path):
    with pytest.raises(InputError, match=r"nowhere.gz: expected an IDX file, found no such file"):
        read_idx(tmp_path / "nowhere.gz", magic=2051)
    with pytest.raises(InputError, match="expected a readable file"):
        read_idx(tmp_path, magic=2051)


def test_wrong_number_of_labels_is_an_error(tmp_path, write_idx):
    images, labels = write_idx(tmp_path / "images", IMAGES), write_idx(tmp_path / "labels", LABELS[:4])
    with pytest.raises(InputError, match="labels: expected 5 labels, one for each image in images, found 4"):
        read_idx_pair(images, labels)
