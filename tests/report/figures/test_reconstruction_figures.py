"""Reconstructions, canonical views and renderings at a higher resolution."""

from functools import partial

import numpy as np
import pytest

from irl_inr_jax.report.figures import reconstruction_figures
from irl_inr_jax.report.figures.reconstruction_figures import save_image_rows

save_canonical_views = partial(reconstruction_figures.save_canonical_views, name="lots")
save_large_rendering = partial(reconstruction_figures.save_large_rendering, name="lots")
save_reconstructions = partial(reconstruction_figures.save_reconstructions, name="lots")


def centres_of(pixels, colour):
    """(row, column) of the centre of the patch of exactly that colour."""
    rows, columns = np.nonzero((pixels == colour).all(axis=-1))
    return (rows.min() + rows.max()) / 2, (columns.min() + columns.max()) / 2


def plain(colour, side=8):
    return np.broadcast_to(np.array(colour, np.float32), (side, side, 3))


RED, GREEN, BLUE = (1.0, 0, 0), (0, 1.0, 0), (0, 0, 1.0)


def test_reconstructions_are_between_their_inputs_and_the_canonical_views(render):
    grey = plain((0.5, 0.5, 0.5))
    images, recons = np.stack([grey, plain(RED)]), np.stack([plain((0.5, 0.5, 0.5), 16), plain(GREEN, 16)])
    pixels = render(save_reconstructions, images, recons, np.stack([plain(BLUE, 4), plain((0.2, 0.2, 0.2), 4)]))
    red, green, blue = (centres_of(pixels, colour) for colour in ([255, 0, 0], [0, 255, 0], [0, 0, 255]))
    assert red[0] < green[0] < blue[0]
    assert red[1] == green[1] > blue[1]


def test_reconstructions_of_one_grey_image_without_canonical_view(render):
    black, white = np.zeros((1, 28, 28, 1), np.float32), np.ones((1, 28, 28, 1), np.float32)
    num_black = [
        np.sum((render(save_reconstructions, black, recons, None) == 0).all(axis=-1)) for recons in (black, white)
    ]
    assert num_black == [2 * 84 * 84, 84 * 84]


def test_a_bright_pixel_is_bright_at_its_position(render):
    image = np.zeros((1, 28, 28, 1), np.float32)
    image[0, 3, 20] = 1
    pixels = render(save_reconstructions, image, np.zeros_like(image), None)
    rows, columns = np.nonzero((pixels == 0).all(axis=-1))
    top, left = rows.min(), columns.min()
    cell = pixels[top : top + 84, left : left + 84]
    expected = np.zeros((84, 84, 3))
    expected[9:12, 60:63] = 255
    np.testing.assert_array_equal(cell, expected)


def test_more_images_than_a_line_holds_are_wrapped(render):
    images = np.zeros((25, 8, 8, 1), np.float32)
    one_line, three_lines = (render(save_reconstructions, *3 * (images[:n],)) for n in (12, 25))
    assert one_line.shape[1] == three_lines.shape[1]
    assert np.sum(three_lines == 0) == pytest.approx(25 / 12 * np.sum(one_line == 0), rel=0.01)


def test_rows_of_images_keep_their_order(render):
    """One row per version at any resolution, with the same image in the same column."""
    colours = {"first": RED, "second": GREEN, "third": BLUE}
    rows = {}
    for side, (name, colour) in zip((8, 16, 4), colours.items(), strict=True):
        rows[name] = np.stack([plain((0.5, 0.5, 0.5), side), plain(colour, side), plain((0.5, 0.5, 0.5), side)])
    pixels = render(save_image_rows, rows, "A title", "a subtitle")
    centres = [centres_of(pixels, [round(255 * value) for value in colour]) for colour in colours.values()]
    rows_at, columns_at = zip(*centres, strict=True)
    assert rows_at[0] < rows_at[1] < rows_at[2] and rows_at[1] - rows_at[0] == rows_at[2] - rows_at[1]
    assert len(set(columns_at)) == 1
    for colour in colours.values():
        assert np.sum((pixels == [round(255 * value) for value in colour]).all(axis=-1)) == 80 * 80
    backwards = render(save_image_rows, dict(reversed(rows.items())), "A title", "a subtitle")
    assert centres_of(backwards, [255, 0, 0])[0] > centres_of(backwards, [0, 0, 255])[0]


@pytest.mark.parametrize("num_rows", [1, 5])
def test_any_number_of_rows_has_twelve_images_per_line(render, num_rows):
    rows = {str(i): np.zeros((13, 28, 28, 1), np.float32) for i in range(num_rows)}
    pixels = render(save_image_rows, rows, "A title", "a subtitle")
    black = (pixels == 0).all(axis=-1)
    assert black.sum() == num_rows * 13 * 84 * 84
    tops = np.flatnonzero(np.diff(black.any(axis=1).astype(int)) == 1)
    assert len(tops) == 2 * num_rows and black[: tops[num_rows]].sum() == num_rows * 12 * 84 * 84


def test_values_out_of_range_and_nan_of_a_diverged_run_are_clipped(render):
    image = np.full((1, 8, 8, 1), 0.5, np.float32)
    recon = np.full((1, 8, 8, 1), np.nan, np.float32)
    recon[0, :4] = 7.0
    assert np.sum((render(save_reconstructions, image, recon, None) == 0).all(axis=-1)) == 80 * 40


@pytest.mark.parametrize("num_images, num_copies", [(1, 1), (3, 7), (28, 2)])
def test_canonical_views_show_every_copy_once(render, num_images, num_copies):
    rotated = np.zeros((num_images, num_copies, 20, 20, 3), np.float32)
    canonical = np.full((num_images, num_copies, 40, 40, 3), RED, np.float32)
    pixels = render(save_canonical_views, rotated, canonical)
    assert np.sum((pixels == 0).all(axis=-1)) == num_images * num_copies * 60 * 60
    assert np.sum((pixels == [255, 0, 0]).all(axis=-1)) == num_images * num_copies * 60 * 60


def test_canonical_views_are_below_the_rotated_copies(render):
    rotated, canonical = np.zeros((2, 3, 8, 8, 3)), np.zeros((2, 3, 8, 8, 3))
    rotated[0, 1] = RED
    canonical[0, 1] = GREEN
    canonical[1, 1] = BLUE
    pixels = render(save_canonical_views, rotated, canonical)
    red, green, blue = (centres_of(pixels, colour) for colour in ([255, 0, 0], [0, 255, 0], [0, 0, 255]))
    assert red[1] == green[1] < blue[1]
    assert red[0] < green[0] == blue[0]


@pytest.mark.parametrize("channels", [1, 3])
def test_large_rendering_shows_the_input_left_and_the_rendering_unscaled_on_the_right(render, channels):
    image = np.zeros((32, 32, channels), np.float32)
    rendering = np.random.default_rng(0).integers(0, 256, (512, 512, 1)) / 255
    rendering = np.concatenate([rendering, np.zeros((512, 512, channels - 1))], axis=-1)
    pixels = render(save_large_rendering, image, rendering)
    rows, columns = np.nonzero((pixels == 0).all(axis=-1))
    top, left = rows.min(), columns.min()
    assert (pixels[top : top + 512, left : left + 512] == 0).all()
    right = pixels[top : top + 512, left + 512 + 24 : left + 2 * 512 + 24, 0]
    np.testing.assert_array_equal(right, np.round(255 * rendering[..., 0]))


def test_an_oblong_image_keeps_its_shape(render):
    pixels = render(save_large_rendering, np.zeros((10, 20, 1)), np.zeros((100, 200, 1)))
    assert np.sum((pixels == 0).all(axis=-1)) == 2 * 512 * 256


def test_each_image_has_its_heading(figures):
    images = np.zeros((14, 8, 8, 1), np.float32)
    headings = [f"cluster {number}" for number in range(14)]
    save_image_rows("unused", {"a": images, "b": images}, "A title", "a subtitle", headings=headings)
    assert [text.get_text() for text in figures[-1].texts if text.get_text().startswith("cluster ")] == headings
