import struct
import zlib

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from irl_inr_jax.data.readers.image_files import UnreadableImage, read_image
from irl_inr_jax.types import InputError

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (5, 7), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)
DEEP_COLOUR = RNG.integers(0, 65536, (5, 7, 3), dtype=np.uint16)
ADAM7 = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]


def png_chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def write_16_bit_png(path, pixels, *, orientation=1, interlaced=False, transparent=None):
    """Write pixels (h, w, channels) as a PNG of 16 bits per channel, independently of the decoders under test.

    orientation: value of the Exif chunk. transparent: colour of the tRNS chunk.
    """
    height, width, channels = pixels.shape
    colour_type = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    passes = ADAM7 if interlaced else [(0, 0, 1, 1)]
    rows = [row for y, x, dy, dx in passes for row in pixels[y::dy, x::dx] if row.size]
    exif = b"MM\x00*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, interlaced)),
        (b"eXIf", exif),
        *([] if transparent is None else [(b"tRNS", np.asarray(transparent).astype(">u2").tobytes())]),
        (b"IDAT", zlib.compress(b"".join(b"\0" + row.astype(">u2").tobytes() for row in rows))),
        (b"IEND", b""),
    ]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(kind, content) for kind, content in chunks))


@pytest.mark.parametrize("extension", ["png", "bmp", "tif", "gif", "webp"])
def test_lossless_formats_keep_grey_and_rgb(tmp_path, extension):
    options = {"lossless": True} if extension == "webp" else {}
    Image.fromarray(GREY).save(tmp_path / f"grey.{extension}", **options)
    np.testing.assert_array_equal(read_image(tmp_path / f"grey.{extension}"), GREY[:, :, None])
    if extension != "gif":
        Image.fromarray(COLOUR).save(tmp_path / f"colour.{extension}", **options)
        np.testing.assert_array_equal(read_image(tmp_path / f"colour.{extension}"), COLOUR)


@pytest.mark.parametrize("pixels", [GREY, COLOUR, DEEP_COLOUR, DEEP_COLOUR[:, :, 0]])
def test_jpeg_2000_keeps_its_depth(tmp_path, pixels):
    (tmp_path / "a.jp2").write_bytes(imagecodecs.jpeg2k_encode(pixels, level=0))
    read = read_image(tmp_path / "a.jp2")
    assert read.dtype == pixels.dtype
    np.testing.assert_array_equal(read, pixels.reshape(read.shape))


def test_portable_maps_are_read_as_stored_or_refused(tmp_path):
    path = tmp_path / "a.pgm"
    path.write_bytes(b"P5\n# a comment\n7 5\n255\n" + GREY.tobytes())
    np.testing.assert_array_equal(read_image(path)[:, :, 0], GREY)
    path.write_bytes(b"P5 7 5 65535\n" + DEEP_COLOUR[:, :, 0].astype(">u2").tobytes())
    np.testing.assert_array_equal(read_image(path)[:, :, 0], DEEP_COLOUR[:, :, 0])
    path.write_bytes(b"P6 7 5 255\n" + COLOUR.tobytes())
    np.testing.assert_array_equal(read_image(path), COLOUR)
    for header, content in ((b"P6 7 5 65535\n", DEEP_COLOUR), (b"P5 7 5 4095\n", DEEP_COLOUR[:, :, 0] // 16)):
        path.write_bytes(header + content.astype(">u2").tobytes())
        with pytest.raises(UnreadableImage, match=r"largest value of 255( or 65535)?, found (65535|4095); convert"):
            read_image(path)


def test_jpeg_is_close_to_the_original(tmp_path):
    smooth = np.add.outer(np.arange(16), np.arange(16)).astype(np.uint8) * 8
    Image.fromarray(smooth).save(tmp_path / "a.jpg", quality=95)
    assert np.abs(read_image(tmp_path / "a.jpg")[:, :, 0] - smooth.astype(int)).max() < 8


@pytest.mark.parametrize("extension", ["png", "tif"])
def test_16_bit_grey_images_of_pillow_keep_every_bit(tmp_path, extension):
    deep = RNG.integers(0, 65536, (5, 7), dtype=np.uint16)
    Image.fromarray(deep).save(tmp_path / f"a.{extension}")
    image = read_image(tmp_path / f"a.{extension}")
    assert image.dtype == np.uint16
    np.testing.assert_array_equal(image[:, :, 0], deep)


def test_floats_are_kept(tmp_path):
    values = RNG.normal(size=(5, 7)).astype(np.float32)
    Image.fromarray(values).save(tmp_path / "a.tif")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif")[:, :, 0], values)


def test_1_bit_images_are_black_and_white(tmp_path):
    Image.fromarray(GREY > 100).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png")[:, :, 0], np.where(GREY > 100, 255, 0))


def test_palette_is_resolved(tmp_path):
    image = Image.fromarray(np.array([[0, 1], [2, 1]], np.uint8), mode="P")
    image.putpalette([255, 0, 0, 0, 255, 0, 9, 8, 7])
    image.save(tmp_path / "a.png")
    expected = [[[255, 0, 0], [0, 255, 0]], [[9, 8, 7], [0, 255, 0]]]
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), expected)


def test_alpha_is_composited_on_black(tmp_path):
    pixels = np.full((1, 3, 4), 200, np.uint8)
    pixels[0, :, 0], pixels[0, :, 3] = 100, (255, 0, 128)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    expected = [[[100, 200, 200], [0, 0, 0], [50, 100, 100]]]
    np.testing.assert_allclose(read_image(tmp_path / "a.png"), expected, atol=1)
    Image.fromarray(pixels[:, :, [1, 3]], mode="LA").save(tmp_path / "grey.png")
    np.testing.assert_allclose(read_image(tmp_path / "grey.png")[0, :, 0], [200, 0, 100], atol=1)


@pytest.mark.parametrize("mode", ["L", "P"])
def test_transparent_colour_is_black(tmp_path, mode):
    image = Image.fromarray(np.array([[0, 1]], np.uint8), mode=mode)
    if mode == "P":
        image.putpalette([250, 250, 250, 1, 1, 1])
    image.save(tmp_path / "a.png", transparency=0)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png")[0, :, 0], [0, 1])


def test_grey_rgb_images_become_one_channel(tmp_path):
    Image.fromarray(np.repeat(GREY[:, :, None], 3, 2)).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), GREY[:, :, None])


@pytest.mark.parametrize(("orientation", "quarters"), [(1, 0), (8, 1), (3, 2), (6, 3)])
def test_exif_orientation_is_applied(tmp_path, orientation, quarters):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(GREY).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png")[:, :, 0], np.rot90(GREY, quarters))


@pytest.mark.parametrize("extension", ["png", "tif"])
def test_orientation_of_16_bit_images_agrees_with_pillow_on_8_bit_images(tmp_path, extension):
    shallow, deep = tmp_path / f"shallow.{extension}", tmp_path / f"deep.{extension}"
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        Image.fromarray(COLOUR).save(shallow, exif=exif)
        if extension == "png":
            write_16_bit_png(deep, COLOUR.astype(np.uint16), orientation=orientation)
        else:
            tifffile.imwrite(deep, COLOUR.astype(np.uint16), extratags=[(274, "H", 1, orientation, True)])
        np.testing.assert_array_equal(read_image(deep), read_image(shallow))


def test_exif_orientation_of_a_jpeg_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    smooth = np.add.outer(np.arange(16), 2 * np.arange(8)).astype(np.uint8) * 8
    Image.fromarray(smooth).save(tmp_path / "a.jpg", quality=95, exif=exif)
    image = read_image(tmp_path / "a.jpg")
    assert image.shape == (8, 16, 1)
    assert np.abs(image[:, :, 0] - np.rot90(smooth.astype(int), -1)).max() < 8


def test_animation_yields_its_first_frame(tmp_path):
    frames = [Image.fromarray(GREY), Image.fromarray(255 - GREY)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(read_image(tmp_path / "a.gif")[:, :, 0], GREY)


@pytest.mark.parametrize("writer", ["zlib", "interlaced", "imagecodecs"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_16_bit_png_keeps_every_bit(tmp_path, channels, writer):
    """Grey, grey with alpha, RGB and RGBA. All 65,536 values of a channel occur; opaque alpha changes no value."""
    values = RNG.permutation(65536).astype(np.uint16).reshape(256, 256, 1)
    num_colours = channels - (channels + 1) % 2
    colours = np.concatenate([np.roll(values, shift, 0) for shift in range(num_colours)], 2)
    pixels = colours if channels == num_colours else np.concatenate([colours, np.full_like(values, 65535)], 2)
    if writer == "imagecodecs":
        (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(pixels[:, :, 0] if channels == 1 else pixels))
    else:
        write_16_bit_png(tmp_path / "a.png", pixels, interlaced=writer == "interlaced")
    image = read_image(tmp_path / "a.png")
    assert image.dtype == np.uint16 and image.dtype.isnative
    np.testing.assert_array_equal(image, colours)


@pytest.mark.parametrize("num_colours", [1, 3])
def test_16_bit_alpha_is_composited_on_black(tmp_path, num_colours):
    alpha = np.full((5, 7, 1), 65535, np.uint16)
    alpha[0], alpha[1] = 0, 32768
    colours = DEEP_COLOUR[:, :, :num_colours]
    write_16_bit_png(tmp_path / "a.png", np.concatenate([colours, alpha], 2))
    expected = np.rint(colours * (alpha / 65535.0))
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), expected)


@pytest.mark.parametrize("num_colours", [1, 3])
def test_16_bit_transparent_colour_is_black(tmp_path, num_colours):
    colours = DEEP_COLOUR[:, :, :num_colours].copy()
    write_16_bit_png(tmp_path / "a.png", colours, transparent=colours[2, 3])
    colours[2, 3] = 0
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), colours)


@pytest.mark.parametrize("dtype", ["u1", "u2", "?", "f4", ">i4", "f8"])
def test_npy_files_are_images(tmp_path, dtype):
    for shape in ((5, 7), (5, 7, 6), (5, 7, 1)):
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
        (np.zeros((5, 32, 40)), r"looks like \(c, h, w\)"),
        (np.zeros((50, 8, 8)), "looks like 50 images; set config.data.path to the file itself"),
        (np.array([[None]]), "found none .*allow_pickle"),
        (np.zeros((2, 2), complex), "expected images of real numbers, found type complex128"),
    ],
)
def test_other_arrays_are_errors(tmp_path, values, message):
    np.save(tmp_path / "a.npy", values)
    with pytest.raises(InputError, match=message) as caught:
        read_image(tmp_path / "a.npy")
    assert str(tmp_path / "a.npy") in str(caught.value)


def test_format_is_detected_from_the_content(tmp_path):
    write_16_bit_png(tmp_path / "a.jpg", DEEP_COLOUR)
    np.testing.assert_array_equal(read_image(tmp_path / "a.jpg"), DEEP_COLOUR)
    Image.fromarray(GREY).save(tmp_path / "b.tif", format="PNG")
    np.testing.assert_array_equal(read_image(tmp_path / "b.tif")[:, :, 0], GREY)


def test_message_names_missing_files_and_folders(tmp_path):
    (tmp_path / "folder.png").mkdir()
    for name, reason in [("a.png", "no such file"), ("folder.png", "a folder")]:
        with pytest.raises(UnreadableImage, match=name) as caught:
            read_image(tmp_path / name)
        assert caught.value.reason == reason


def test_truncated_and_damaged_16_bit_png_are_errors(tmp_path):
    path = tmp_path / "a.png"
    write_16_bit_png(path, DEEP_COLOUR)
    whole = path.read_bytes()
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 0xFF
    for content in (whole[:30], whole[: len(whole) // 2], whole[:-20], bytes(damaged)):
        path.write_bytes(content)
        with pytest.raises(UnreadableImage, match=r"a\.png, found none \(.+\)"):
            read_image(path)


def test_other_and_damaged_files_are_errors(tmp_path):
    Image.fromarray(RNG.integers(0, 256, (64, 64), dtype=np.uint8)).save(tmp_path / "whole.png")
    whole = (tmp_path / "whole.png").read_bytes()
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 0xFF
    for content, message in [
        (b"", "an empty file"),
        (b"this is text", "cannot identify image file"),
        (whole[: len(whole) // 2], "found none"),
        (bytes(damaged), "found none"),
    ]:
        (tmp_path / "bad.png").write_bytes(content)
        with pytest.raises(InputError, match=message) as caught:
            read_image(tmp_path / "bad.png")
        assert str(tmp_path / "bad.png") in str(caught.value) and "\n" not in str(caught.value)
