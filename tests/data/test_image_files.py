import numpy as np
import pytest
from PIL import Image

from irl_inr_jax.data.image_files import read_image
from irl_inr_jax.types import InputError

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (5, 7), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)


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


def test_the_first_frame_is_taken(tmp_path):
    frames = [Image.fromarray(GREY), Image.fromarray(255 - GREY)]
    frames[0].save(tmp_path / "a.tif", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif")[:, :, 0], GREY)


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
