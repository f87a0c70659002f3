import gzip
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from astropy.io import fits

from irl_inr_jax.data.assembly import assemble_dataset
from irl_inr_jax.data.readers.fits import fill_missing, has_bands, open_fits
from irl_inr_jax.data.readers.folder import read_folder
from irl_inr_jax.data.readers.image_files import UnreadableImage, read_image
from irl_inr_jax.types import InputError

RNG = np.random.default_rng(0)
FLOATS = RNG.normal(size=(9, 5, 7)).astype(np.float32)
DEEP = RNG.integers(0, 65536, (9, 5, 7), dtype=np.uint16)
BANDS = RNG.normal(size=(4, 3, 6, 7)).astype(np.float32)
ROWS = np.array([7, 0, 7, 3])


def write_fits(path, *arrays):
    fits.HDUList([fits.PrimaryHDU(arrays[0]), *map(fits.ImageHDU, arrays[1:])]).writeto(path, overwrite=True)
    return path


def write_extensions(path, *named):
    """Write an empty primary array and the (name, array) pairs as extensions."""
    extensions = [fits.ImageHDU(values, name=name) for name, values in named]
    fits.HDUList([fits.PrimaryHDU(), *extensions]).writeto(path, overwrite=True)
    return path


def read_source(data, path):
    data.path = str(path)
    return open_fits(data)


@pytest.mark.parametrize("values", [FLOATS, DEEP, DEEP.astype(np.int32), FLOATS.astype(np.float64), DEEP > 99])
def test_fits_planes_are_the_images(data, tmp_path, values):
    values = values.astype(np.uint8) if values.dtype == bool else values
    source = read_source(data, write_fits(tmp_path / "a.fits", np.zeros((4, 4)), np.zeros(3), values))
    is_kept = values.dtype in (np.uint8, np.uint16)
    assert source.dtype == (values.dtype if is_kept else np.float32) and source.ids[2] == "a/00002"
    images = source.read(ROWS)
    assert images.dtype == source.dtype and images.dtype.isnative
    np.testing.assert_array_equal(images[..., 0], values[ROWS].astype(source.dtype))


def test_compressed_fits(data, tmp_path):
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(DEEP.astype(np.int32))]).writeto(tmp_path / "a.fits")
    np.testing.assert_array_equal(read_source(data, tmp_path / "a.fits").read(ROWS)[..., 0], DEEP[ROWS])


def test_concurrent_reads_of_fits(data, tmp_path):
    source = read_source(data, write_fits(tmp_path / "a.fits", DEEP))
    with ThreadPoolExecutor(4) as pool:
        for row, image in enumerate(pool.map(lambda row: source.read(np.array([row])), np.tile(np.arange(9), 5))):
            np.testing.assert_array_equal(image[0, :, :, 0], DEEP[row % 9])


@pytest.mark.filterwarnings("ignore:File may have been truncated")
def test_other_and_damaged_fits_files_are_errors(data, tmp_path):
    path = write_fits(tmp_path / "a.fits", FLOATS[0], FLOATS[None])
    with pytest.raises(InputError, match=r"shape \(N, h, w\), found \(5, 7\), \(1, 9, 5, 7\)"):
        read_source(data, path)
    whole = write_fits(path, np.tile(FLOATS, (9, 1, 1))).read_bytes()
    for content in (b"", b"hello" * 999, whole[:3000]):
        path.write_bytes(content)
        with pytest.raises(
            InputError, match=r"^config\.data\.path \(.*a\.fits\): expected a FITS file, found .*\(.+\)"
        ):
            read_source(data, path)


def test_missing_astropy_is_an_error_with_the_install_command(data, tmp_path, monkeypatch):
    path = write_fits(tmp_path / "a.fits", FLOATS)
    monkeypatch.setitem(sys.modules, "astropy.io", None)
    for read in (read_image, lambda path: read_source(data, path)):
        with pytest.raises(InputError, match=r"a\.fits\): expected the package astropy, .*pip install astropy"):
            read(path)


@pytest.mark.filterwarnings("ignore:Error validating header")
def test_files_of_one_image(tmp_path):
    for values in (FLOATS[0], FLOATS[:1]):
        np.testing.assert_array_equal(read_image(write_fits(tmp_path / "a.fits", values))[:, :, 0], FLOATS[0])
    np.testing.assert_array_equal(read_image(write_fits(tmp_path / "a.fit", None, DEEP[0]))[:, :, 0], DEEP[0])
    path = write_fits(tmp_path / "a.fits", FLOATS)
    with pytest.raises(InputError, match=r"shape \(9, 5, 7\); set config\.data\.path to the file itself") as caught:
        read_image(path)
    assert not isinstance(caught.value, UnreadableImage)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UnreadableImage):
        read_image(path)
    with pytest.raises(UnreadableImage, match=r"expected an array of shape \(h, w\), found none"):
        read_image(write_fits(path, np.zeros(3)))


def test_bands_are_channels_of_an_image_in_a_folder(data, tmp_path):
    for row, values in enumerate(BANDS):
        write_fits(tmp_path / f"{row}.fits", values)
    data.update(path=str(tmp_path), canvas=7, background="0")
    images = assemble_dataset(data, read_folder(data)).train.images
    np.testing.assert_array_equal(images[:, :6], np.moveaxis(BANDS, 1, 3))
    assert has_bands((5, 8, 9))
    assert not any(has_bands(shape) for shape in [(1, 8, 9), (8, 8, 9), (40, 64, 64), (8, 9)])


def test_stack_of_images_with_bands(data, tmp_path):
    source = read_source(data, write_fits(tmp_path / "a.fits", BANDS))
    assert source.channels == 3
    np.testing.assert_array_equal(source.read(np.array([2, 0])), np.moveaxis(BANDS, 1, 3)[[2, 0]])


def test_extensions_are_the_images(data, tmp_path):
    source = read_source(data, write_fits(tmp_path / "a.fits", None, *FLOATS))
    np.testing.assert_array_equal(source.read(ROWS)[..., 0], FLOATS[ROWS])
    assert source.notes == ()
    with pytest.raises(InputError, match=r"found 9 arrays of shape \(5, 7\); set config\.data\.path") as caught:
        read_image(tmp_path / "a.fits")
    assert not isinstance(caught.value, UnreadableImage)


def test_uncertainties_and_masks_are_no_images(data, tmp_path):
    named = [("SCI", FLOATS[0]), ("ERR", FLOATS[1]), ("DQ", DEEP[2]), ("SCI", FLOATS[3])]
    source = read_source(data, write_extensions(tmp_path / "a.fits", *named))
    np.testing.assert_array_equal(source.read(np.arange(2))[..., 0], FLOATS[[0, 3]])
    assert source.notes == ("a.fits: not read: ERR (5, 7), DQ (5, 7)",)
    path = write_extensions(tmp_path / "b.fits", *named[1:], ("VARIANCE", FLOATS[4]))
    np.testing.assert_array_equal(read_image(path)[:, :, 0], FLOATS[3])
    source = read_source(data, write_extensions(tmp_path / "c.fits", ("SCI", FLOATS), ("ERR", FLOATS)))
    assert source.notes == ("c.fits: not read: ERR (9, 5, 7)",)


def test_missing_values_become_the_median_of_the_border(data, tmp_path):
    known = np.full((6, 8), 3.0, np.float32)
    known[2:4, 2:6] = RNG.normal(size=(2, 4))
    missing = known.copy()
    missing[:, :2] = missing[2, 2] = np.nan
    expected = np.where(np.isnan(missing), 3.0, known)
    np.testing.assert_array_equal(fill_missing(missing), expected)
    np.testing.assert_array_equal(fill_missing(np.stack([missing, known], -1)), np.stack([expected, known], -1))
    np.testing.assert_array_equal(read_image(write_fits(tmp_path / "a.fits", missing))[:, :, 0], expected)
    source = read_source(data, write_fits(tmp_path / "b.fits", np.stack([known, missing])))
    np.testing.assert_array_equal(source.read(np.arange(2))[..., 0], [known, expected])
    rim = np.pad(known[2:4, 2:6], 1, constant_values=np.nan)
    np.testing.assert_array_equal(fill_missing(rim)[0], np.full(6, np.median(known[2:4, 2:6])))
    with pytest.raises(UnreadableImage, match="no pixel has a value"):
        read_image(write_fits(tmp_path / "a.fits", np.full((4, 4), np.nan)))


@pytest.mark.parametrize("dtype", [np.uint8, np.int16])
def test_blank_of_integers_is_missing(data, tmp_path, dtype):
    values = np.full((2, 6, 8), 5, dtype)
    values[:, 2:4, 2:6] = 90
    stored = values.copy()
    stored[1, 0, :3] = stored[1, 2, 2] = 99
    expected = np.where(stored == 99, 5, values)
    unit = fits.PrimaryHDU(stored)
    unit.header["BLANK"] = 99
    unit.writeto(tmp_path / "a.fits")
    source = read_source(data, tmp_path / "a.fits")
    np.testing.assert_array_equal(source.read(np.arange(2))[..., 0], expected)
    assert source.dtype == (np.uint8 if dtype == np.uint8 else np.float32)
    unit = fits.PrimaryHDU(stored[1])
    unit.header["BLANK"] = 99
    unit.writeto(tmp_path / "b.fits")
    np.testing.assert_array_equal(read_image(tmp_path / "b.fits")[:, :, 0], expected[1])


def test_compressed_files_by_their_endings(data, tmp_path):
    packed = gzip.compress(write_fits(tmp_path / "a.fits", FLOATS).read_bytes())
    (tmp_path / "a.fits.gz").write_bytes(packed)
    np.testing.assert_array_equal(read_source(data, tmp_path / "a.fits.gz").read(ROWS)[..., 0], FLOATS[ROWS])
    (tmp_path / "B.FITS.GZ").write_bytes(gzip.compress(write_fits(tmp_path / "b.fts", FLOATS[0]).read_bytes()))
    np.testing.assert_array_equal(read_image(tmp_path / "B.FITS.GZ")[:, :, 0], FLOATS[0])
    np.testing.assert_array_equal(read_image(tmp_path / "b.fts")[:, :, 0], FLOATS[0])
