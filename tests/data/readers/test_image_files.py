import struct
import zlib

import numpy as np
import png
import pytest
import tifffile
from PIL import Image

from irl_inr_jax.data.readers.image_files import UnreadableImage, read_image
from irl_inr_jax.types import InputError

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (5, 7), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)
DEEP_COLOUR = RNG.integers(0, 65536, (5, 7, 3), dtype=np.uint16)


def write_deep_png(path, pixels, orientation=1, **options):
    """Pixels (h, w, planes) of 16 bits, with Exif's orientation in a chunk of its own before the pixels."""
    planes = pixels.shape[2]
    writer = png.Writer(
        pixels.shape[1], pixels.shape[0], greyscale=planes < 3, alpha=planes in (2, 4), bitdepth=16, **options
    )
    with path.open("wb") as file:
        writer.write(file, pixels.reshape(len(pixels), -1).tolist())
    content = b"eXIf" + b"MM\x00*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    chunk = struct.pack(">I", len(content) - 4) + content + struct.pack(">I", zlib.crc32(content))
    whole = path.read_bytes()
    path.write_bytes(whole[:33] + chunk + whole[33:])


@pytest.mark.parametrize("extension", ["png", "bmp", "tif", "gif", "webp"])
def test_grey_and_colour_come_back_as_they_were(tmp_path, extension):
    options = {"lossless": True} if extension == "webp" else {}
    Image.fromarray(GREY).save(tmp_path / f"grey.{extension}", **options)
    np.testing.assert_array_equal(read_image(tmp_path / f"grey.{extension}"), GREY[:, :, None])
    if extension != "gif":
        Image.fromarray(COLOUR).save(tmp_path / f"colour.{extension}", **options)
        np.testing.assert_array_equal(read_image(tmp_path / f"colour.{extension}"), COLOUR)


def test_a_jpeg_is_close(tmp_path):
    smooth = np.add.outer(np.arange(16), np.arange(16)).astype(np.uint8) * 8
    Image.fromarray(smooth).save(tmp_path / "a.jpg", quality=95)
    assert np.abs(read_image(tmp_path / "a.jpg")[:, :, 0] - smooth.astype(int)).max() < 8


@pytest.mark.parametrize("extension", ["png", "tif"])
def test_sixteen_bits_are_kept(tmp_path, extension):
    deep = RNG.integers(0, 65536, (5, 7), dtype=np.uint16)
    Image.fromarray(deep).save(tmp_path / f"a.{extension}")
    image = read_image(tmp_path / f"a.{extension}")
    assert image.dtype == np.uint16
    np.testing.assert_array_equal(image[:, :, 0], deep)


def test_floats_are_kept(tmp_path):
    values = RNG.normal(size=(5, 7)).astype(np.float32)
    Image.fromarray(values).save(tmp_path / "a.tif")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif")[:, :, 0], values)


def test_one_bit_is_black_and_white(tmp_path):
    Image.fromarray(GREY > 100).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png")[:, :, 0], np.where(GREY > 100, 255, 0))


def test_a_palette_is_looked_up(tmp_path):
    image = Image.fromarray(np.array([[0, 1], [2, 1]], np.uint8), mode="P")
    image.putpalette([255, 0, 0, 0, 255, 0, 9, 8, 7])
    image.save(tmp_path / "a.png")
    expected = [[[255, 0, 0], [0, 255, 0]], [[9, 8, 7], [0, 255, 0]]]
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), expected)


def test_transparency_lies_on_black(tmp_path):
    pixels = np.full((1, 3, 4), 200, np.uint8)
    pixels[0, :, 0], pixels[0, :, 3] = 100, (255, 0, 128)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    expected = [[[100, 200, 200], [0, 0, 0], [50, 100, 100]]]
    np.testing.assert_allclose(read_image(tmp_path / "a.png"), expected, atol=1)
    Image.fromarray(pixels[:, :, [1, 3]], mode="LA").save(tmp_path / "grey.png")
    np.testing.assert_allclose(read_image(tmp_path / "grey.png")[0, :, 0], [200, 0, 100], atol=1)


@pytest.mark.parametrize("mode", ["L", "P"])
def test_a_colour_that_is_marked_as_transparent_is_black(tmp_path, mode):
    image = Image.fromarray(np.array([[0, 1]], np.uint8), mode=mode)
    if mode == "P":
        image.putpalette([250, 250, 250, 1, 1, 1])
    image.save(tmp_path / "a.png", transparency=0)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png")[0, :, 0], [0, 1])


def test_colours_that_are_all_grey_become_one_channel(tmp_path):
    Image.fromarray(np.repeat(GREY[:, :, None], 3, 2)).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), GREY[:, :, None])


@pytest.mark.parametrize(("orientation", "turns"), [(1, 0), (8, 1), (3, 2), (6, 3)])
def test_the_way_up_that_a_camera_recorded_is_applied(tmp_path, orientation, turns):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(GREY).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png")[:, :, 0], np.rot90(GREY, turns))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("extension", ["png", "tif"])
def test_deep_colours_are_turned_as_pillow_turns_shallow_ones(tmp_path, extension, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(COLOUR).save(tmp_path / f"shallow.{extension}", exif=exif)
    path = tmp_path / f"deep.{extension}"
    if extension == "png":
        write_deep_png(path, COLOUR.astype(np.uint16), orientation=orientation)
    else:
        tifffile.imwrite(path, COLOUR.astype(np.uint16), extratags=[(274, "H", 1, orientation, True)])
    np.testing.assert_array_equal(read_image(path), read_image(tmp_path / f"shallow.{extension}"))


def test_a_jpeg_is_turned_as_well(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    smooth = np.add.outer(np.arange(16), 2 * np.arange(8)).astype(np.uint8) * 8
    Image.fromarray(smooth).save(tmp_path / "a.jpg", quality=95, exif=exif)
    image = read_image(tmp_path / "a.jpg")
    assert image.shape == (8, 16, 1)
    assert np.abs(image[:, :, 0] - np.rot90(smooth.astype(int), -1)).max() < 8


def test_the_first_frame_of_a_moving_picture_is_taken(tmp_path):
    frames = [Image.fromarray(GREY), Image.fromarray(255 - GREY)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(read_image(tmp_path / "a.gif")[:, :, 0], GREY)


@pytest.mark.parametrize("interlace", [False, True])
def test_colours_of_sixteen_bits_are_kept(tmp_path, interlace):
    write_deep_png(tmp_path / "a.png", DEEP_COLOUR, interlace=interlace)
    image = read_image(tmp_path / "a.png")
    assert image.dtype == np.uint16
    np.testing.assert_array_equal(image, DEEP_COLOUR)


@pytest.mark.parametrize("planes", [1, 3])
def test_opacity_of_sixteen_bits_lies_on_black(tmp_path, planes):
    opacity = np.full((5, 7, 1), 65535, np.uint16)
    opacity[0], opacity[1] = 0, 32768
    colours = DEEP_COLOUR[:, :, :planes]
    write_deep_png(tmp_path / "a.png", np.concatenate([colours, opacity], 2))
    expected = np.rint(colours * (opacity / 65535.0))
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), expected)


@pytest.mark.parametrize("planes", [1, 3])
def test_one_transparent_colour_of_sixteen_bits_is_black(tmp_path, planes):
    colours = DEEP_COLOUR[:, :, :planes].copy()
    hidden = tuple(int(value) for value in colours[2, 3])
    write_deep_png(tmp_path / "a.png", colours, transparent=hidden if planes == 3 else hidden[0])
    colours[2, 3] = 0
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), colours)


@pytest.mark.parametrize("dtype", ["u1", "u2", "?", "f4", ">i4", "f8"])
@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 6), (5, 7, 1)])
def test_an_array_is_an_image(tmp_path, dtype, shape):
    values = RNG.integers(0, 2, shape).astype(dtype)
    np.save(tmp_path / "a.npy", values)
    image = read_image(tmp_path / "a.npy")
    assert image.dtype == (values.dtype if dtype in ("u1", "u2", "?") else np.float32)
    np.testing.assert_array_equal(image, values.reshape(5, 7, -1))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros(5), r"expected an array of shape \(h, w\) or \(h, w, c\), found \(5,\)"),
        (np.zeros((0, 5)), r"found \(0, 5\)"),
        (np.zeros((3, 8, 9)), r"looks like \(c, h, w\)"),
        (np.zeros((50, 8, 8)), "looks like 50 images; set config.data.path to the file itself"),
        (np.array([[None]]), "cannot be read .*allow_pickle"),
        (np.zeros((2, 2), complex), "expected images of real numbers, found type complex128"),
    ],
)
def test_arrays_that_are_no_image_are_errors(tmp_path, values, message):
    np.save(tmp_path / "a.npy", values)
    with pytest.raises(InputError, match=message) as caught:
        read_image(tmp_path / "a.npy")
    assert str(tmp_path / "a.npy") in str(caught.value)


def test_the_content_and_not_the_name_says_what_a_picture_is(tmp_path):
    write_deep_png(tmp_path / "a.jpg", DEEP_COLOUR)
    np.testing.assert_array_equal(read_image(tmp_path / "a.jpg"), DEEP_COLOUR)
    Image.fromarray(GREY).save(tmp_path / "b.tif", format="PNG")
    np.testing.assert_array_equal(read_image(tmp_path / "b.tif")[:, :, 0], GREY)


def test_missing_files_and_folders_are_named(tmp_path):
    (tmp_path / "folder.png").mkdir()
    for name, reason in [("a.png", "there is no such file"), ("folder.png", "it is a folder")]:
        with pytest.raises(UnreadableImage, match=name) as caught:
            read_image(tmp_path / name)
        assert caught.value.reason == reason


def test_deep_png_that_are_cut_short_are_errors(tmp_path):
    write_deep_png(tmp_path / "a.png", DEEP_COLOUR)
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UnreadableImage, match=r"a\.png, found one that cannot be read \(.+\)"):
        read_image(tmp_path / "a.png")


def test_files_that_are_no_images_are_errors(tmp_path):
    Image.fromarray(RNG.integers(0, 256, (64, 64), dtype=np.uint8)).save(tmp_path / "whole.png")
    whole = (tmp_path / "whole.png").read_bytes()
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 0xFF
    for content, message in [
        (b"", "it is empty"),
        (b"this is text", "cannot identify image file"),
        (whole[: len(whole) // 2], "cannot be read"),
        (bytes(damaged), "cannot be read"),
    ]:
        (tmp_path / "bad.png").write_bytes(content)
        with pytest.raises(InputError, match=message) as caught:
            read_image(tmp_path / "bad.png")
        assert str(tmp_path / "bad.png") in str(caught.value) and "\n" not in str(caught.value)
