"""Thumbnails: which images, how bright, and where in the atlas."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from irl_inr_jax.report.html.thumbnails import (
    MAX_GAIN,
    choose_shown,
    encode_webp,
    make_thumbnails,
    pack_atlas,
    stretch_images,
)


def read(url):
    kind, data = url.split(",")
    assert kind == "data:image/webp;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


def test_all_images_are_shown_up_to_the_limit_and_then_a_share_of_each_group():
    groups = np.repeat([0, 1, 2, -1], [900, 90, 1, 9])
    np.testing.assert_array_equal(choose_shown(groups, 1000, seed=0), np.arange(1000))
    shown = choose_shown(groups, 100, seed=0)
    assert len(shown) == len(set(shown)) == 100 and (np.diff(shown) > 0).all()
    counts = {number: int((groups[shown] == number).sum()) for number in (0, 1, 2, -1)}
    assert counts[2] == 1 and abs(counts[0] - 89) <= 2 and abs(counts[1] - 9) <= 1 and counts[-1] >= 1
    assert set(choose_shown(groups, 4, seed=0)) and len(np.unique(groups[choose_shown(groups, 4, seed=0)])) == 4
    np.testing.assert_array_equal(shown, choose_shown(groups, 100, seed=0))


@pytest.mark.parametrize("background", [0.0, 0.5, 1.0])
def test_a_faint_image_becomes_visible_and_the_background_stays(background):
    images = np.full((3, 8, 8, 1), background, np.float32)
    towards = -1 if background == 1 else 1
    images[0, 2:6, 2:6] += towards * 0.1 * max(background, 1 - background)
    images[1, 2:6, 2:6] += towards * 0.001
    stretched = stretch_images(images, background)
    np.testing.assert_allclose(stretched[:, 0, 0], background)
    np.testing.assert_allclose(np.abs(stretched[0, 3, 3] - background), max(background, 1 - background), rtol=1e-5)
    np.testing.assert_allclose(np.abs(stretched[1, 3, 3] - background), MAX_GAIN * 0.001, rtol=1e-3)
    np.testing.assert_array_equal(stretched[2], images[2])


@pytest.mark.parametrize(("channels", "kept"), [(1, 1), (2, 1), (3, 3), (5, 1)])
def test_thumbnails_are_squares_in_grey_or_colour(channels, kept):
    images = np.random.default_rng(0).random((3, 20, 30, channels)).astype(np.float32)
    assert make_thumbnails(images, side=10, background=0.0).shape == (3, 10, 10, kept)


def test_an_atlas_has_each_thumbnail_at_its_place_in_further_pictures_too():
    count = 16 * 64 + 70
    thumbnails = np.zeros((count, 4, 4, 1), np.uint8)
    places = (0, 1, 64, 1023, 1024, 1024 + 65)
    thumbnails[list(places)] = 255
    atlas = pack_atlas(thumbnails)
    pictures = [read(url)[..., 0] for url in atlas.pictures]
    assert [picture.shape for picture in pictures] == [(64, 256), (8, 256)]
    for place in range(0, count):
        picture, index = pictures[place // atlas.per_picture], place % atlas.per_picture
        top, left = 4 * (index // atlas.columns), 4 * (index % atlas.columns)
        assert (picture[top + 1, left + 1] > 128) == (place in places), place


def test_a_picture_is_webp_of_the_same_size():
    assert read(encode_webp(np.zeros((5, 7, 3), np.uint8))).shape == (5, 7, 3)
