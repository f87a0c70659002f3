import io

import numpy as np
import pytest

from irl_inr_jax.data.readers.declared_sizes import (
    array_bytes,
    check_expansion,
    check_memory,
    check_npy_size,
    read_npy_header,
)
from irl_inr_jax.types import InputError


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_header_of_every_version(version):
    file, array = io.BytesIO(), np.asfortranarray(np.zeros((3, 4), ">u2"))
    np.lib.format.write_array(file, array, version)
    size = file.tell()
    file.seek(0)
    assert read_npy_header(file) == ((3, 4), np.dtype(">u2"), True)
    assert size - file.tell() == array_bytes((3, 4), np.dtype(">u2"))


@pytest.mark.parametrize("text", ["{'descr': '|u1', 'shape'", "(((", "{'shape': (3,", "hello", "0x", "'"])
def test_text_that_is_no_header_is_an_error(text):
    content = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()
    with pytest.raises(ValueError, match="no header of an array"):
        read_npy_header(io.BytesIO(content))


def test_bytes_are_counted_beyond_64_bits():
    assert array_bytes((2**40, 2**40), np.dtype("f8")) == 2**83


def test_a_file_may_be_longer_but_not_shorter_than_declared(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((3, 4)))
    whole = (tmp_path / "a.npy").read_bytes()
    for content in (whole, whole + b"more"):
        (tmp_path / "a.npy").write_bytes(content)
        check_npy_size(tmp_path / "a.npy")
    (tmp_path / "a.npy").write_bytes(whole[:-1])
    with pytest.raises(ValueError, match=r"95 bytes of values for the shape \(3, 4\), which needs 96"):
        check_npy_size(tmp_path / "a.npy")


def test_limits():
    check_expansion(10**9, 10**7, "x")
    check_expansion(10**8, 1, "x")
    check_memory(1_900_000_000, 2000, "x")
    with pytest.raises(InputError, match="x: expected compressed images"):
        check_expansion(10**9, 10**6, "x")
    with pytest.raises(InputError, match="memory_mb=2000 megabytes"):
        check_memory(2_100_000_000, 2000, "x")
