import struct

import numpy as np
import pytest
import tifffile

from irl_inr_jax.data.readers.tiff_directories import check_chain, check_data, check_promised, count_directories

PAGES = np.random.default_rng(0).integers(0, 65536, (6, 5, 7), dtype=np.uint16)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.tif"


def write_separately(path, **options):
    with tifffile.TiffWriter(path, **options) as file:
        for page in PAGES:
            file.write(page, contiguous=False, metadata=None)


def positions(path):
    with tifffile.TiffFile(path) as file:
        return [page.offset for page in file.pages]


@pytest.mark.parametrize("options", [{}, {"bigtiff": True}, {"byteorder": ">"}])
def test_every_page_is_counted(path, options):
    write_separately(path, **options)
    with tifffile.TiffFile(path) as file:
        assert count_directories(file) == 6
        check_chain(file)


def test_a_chain_that_ends_outside_the_file_or_in_a_circle_is_an_error(path):
    write_separately(path)
    whole, places = path.read_bytes(), positions(path)
    (num_tags,) = struct.unpack_from("<H", whole, places[3])
    for target, message in [
        (len(whole) + 100, r"page 5 begins at byte \d+ of \d+: the file was cut"),
        (places[1], "page 5 leads back"),
    ]:
        content = bytearray(whole)
        struct.pack_into("<I", content, places[3] + 2 + 12 * num_tags, target)
        path.write_bytes(content)
        with tifffile.TiffFile(path) as file, pytest.raises(ValueError, match=message):
            check_chain(file)
    path.write_bytes(whole[: places[5] + 20])
    with tifffile.TiffFile(path) as file, pytest.raises(ValueError, match="page 6 ends at byte"):
        check_chain(file)
    path.write_bytes(whole[:-4] if places[5] + 2 + 12 * num_tags + 4 == len(whole) else whole)
    with tifffile.TiffFile(path) as file:
        check_chain(file)


def test_a_page_that_tifffile_does_not_follow_is_an_error(path):
    write_separately(path)
    content, places = bytearray(path.read_bytes()), positions(path)
    struct.pack_into("<H", content, places[4], 5000)  # tags
    path.write_bytes(content + b"\0" * 12 * 5000)
    with tifffile.TiffFile(path) as file, pytest.raises(ValueError, match=r"only 4 of its 5 pages can be read"):
        check_chain(file)


def test_images_that_imagej_promises(path):
    tifffile.imwrite(path, PAGES[0], description="ImageJ=1.54\nimages=6\nslices=6\n", metadata=None)
    with tifffile.TiffFile(path) as file, pytest.raises(ValueError, match="promise 6 images, of which 1 can be read"):
        check_promised(file, file.series)
    tifffile.imwrite(path, PAGES, imagej=True)
    with tifffile.TiffFile(path) as file:
        check_promised(file, file.series)


def test_pixels_that_are_not_in_the_file_are_an_error(path):
    write_separately(path)
    with tifffile.TiffFile(path) as file:
        page = file.pages[2]
        check_data(page)
        page.databytecounts = (10**6,)
        with pytest.raises(ValueError, match=r"its pixels end at byte \d+ of"):
            check_data(page)
        page.databytecounts = (70,)
        page.nbytes = 10**12
        with pytest.raises(ValueError, match="its 1000000000000 bytes of pixels are stored in 70"):
            check_data(page)
        page.databytecounts = (0,)
        with pytest.raises(ValueError, match="never written"):
            check_data(page)
