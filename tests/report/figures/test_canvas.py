"""Placement of pixels and text, and the size of files."""

import numpy as np
from PIL import Image

from irl_inr_jax.report.figures import canvas


def test_pixels_are_placed_unscaled_at_their_position(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (37, 53, 3)).astype(np.uint8)
    figure = canvas.make_figure(331, 277, "title", "subtitle")
    canvas.place_pixels(figure, 101, 97, pixels)
    canvas.save_png(figure, tmp_path / "new" / "a.png")
    with Image.open(tmp_path / "new" / "a.png") as file:
        assert file.format == "PNG"
        saved = np.array(file)
    assert saved.shape == (277, 331, 3)
    np.testing.assert_array_equal(saved[97:134, 101:154], pixels)
    saved[97:134, 101:154] = 255
    assert (saved[canvas.TITLE_HEIGHT :] == 255).all()
    assert (saved[: canvas.TITLE_HEIGHT] < 100).any()


def test_a_figure_is_as_wide_as_its_title(tmp_path):
    canvas.save_png(canvas.make_figure(50, 100, "short", 30 * "a long subtitle "), tmp_path / "a.png")
    pixels = np.asarray(Image.open(tmp_path / "a.png"))
    dark_columns = np.nonzero((pixels < 200).any(axis=(0, 2)))[0]
    assert pixels.shape[1] - dark_columns.max() >= canvas.MARGIN - 6


def test_a_large_file_gets_fewer_colours_until_it_is_below_the_limit(tmp_path, monkeypatch):
    assert canvas._FILE_BYTES == 250_000
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3)).astype(np.uint8)
    noise[:, :100] //= 4
    figure = canvas.make_figure(200, 270, "noise", "")
    canvas.place_pixels(figure, 0, 70, noise)
    sizes = []
    for limit in (250_000, 50_000, 32_000, 24_000):  # met by the original and by 256, 64 and 16 colours
        monkeypatch.setattr(canvas, "_FILE_BYTES", limit)
        canvas.save_png(figure, tmp_path / "a.png")
        sizes.append((tmp_path / "a.png").stat().st_size)
        assert sizes[-1] <= limit
        with Image.open(tmp_path / "a.png") as saved:
            pixels = np.asarray(saved.convert("RGB"))
        assert pixels[100:, :100].mean() < 45 < 100 < pixels[100:, 100:].mean()
    assert len(set(sizes)) == 4
