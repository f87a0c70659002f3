import bz2
import gzip
import struct

import mrcfile
import numpy as np
import pytest

from irl_inr_jax.data.readers.image_files import UnreadableImage, read_image
from irl_inr_jax.data.readers.mrc import open_mrc
from irl_inr_jax.types import InputError

RNG = np.random.default_rng(0)
FLOATS = RNG.normal(size=(9, 5, 7)).astype(np.float32)
ROWS = np.array([7, 0, 7, 3])


def write_mrc(path, values):
    with mrcfile.new(path, overwrite=True) as file:
        file.set_data(values)
    return path


def write_raw(path, values, mode, *, stamp=b"\x44\x44\0\0", identifier=b"MAP ", order="<", extra=b"", greatest=0.0):
    """Write an MRC file byte by byte, independently of the package under test. extra: from byte 152 on."""
    n, h, w = values.shape
    header = bytearray(1024)
    header[:16] = struct.pack(f"{order}4i", w, h, n, mode)
    header[28:40] = struct.pack(f"{order}3i", w, h, n)
    header[64:88] = struct.pack(f"{order}3i3f", 1, 2, 3, 0.0, greatest, 0.0)
    header[152 : 152 + len(extra)] = extra
    header[208:212], header[212:216] = identifier, stamp
    path.write_bytes(bytes(header) + values.astype(values.dtype.newbyteorder(order)).tobytes())
    return path


def read_source(data, path):
    data.path = str(path)
    return open_mrc(data)


def read_all(data, path):
    source = read_source(data, path)
    return source, source.read(np.arange(len(source.ids)))[..., 0]


@pytest.mark.parametrize("name", ["a.mrcs", "a.mrc", "a.st"])
def test_mrc_sections_are_the_images(data, tmp_path, name):
    source = read_source(data, write_mrc(tmp_path / name, FLOATS))
    assert source.ids[2] == "a/00002" and source.channels == 1 and source.dtype == np.float32
    np.testing.assert_array_equal(source.read(ROWS)[..., 0], FLOATS[ROWS])


def test_mrc_types(data, tmp_path):
    for dtype, expected in [(np.uint16, np.uint16), (np.int8, np.float32), (np.int16, np.float32)]:
        values = RNG.integers(0, 100, (3, 5, 7)).astype(dtype)
        source = read_source(data, write_mrc(tmp_path / "a.mrcs", values))
        assert source.dtype == expected == source.read(np.arange(3)).dtype
        np.testing.assert_array_equal(source.read(np.arange(3))[..., 0], values)
    with pytest.raises(InputError, match="expected images of real numbers, found type complex64"):
        read_source(data, write_mrc(tmp_path / "a.mrcs", FLOATS.astype(np.complex64)))


def test_damaged_mrc_files_are_errors(data, tmp_path):
    path = write_mrc(tmp_path / "a.mrcs", FLOATS)
    whole = path.read_bytes()
    for content, reason in [
        (b"", "it is empty"),
        (b"hello" * 999, "Map ID string not found"),
        (b"\xff" * 1024 + whole[1024:], "Map ID string not found"),
        (whole[:500], "enough bytes for MRC header"),
        (whole[:-40], "file size"),
        (whole[:12] + b"\x63" + whole[13:], "Unrecognised mode"),
    ]:
        path.write_bytes(content)
        with pytest.raises(InputError, match=rf"^config\.data\.path \(.*a\.mrcs\): expected an MRC file, .*{reason}"):
            read_source(data, path)
    path.write_bytes(whole + b"more")
    np.testing.assert_array_equal(read_source(data, path).read(ROWS)[..., 0], FLOATS[ROWS])


BYTES = RNG.integers(0, 256, (3, 5, 7), dtype=np.uint8)


@pytest.mark.parametrize("order", ["<", ">"])
def test_bytes_are_unsigned_where_the_header_says_so(data, tmp_path, order):
    stamp = b"\x44\x44\0\0" if order == "<" else b"\x11\x11\0\0"
    for flags, greatest, expected in [
        (0, 0.0, BYTES),
        (1, 0.0, BYTES.view(np.int8)),
        (3, 255.0, BYTES.view(np.int8)),
        (None, 127.0, BYTES.view(np.int8)),
        (None, 255.0, BYTES),
    ]:
        extra = b"" if flags is None else struct.pack(f"{order}2i", 1146047817, flags)
        path = write_raw(tmp_path / "a.mrcs", BYTES, 0, stamp=stamp, order=order, extra=extra, greatest=greatest)
        source, images = read_all(data, path)
        np.testing.assert_array_equal(images, expected)
        assert source.dtype == (np.uint8 if expected is BYTES else np.float32)
        assert source.notes == (("a.mrcs: bytes are unsigned, as the header states",) if expected is BYTES else ())
    one = write_raw(tmp_path / "a.mrc", BYTES[:1], 0, order=order, stamp=stamp, greatest=200.0)
    np.testing.assert_array_equal(read_image(one)[:, :, 0], BYTES[0])


@pytest.mark.parametrize("values, mode", [(FLOATS, 2), (BYTES, 0), (BYTES.astype(np.uint16), 6)])
@pytest.mark.parametrize("order", ["<", ">"])
def test_unusual_stamps_are_read_with_a_note(data, tmp_path, values, mode, order):
    none = b"\0\0\0\0"
    for stamp, identifier in [(b"\x44   ", b"MAP "), (none, b"MAP "), (none, none), (b"DA\0\0", none)]:
        path = write_raw(
            tmp_path / "a.mrcs", values, mode, stamp=stamp, identifier=identifier, order=order, greatest=255.0
        )
        source, images = read_all(data, path)
        np.testing.assert_array_equal(images, values)
        endian = {"<": "little", ">": "big"}[order]
        assert f"machine stamp {stamp.hex()}), read as {endian}-endian" in source.notes[0]


def test_stamp_of_the_other_byte_order(data, tmp_path):
    for values, mode in ((FLOATS, 2), (BYTES.view(np.int8), 0)):
        _, images = read_all(data, write_raw(tmp_path / "a.mrcs", values, mode, order=">"))
        np.testing.assert_array_equal(images, values)


def test_without_an_identifier_the_array_has_to_fill_the_file(data, tmp_path):
    path = write_raw(tmp_path / "a.mrcs", FLOATS, 2, identifier=b"\0\0\0\0")
    whole = path.read_bytes()
    for content in (whole + b"more", whole[:-4], whole[:1024], bytes(len(whole))):
        path.write_bytes(content)
        with pytest.raises(InputError, match="expected an MRC file"):
            read_source(data, path)


@pytest.mark.parametrize("pack, ending", [(gzip.compress, ".gz"), (bz2.compress, ".bz2")])
def test_compressed_files(data, tmp_path, pack, ending):
    path = tmp_path / f"a.mrcs{ending}"
    path.write_bytes(pack(write_mrc(tmp_path / "a.mrcs", FLOATS).read_bytes()))
    np.testing.assert_array_equal(read_all(data, path)[1], FLOATS)
    path.with_suffix(".x").write_bytes(pack(write_mrc(tmp_path / "a.mrc", FLOATS[0]).read_bytes()))
    path.with_suffix(".x").rename(tmp_path / f"b.mrc{ending}")
    np.testing.assert_array_equal(read_image(tmp_path / f"b.mrc{ending}")[:, :, 0], FLOATS[0])
    data.memory_mb = 0
    with pytest.raises(InputError, match=r"expected at most config\.data\.memory_mb=0 in a compressed file, found"):
        read_source(data, path)


def test_files_of_one_section(data, tmp_path):
    for values in (FLOATS[0], FLOATS[:1]):
        np.testing.assert_array_equal(read_image(write_mrc(tmp_path / "a.mrc", values))[:, :, 0], FLOATS[0])
    assert read_source(data, write_mrc(tmp_path / "a.mrc", FLOATS[0])).sizes.tolist() == [[5, 7]]
    with pytest.raises(InputError, match=r"shape \(9, 5, 7\); set config\.data\.path to the file itself") as caught:
        read_image(write_mrc(tmp_path / "a.mrc", FLOATS))
    assert not isinstance(caught.value, UnreadableImage)
    (tmp_path / "a.mrc").write_bytes(b"\0" * 100)
    with pytest.raises(UnreadableImage):
        read_image(tmp_path / "a.mrc")
