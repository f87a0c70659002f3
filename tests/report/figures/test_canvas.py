import numpy as np
from PIL import Image

from irl_inr_jax.report.figures import canvas


def test_pixels_are_written_one_to_one_at_their_place(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (37, 53, 3)).astype(np.uint8)
    figure = canvas.make_figure(331, 277, "title", "subtitle")
    canvas.place_pixels(figure, 101, 97, pixels)
    canvas.save_png(figure, tmp_path / "a.png")
    picture = np.array(Image.open(tmp_path / "a.png"))
    assert picture.shape == (277, 331, 3)
    np.testing.assert_array_equal(picture[97:134, 101:154], pixels)
    picture[97:134, 101:154] = 255
    assert (picture[canvas.TITLE_HEIGHT :] == 255).all()
    assert (picture[: canvas.TITLE_HEIGHT] < 100).any()


def test_a_figure_is_as_wide_as_its_title(tmp_path):
    canvas.save_png(canvas.make_figure(50, 100, "short", 30 * "a long subtitle "), tmp_path / "a.png")
    picture = np.asarray(Image.open(tmp_path / "a.png"))
    dark_columns = np.nonzero((picture < 200).any(axis=(0, 2)))[0]
    assert picture.shape[1] - dark_columns.max() >= canvas.MARGIN - 6


def test_a_picture_of_noise_is_brought_below_the_limit_and_stays_that_picture(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (700, 700, 3)).astype(np.uint8)
    noise[:, :350] //= 4
    figure = canvas.make_figure(700, 770, "noise", "")
    canvas.place_pixels(figure, 0, 70, noise)
    canvas.save_png(figure, tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size < 300_000
    with Image.open(tmp_path / "a.png") as picture:
        pixels = np.asarray(picture.convert("RGB"))
    assert pixels[100:, :350].mean() < 45 < 100 < pixels[100:, 350:].mean()
