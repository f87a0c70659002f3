"""Faults of images that are made with exactly one of them, and images without any."""

import numpy as np
import pytest

from irl_inr_jax.data.faults import (
    find_blank,
    find_duplicates,
    find_fixed_boxes,
    find_fixed_mark,
    find_frame,
    find_opposite_backgrounds,
    is_darker_inside,
)
from irl_inr_jax.data.lazy import LazyImages

SIDE = 32
Y, X = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2


def blobs(num_images=40, seed=0):
    """Blobs at random places near the centre, on a background of 0."""
    rng = np.random.default_rng(seed)
    images = np.zeros((num_images, SIDE, SIDE, 1), np.float32)
    for image in images:
        row, column = rng.uniform(-6, 6, 2)
        image[:, :, 0] = np.exp(-((Y - row) ** 2 + (X - column) ** 2) / rng.uniform(5, 20))
    return images


def wafers(ratio=1.0):
    """Discs, or ellipses, at 0.5 with random points at 1."""
    rng = np.random.default_rng(0)
    disc = np.hypot(Y, ratio * X) <= 15
    images = 0.5 * np.repeat(disc[None, :, :, None], 60, axis=0).astype(np.float32)
    images[(rng.random(images.shape) < 0.02) & disc[:, :, None]] = 1.0
    return images


@pytest.mark.parametrize(
    "clean", [blobs(), wafers(), wafers(1.15), blobs(10)], ids=["blobs", "discs", "ellipses", "few"]
)
def test_images_without_a_mark_have_none(clean):
    assert find_fixed_mark(clean) is None and find_frame(clean) == find_frame(1 - clean) == 0


@pytest.mark.parametrize("clean", [blobs(), wafers()], ids=["blobs", "discs"])
def test_a_scale_bar_is_found_with_its_box_also_under_noise_and_on_some_images_without_it(clean):
    marked = clean.copy()
    marked[:-1, 27:29, 20:30] = 1.0
    assert find_fixed_mark(marked) == (27, 28, 20, 29)
    noise = np.random.default_rng(0).normal(size=clean.shape).astype(np.float32)
    assert find_fixed_mark(marked + 0.01 * noise) == (27, 28, 20, 29)


@pytest.mark.parametrize("width", [1, 2])
def test_the_width_of_a_frame_is_found_also_if_it_is_taken_for_the_background(width):
    framed = np.full_like(blobs(), 0.8)
    framed[:, width:-width, width:-width] = blobs()[:, width:-width, width:-width]
    assert find_frame(framed) == find_frame(0.8 - framed) == width
    assert find_frame(blobs()) == 0


def test_marks_apart_from_each_other_have_their_own_boxes():
    marked = blobs()
    marked[:, 28:30, [2, 3, 7, 8, 12, 13]] = 1.0  # letters with gaps
    marked[:, 1:3, 25:30] = 0.7
    assert find_fixed_boxes(marked) == [(1, 2, 25, 29), (28, 29, 2, 13)]
    assert find_fixed_mark(marked) == (1, 29, 2, 29) and find_fixed_boxes(blobs()) == []


def test_a_box_is_a_mark_and_a_ring_about_the_centre_is_not():
    boxed = blobs()
    boxed[:, [2, -3], 2:-2] = boxed[:, 2:-2, [2, -3]] = 0.8
    assert find_fixed_mark(boxed) == (2, SIDE - 3, 2, SIDE - 3)
    ringed = blobs()
    ringed[:, np.abs(np.hypot(Y, X) - 13) < 1] = 0.8
    assert find_fixed_mark(ringed) is None


def test_images_with_the_opposite_background_are_listed():
    images = blobs()
    assert len(find_opposite_backgrounds(images)) == 0
    images[[3, 8]] = 1 - images[[3, 8]]
    assert find_opposite_backgrounds(images).tolist() == [3, 8]


def test_dark_objects_are_told_from_bright_ones_and_from_noise():
    noise = 0.3 * np.random.default_rng(0).normal(size=(40, SIDE, SIDE, 1)).astype(np.float32)
    assert is_darker_inside(noise - blobs()) and not is_darker_inside(noise + blobs()) and not is_darker_inside(noise)


def test_blank_images_and_duplicates_are_listed_by_row_also_if_streamed():
    images = (255 * blobs(12)).astype(np.uint8)
    images[[2, 5]] = 7
    images[9], images[11] = images[1], images[1]
    lazy = LazyImages(lambda rows: images[rows], images.shape[1:], images.dtype, np.arange(len(images)))
    for stored in (images, lazy):
        assert find_blank(stored).tolist() == [2, 5]
        assert find_duplicates(stored) == {9: 1, 11: 1}
