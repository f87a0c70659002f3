import numpy as np
import pytest
from PIL import Image

from irl_inr_jax.report.figures.reconstruction_figures import (
    save_canonical_views,
    save_image_rows,
    save_large_rendering,
    save_reconstructions,
)


def read(path):
    """A PNG as (h, w, 3) integers. It must be of a size that can be looked at and sent."""
    assert path.stat().st_size < 300_000
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    assert 150 < pixels.shape[0] < 2500 and 300 < pixels.shape[1] < 2000
    return pixels


def centres_of(pixels, colour):
    """(row, column) of the middle of the patch of exactly that colour."""
    rows, columns = np.nonzero((pixels == colour).all(axis=-1))
    return (rows.min() + rows.max()) / 2, (columns.min() + columns.max()) / 2


def plain(colour, side=8):
    return np.broadcast_to(np.array(colour, np.float32), (side, side, 3))


RED, GREEN, BLUE = (1.0, 0, 0), (0, 1.0, 0), (0, 0, 1.0)


def test_reconstructions_stand_below_their_inputs_and_above_the_canonical_views(tmp_path):
    grey = plain((0.5, 0.5, 0.5))
    images, recons = np.stack([grey, plain(RED)]), np.stack([plain((0.5, 0.5, 0.5), 16), plain(GREEN, 16)])
    save_reconstructions(tmp_path / "a.png", images, recons, np.stack([plain(BLUE, 4), plain((0.2, 0.2, 0.2), 4)]))
    pixels = read(tmp_path / "a.png")
    red, green, blue = (centres_of(pixels, colour) for colour in ([255, 0, 0], [0, 255, 0], [0, 0, 255]))
    assert red[0] < green[0] < blue[0]
    assert red[1] == green[1] > blue[1]


def test_reconstructions_of_one_grey_image_without_canonical_view(tmp_path):
    black, white = np.zeros((1, 28, 28, 1), np.float32), np.ones((1, 28, 28, 1), np.float32)
    save_reconstructions(tmp_path / "black.png", black, black, None)
    save_reconstructions(tmp_path / "white.png", black, white, None)
    num_black = [np.sum((read(tmp_path / name) == 0).all(axis=-1)) for name in ("black.png", "white.png")]
    assert num_black == [2 * 84 * 84, 84 * 84]


def test_a_bright_pixel_is_bright_at_its_place(tmp_path):
    image = np.zeros((1, 28, 28, 1), np.float32)
    image[0, 3, 20] = 1
    save_reconstructions(tmp_path / "a.png", image, np.zeros_like(image), None)
    pixels = read(tmp_path / "a.png")
    rows, columns = np.nonzero((pixels == 0).all(axis=-1))
    top, left = rows.min(), columns.min()
    cell = pixels[top : top + 84, left : left + 84]
    expected = np.zeros((84, 84, 3))
    expected[9:12, 60:63] = 255
    np.testing.assert_array_equal(cell, expected)


def test_more_images_than_a_line_holds_are_wrapped(tmp_path):
    images = np.zeros((25, 8, 8, 1), np.float32)
    for name, n in (("12", 12), ("25", 25)):
        save_reconstructions(tmp_path / name, images[:n], images[:n], images[:n])
    one_line, three_lines = read(tmp_path / "12"), read(tmp_path / "25")
    assert one_line.shape[1] == three_lines.shape[1]
    assert np.sum(three_lines == 0) == pytest.approx(25 / 12 * np.sum(one_line == 0), rel=0.01)


def test_rows_of_images_stand_in_the_order_they_are_given_in(tmp_path):
    """One row a version, whatever its resolution, and the same image in the same column."""
    colours = {"first": RED, "second": GREEN, "third": BLUE}
    rows = {}
    for side, (name, colour) in zip((8, 16, 4), colours.items(), strict=True):
        rows[name] = np.stack([plain((0.5, 0.5, 0.5), side), plain(colour, side), plain((0.5, 0.5, 0.5), side)])
    save_image_rows(tmp_path / "a.png", rows, "A title", "a subtitle")
    pixels = read(tmp_path / "a.png")
    centres = [centres_of(pixels, [round(255 * value) for value in colour]) for colour in colours.values()]
    rows_at, columns_at = zip(*centres, strict=True)
    assert rows_at[0] < rows_at[1] < rows_at[2] and rows_at[1] - rows_at[0] == rows_at[2] - rows_at[1]
    assert len(set(columns_at)) == 1
    for colour in colours.values():
        assert np.sum((pixels == [round(255 * value) for value in colour]).all(axis=-1)) == 80 * 80
    save_image_rows(tmp_path / "b.png", dict(reversed(rows.items())), "A title", "a subtitle")
    backwards = read(tmp_path / "b.png")
    assert centres_of(backwards, [255, 0, 0])[0] > centres_of(backwards, [0, 0, 255])[0]


@pytest.mark.parametrize("num_rows", [1, 5])
def test_any_number_of_rows_is_drawn_twelve_images_a_line(tmp_path, num_rows):
    rows = {str(i): np.zeros((13, 28, 28, 1), np.float32) for i in range(num_rows)}
    save_image_rows(tmp_path / "a.png", rows, "A title", "a subtitle")
    pixels = read(tmp_path / "a.png")
    black = (pixels == 0).all(axis=-1)
    assert black.sum() == num_rows * 13 * 84 * 84
    tops = np.flatnonzero(np.diff(black.any(axis=1).astype(int)) == 1)
    assert len(tops) == 2 * num_rows and black[: tops[num_rows]].sum() == num_rows * 12 * 84 * 84


def test_values_out_of_range_and_nan_of_a_diverged_run_are_drawn(tmp_path):
    image = np.full((1, 8, 8, 1), 0.5, np.float32)
    recon = np.full((1, 8, 8, 1), np.nan, np.float32)
    recon[0, :4] = 7.0
    save_reconstructions(tmp_path / "a.png", image, recon, None)
    assert np.sum((read(tmp_path / "a.png") == 0).all(axis=-1)) == 80 * 40


@pytest.mark.parametrize("num_images, num_copies", [(1, 1), (1, 7), (3, 7), (6, 7), (28, 2)])
def test_canonical_views_show_every_copy_once(tmp_path, num_images, num_copies):
    turned = np.zeros((num_images, num_copies, 20, 20, 3), np.float32)
    canonical = np.full((num_images, num_copies, 40, 40, 3), RED, np.float32)
    save_canonical_views(tmp_path / "a.png", turned, canonical)
    pixels = read(tmp_path / "a.png")
    assert np.sum((pixels == 0).all(axis=-1)) == num_images * num_copies * 60 * 60
    assert np.sum((pixels == [255, 0, 0]).all(axis=-1)) == num_images * num_copies * 60 * 60


def test_canonical_views_stand_below_the_turned_copies(tmp_path):
    turned, canonical = np.zeros((2, 3, 8, 8, 3)), np.zeros((2, 3, 8, 8, 3))
    turned[0, 1] = RED
    canonical[0, 1] = GREEN
    canonical[1, 1] = BLUE
    save_canonical_views(tmp_path / "a.png", turned, canonical)
    pixels = read(tmp_path / "a.png")
    red, green, blue = (centres_of(pixels, colour) for colour in ([255, 0, 0], [0, 255, 0], [0, 0, 255]))
    assert red[1] == green[1] < blue[1]
    assert red[0] < green[0] == blue[0]


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_large_rendering_shows_the_input_left_and_the_rendering_right_at_its_pixels(tmp_path, channels):
    image = np.zeros((32, 32, channels), np.float32)
    rendering = np.random.default_rng(0).integers(0, 256, (512, 512, 1)) / 255
    rendering = np.concatenate([rendering, np.zeros((512, 512, channels - 1))], axis=-1)
    save_large_rendering(tmp_path / "a.png", image, rendering)
    pixels = read(tmp_path / "a.png")
    rows, columns = np.nonzero((pixels == 0).all(axis=-1))
    top, left = rows.min(), columns.min()
    assert (pixels[top : top + 512, left : left + 512] == 0).all()
    right = pixels[top : top + 512, left + 512 + 24 : left + 2 * 512 + 24, 0]
    # The palette that keeps a picture of noise small rounds its values.
    assert np.mean(np.abs(right - 255 * rendering[..., 0])) < 10


def test_the_folder_is_made_and_an_oblong_image_keeps_its_shape(tmp_path):
    path = tmp_path / "new" / "a.png"
    save_large_rendering(path, np.zeros((10, 20, 1)), np.zeros((100, 200, 1)))
    assert np.sum((read(path) == 0).all(axis=-1)) == 2 * 512 * 256
