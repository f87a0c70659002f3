from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tifffile
from PIL import Image

from irl_inr_jax.data.readers.image_files import UnreadableImage, read_image
from irl_inr_jax.data.readers.tiff import open_tiff
from irl_inr_jax.types import InputError

RNG = np.random.default_rng(0)
DEEP = RNG.integers(0, 65536, (9, 5, 7, 3), dtype=np.uint16)


def channels_last(channels):
    return {"photometric": "minisblack", "planarconfig": "contig"} if channels != 3 else {"photometric": "rgb"}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.tif"


@pytest.fixture
def open_it(data, path):
    def open_it():
        data.path = str(path)
        return open_tiff(data)

    return open_it


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("channels", [2, 3, 5])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_all_channels_and_bits_of_one_image_are_kept(path, channels, dtype, compression):
    pixels = (RNG.random((5, 7, channels)) * 200).astype(dtype)
    tifffile.imwrite(path, pixels, compression=compression, **channels_last(channels))
    image = read_image(path)
    assert image.dtype == dtype
    np.testing.assert_array_equal(image, pixels)


@pytest.mark.parametrize(("channels", "photometric"), [(3, "rgb"), (5, "minisblack")])
def test_separate_planes(path, channels, photometric):
    pixels = RNG.integers(0, 65536, (channels, 5, 7), dtype=np.uint16)
    tifffile.imwrite(path, pixels, photometric=photometric, planarconfig="separate")
    np.testing.assert_array_equal(read_image(path), pixels.transpose(1, 2, 0))


def test_grey_images_of_other_types(path):
    for dtype, expected in [(">u2", np.uint16), ("i2", np.float32), ("u4", np.float32), ("f8", np.float32)]:
        pixels = RNG.integers(0, 1000, (5, 7)).astype(dtype)
        tifffile.imwrite(path, pixels, byteorder=">" if dtype[0] == ">" else "<")
        image = read_image(path)
        assert image.dtype == expected
        np.testing.assert_array_equal(image[:, :, 0], pixels)


@pytest.mark.parametrize(("kind", "is_premultiplied"), [("unassalpha", False), ("assocalpha", True)])
def test_16_bit_alpha_is_composited_on_black(path, kind, is_premultiplied):
    alpha = RNG.integers(0, 65536, (5, 7, 1), dtype=np.uint16)
    tifffile.imwrite(path, np.concatenate([DEEP[0], alpha], 2), photometric="rgb", extrasamples=[kind])
    expected = DEEP[0] if is_premultiplied else np.rint(DEEP[0] * (alpha / 65535.0))
    np.testing.assert_array_equal(read_image(path), expected)


def test_8_bit_images_agree_with_pillow(path):
    grey = RNG.integers(0, 256, (5, 7), dtype=np.uint8)
    rgba = Image.fromarray(RNG.integers(0, 256, (5, 7, 4), dtype=np.uint8))
    palette = Image.fromarray(grey).convert("P")
    for image, expected in [
        (Image.fromarray(grey), grey[:, :, None]),
        (palette, grey[:, :, None]),
        (rgba, Image.alpha_composite(Image.new("RGBA", rgba.size, (0, 0, 0, 255)), rgba).convert("RGB")),
        (Image.fromarray(grey > 99), np.where(grey > 99, 255, 0)[:, :, None]),
    ]:
        image.save(path)
        np.testing.assert_array_equal(read_image(path), np.asarray(expected))


def test_white_is_zero_is_inverted(path):
    tifffile.imwrite(path, DEEP[0, :, :, 0], photometric="miniswhite")
    np.testing.assert_array_equal(read_image(path)[:, :, 0], 65535 - DEEP[0, :, :, 0])


def test_several_pages_are_not_one_image(path):
    tifffile.imwrite(path, DEEP[..., 0], photometric="minisblack")
    with pytest.raises(InputError, match=r"one image in .*a\.tif, found 9 pages; set config\.data\.path to the file"):
        read_image(path)
    tifffile.imwrite(path, DEEP[:1, :, :, 0], photometric="minisblack")
    np.testing.assert_array_equal(read_image(path)[:, :, 0], DEEP[0, :, :, 0])


def test_truncated_image_is_unreadable(path):
    tifffile.imwrite(path, DEEP[0], photometric="rgb")
    whole = path.read_bytes()
    for length in (0, 4, len(whole) - 40):
        path.write_bytes(whole[:length])
        with pytest.raises(UnreadableImage, match=r"a\.tif, found none \(.+\)"):
            read_image(path)


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"imagej": True}, {"ome": True}, {"byteorder": ">"}])
@pytest.mark.parametrize("channels", [1, 3])
def test_pages_are_the_images(path, open_it, options, channels):
    images = DEEP[..., 0] if channels == 1 else DEEP
    kind = {} if options.get("imagej") else {"photometric": "minisblack" if channels == 1 else "rgb"}
    axes = {"metadata": {"axes": "TYXS"[: images.ndim]}}
    tifffile.imwrite(path, images, **kind, **options, **axes)
    source = open_it()
    rows = np.array([7, 0, 7, 3])
    assert source.channels == channels and source.dtype == np.uint16 and source.ids[3] == "a/00003"
    np.testing.assert_array_equal(source.sizes, [[5, 7]] * 9)
    read = source.read(rows)
    assert read.dtype == np.uint16 and read.dtype.isnative
    np.testing.assert_array_equal(read, images.reshape(9, 5, 7, channels)[rows])


def test_pages_with_separate_headers(path, open_it):
    frames = [Image.fromarray(image) for image in DEEP[..., 0]]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    source = open_it()
    np.testing.assert_array_equal(source.read(np.arange(9))[..., 0], DEEP[..., 0])
    with ThreadPoolExecutor(4) as pool:
        for row, image in enumerate(pool.map(lambda row: source.read(np.array([row])), np.tile(np.arange(9), 5))):
            np.testing.assert_array_equal(image[0, :, :, 0], DEEP[row % 9, :, :, 0])


@pytest.mark.parametrize("compression", [None, "zlib", "mixed"])
@pytest.mark.parametrize("append", [False, True])
def test_pages_that_were_written_one_by_one(path, open_it, compression, append):
    """tifffile makes each of them a series of its own."""
    options = [
        {"compression": "zlib" if row % 2 else None} if compression == "mixed" else {"compression": compression}
        for row in range(9)
    ]
    if append:
        for row, page in enumerate(DEEP[..., 0]):
            tifffile.imwrite(path, page, append=row > 0, **options[row])
    else:
        with tifffile.TiffWriter(path) as file:
            for page, option in zip(DEEP[..., 0], options, strict=True):
                file.write(page, **option)
    np.testing.assert_array_equal(open_it().read(np.arange(9))[..., 0], DEEP[..., 0])


@pytest.mark.parametrize("options", [{"photometric": "miniswhite"}, {"extratags": [(274, "H", 1, 3, True)]}])
def test_one_header_for_all_pages(path, open_it, options):
    kinds = {"photometric": "minisblack"} | options
    tifffile.imwrite(path, DEEP[..., 0], truncate=True, contiguous=True, **kinds)
    expected = 65535 - DEEP[..., 0] if "miniswhite" in options.values() else DEEP[:, ::-1, ::-1, 0]
    np.testing.assert_array_equal(open_it().read(np.array([8, 0, 3]))[..., 0], expected[[8, 0, 3]])


@pytest.fixture
def ome_set(tmp_path):
    """Three files of one page, each with the metadata of the set of all three."""
    names = [f"t{row}.ome.tif" for row in range(3)]
    planes = "".join(
        f'<TiffData FirstT="{row}" FirstC="0" FirstZ="0" IFD="0" PlaneCount="1">'
        f'<UUID FileName="{name}">urn:uuid:0000000{row}</UUID></TiffData>'
        for row, name in enumerate(names)
    )
    for row, name in enumerate(names):
        description = (
            f'<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
            f'UUID="urn:uuid:0000000{row}"><Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" '
            f'Type="uint16" SizeX="7" SizeY="5" SizeZ="1" SizeC="1" SizeT="3"><Channel ID="Channel:0:0" '
            f'SamplesPerPixel="1"/>{planes}</Pixels></Image></OME>'
        )
        tifffile.imwrite(tmp_path / name, DEEP[row, :, :, 0], description=description, metadata=None)
    return [tmp_path / name for name in names]


def test_a_file_of_an_ome_set_is_the_set_or_one_image_of_a_folder(ome_set, data):
    data.path = str(ome_set[0])
    source = open_tiff(data)
    np.testing.assert_array_equal(source.read(np.arange(3))[..., 0], DEEP[:3, :, :, 0])
    assert source.files.tolist() == [str(path) for path in ome_set] and source.pages.tolist() == [0, 0, 0]
    for row, path in enumerate(ome_set):
        np.testing.assert_array_equal(read_image(path)[..., 0], DEEP[row, :, :, 0])


def test_missing_file_of_an_ome_set_is_an_error(ome_set, data, capfd):
    data.path = str(ome_set[0])
    ome_set[2].unlink()
    with pytest.raises(InputError, match=r"promise 3 pages, of which 1 are missing: files of the set are not in this"):
        open_tiff(data)
    assert capfd.readouterr().err == ""  # tifffile's own lines


def test_planes_and_alpha_of_many_pages(path, open_it):
    tifffile.imwrite(path, DEEP.transpose(0, 3, 1, 2), photometric="rgb", planarconfig="separate")
    np.testing.assert_array_equal(open_it().read(np.arange(9)), DEEP)
    alpha = np.zeros((9, 5, 7, 1), np.uint16)
    tifffile.imwrite(path, np.concatenate([DEEP, alpha], 3), photometric="rgb", extrasamples=["unassalpha"])
    np.testing.assert_array_equal(open_it().read(np.arange(9)), DEEP * 0)


def test_other_stacks_are_errors(path, open_it):
    with tifffile.TiffWriter(path) as file:
        file.write(DEEP[0, :, :, 0]), file.write(DEEP[0, :4, :, 0])
    with pytest.raises(
        InputError, match=r"pages of one size and type, found \(5, 7\) of uint16 and \(4, 7\) of uint16"
    ):
        open_it()
    tifffile.imwrite(path, DEEP[..., 0].reshape(3, 3, 5, 7), imagej=True, metadata={"axes": "TCYX"})
    with pytest.raises(InputError, match=r"found 3 channels in separate pages .*write the channels last"):
        open_it()
    tifffile.imwrite(path, DEEP[..., 0].astype(np.uint8), photometric="palette", colormap=np.zeros((3, 256), "u2"))
    with pytest.raises(InputError, match="expected grey or RGB pages, found PALETTE"):
        open_it()


def test_damaged_stacks_are_errors(path, open_it):
    tifffile.imwrite(path, DEEP[..., 0], photometric="minisblack")
    whole = path.read_bytes()
    for content in (b"", b"hello", whole[:100], whole[: len(whole) // 4]):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"^config\.data\.path \(.*a\.tif\): expected .*damaged one \("):
            open_it()


@pytest.mark.parametrize(
    "options", [{"metadata": None}, {"imagej": True}, {"compression": "zlib"}, {"ome": True}, {"bigtiff": True}]
)
@pytest.mark.parametrize("share", [0.2, 0.4, 0.6])
def test_a_file_that_was_cut_is_an_error(path, open_it, options, share, capfd):
    """tifffile reads the pages before the cut."""
    kind = {} if "imagej" in options else {"photometric": "minisblack"}
    tifffile.imwrite(path, np.repeat(DEEP[..., 0], 3, 0), **kind, **options)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(
        InputError, match=r"^config\.data\.path \(.*a\.tif\): expected a TIFF file of many pages, found .*\("
    ):
        open_it()
    with pytest.raises(InputError):
        read_image(path)
    assert capfd.readouterr().err == ""


def test_message_names_a_damaged_page(path, open_it):
    tifffile.imwrite(path, DEEP[..., 0], photometric="minisblack", compression="zlib", metadata=None)
    content = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        first = file.pages[6].dataoffsets[0]
    content[first : first + 10] = b"\xff" * 10
    path.write_bytes(content)
    source = open_it()
    np.testing.assert_array_equal(source.read(np.array([5]))[0, :, :, 0], DEEP[5, :, :, 0])
    with pytest.raises(InputError, match=r"expected an image in page 7, found .*damaged"):
        source.read(np.array([6]))
