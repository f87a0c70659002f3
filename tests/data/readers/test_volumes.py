import sys
from concurrent.futures import ThreadPoolExecutor

import mrcfile
import numpy as np
import pytest
from astropy.io import fits

from irl_inr_jax.data.readers.image_files import UnreadableImage, read_image
from irl_inr_jax.data.readers.volumes import open_fits, open_mrc
from irl_inr_jax.types import InputError

RNG = np.random.default_rng(0)
FLOATS = RNG.normal(size=(9, 5, 7)).astype(np.float32)
DEEP = RNG.integers(0, 65536, (9, 5, 7), dtype=np.uint16)
ROWS = np.array([7, 0, 7, 3])


def write_mrc(path, values):
    with mrcfile.new(path, overwrite=True) as file:
        file.set_data(values)
    return path


def write_fits(path, *arrays):
    fits.HDUList([fits.PrimaryHDU(arrays[0]), *map(fits.ImageHDU, arrays[1:])]).writeto(path, overwrite=True)
    return path


def open_path(data, path, reader):
    data.path = str(path)
    return reader(data)


@pytest.mark.parametrize("name", ["a.mrcs", "a.mrc", "a.st"])
def test_mrc_sections_are_the_images(data, tmp_path, name):
    source = open_path(data, write_mrc(tmp_path / name, FLOATS), open_mrc)
    assert source.ids[2] == "a/00002" and source.channels == 1 and source.dtype == np.float32
    np.testing.assert_array_equal(source.read(ROWS)[..., 0], FLOATS[ROWS])


def test_mrc_types(data, tmp_path):
    for dtype, expected in [(np.uint16, np.uint16), (np.int8, np.float32), (np.int16, np.float32)]:
        values = RNG.integers(0, 100, (3, 5, 7)).astype(dtype)
        source = open_path(data, write_mrc(tmp_path / "a.mrcs", values), open_mrc)
        assert source.dtype == expected == source.read(np.arange(3)).dtype
        np.testing.assert_array_equal(source.read(np.arange(3))[..., 0], values)
    with pytest.raises(InputError, match="expected images of real numbers, found type complex64"):
        open_path(data, write_mrc(tmp_path / "a.mrcs", FLOATS.astype(np.complex64)), open_mrc)


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
            open_path(data, path, open_mrc)
    path.write_bytes(whole + b"more")
    np.testing.assert_array_equal(open_path(data, path, open_mrc).read(ROWS)[..., 0], FLOATS[ROWS])


@pytest.mark.filterwarnings("ignore:Error validating header")
def test_files_of_one_image(data, tmp_path):
    for values in (FLOATS[0], FLOATS[:1]):
        np.testing.assert_array_equal(read_image(write_mrc(tmp_path / "a.mrc", values))[:, :, 0], FLOATS[0])
        np.testing.assert_array_equal(read_image(write_fits(tmp_path / "a.fits", values))[:, :, 0], FLOATS[0])
    assert open_path(data, write_mrc(tmp_path / "a.mrc", FLOATS[0]), open_mrc).sizes.tolist() == [[5, 7]]
    np.testing.assert_array_equal(read_image(write_fits(tmp_path / "a.fit", None, DEEP[0]))[:, :, 0], DEEP[0])
    for path in (write_mrc(tmp_path / "a.mrc", FLOATS), write_fits(tmp_path / "a.fits", FLOATS)):
        with pytest.raises(InputError, match=r"shape \(9, 5, 7\); set config\.data\.path to the file itself") as caught:
            read_image(path)
        assert not isinstance(caught.value, UnreadableImage)
    for path in (write_mrc(tmp_path / "a.mrc", FLOATS), write_fits(tmp_path / "a.fits", FLOATS)):
        path.write_bytes(path.read_bytes()[:100])
        with pytest.raises(UnreadableImage):
            read_image(path)
    with pytest.raises(UnreadableImage, match=r"expected an array of shape \(h, w\), found none"):
        read_image(write_fits(tmp_path / "a.fits", np.zeros(3)))


@pytest.mark.parametrize("values", [FLOATS, DEEP, DEEP.astype(np.int32), FLOATS.astype(np.float64), DEEP > 99])
def test_fits_planes_are_the_images(data, tmp_path, values):
    values = values.astype(np.uint8) if values.dtype == bool else values
    source = open_path(data, write_fits(tmp_path / "a.fits", np.zeros((4, 4)), np.zeros(3), values), open_fits)
    is_kept = values.dtype in (np.uint8, np.uint16)
    assert source.dtype == (values.dtype if is_kept else np.float32) and source.ids[2] == "a/00002"
    images = source.read(ROWS)
    assert images.dtype == source.dtype and images.dtype.isnative
    np.testing.assert_array_equal(images[..., 0], values[ROWS].astype(source.dtype))


def test_compressed_fits(data, tmp_path):
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(DEEP.astype(np.int32))]).writeto(tmp_path / "a.fits")
    np.testing.assert_array_equal(open_path(data, tmp_path / "a.fits", open_fits).read(ROWS)[..., 0], DEEP[ROWS])


def test_concurrent_reads_of_fits(data, tmp_path):
    source = open_path(data, write_fits(tmp_path / "a.fits", DEEP), open_fits)
    with ThreadPoolExecutor(4) as pool:
        for row, image in enumerate(pool.map(lambda row: source.read(np.array([row])), np.tile(np.arange(9), 5))):
            np.testing.assert_array_equal(image[0, :, :, 0], DEEP[row % 9])


@pytest.mark.filterwarnings("ignore:File may have been truncated")
def test_other_and_damaged_fits_files_are_errors(data, tmp_path):
    path = write_fits(tmp_path / "a.fits", FLOATS[0], FLOATS[None])
    with pytest.raises(InputError, match=r"shape \(N, h, w\), found \(5, 7\), \(1, 9, 5, 7\)"):
        open_path(data, path, open_fits)
    whole = write_fits(path, np.tile(FLOATS, (9, 1, 1))).read_bytes()
    for content in (b"", b"hello" * 999, whole[:3000]):
        path.write_bytes(content)
        with pytest.raises(
            InputError, match=r"^config\.data\.path \(.*a\.fits\): expected a FITS file, found .*\(.+\)"
        ):
            open_path(data, path, open_fits)


def test_missing_astropy_is_an_error_with_the_install_command(data, tmp_path, monkeypatch):
    path = write_fits(tmp_path / "a.fits", FLOATS)
    monkeypatch.setitem(sys.modules, "astropy.io", None)
    for read in (read_image, lambda path: open_path(data, path, open_fits)):
        with pytest.raises(InputError, match=r"a\.fits\): expected the package astropy, .*pip install astropy"):
            read(path)
