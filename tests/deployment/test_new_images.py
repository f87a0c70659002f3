"""New images are prepared as those of the training, or refused in one line."""

import numpy as np
import pytest
from PIL import Image

from irl_inr_jax.deployment.new_images import read_new_images
from irl_inr_jax.types import InputError
from tests.small_model import SIDE, make_small_images, make_small_model


def read(what):
    return read_new_images(make_small_model(), what, max_unreadable=0.0)


@pytest.fixture
def folder(tmp_path):
    """The first four images as PNG files."""
    for row, image in enumerate(make_small_images()[:4]):
        Image.fromarray(image).save(tmp_path / f"{row}.png")
    return tmp_path


def test_every_form_of_the_same_images_is_the_same(folder, tmp_path):
    images = make_small_images()[:4]
    np.save(tmp_path / "stack.npy", images)
    paths = [folder / f"{row}.png" for row in range(4)]
    for what in (images, images[..., None], list(images), paths, tmp_path / "*.png", str(tmp_path / "stack.npy")):
        new = read(what)
        assert new.images.shape == (4, SIDE, SIDE, 1) and len(set(new.ids)) == 4 and new.skipped == ()
        np.testing.assert_array_equal(new.images[..., 0], images)
    assert read(tmp_path / "*.png").ids.tolist() == [f"{row}.png" for row in range(4)]


@pytest.mark.parametrize("shape", [(SIDE, SIDE), (SIDE, SIDE, 1)])
def test_a_single_image_is_an_array_of_one(folder, shape):
    image = make_small_images()[0]
    for what in (image.reshape(shape), folder / "0.png"):
        np.testing.assert_array_equal(read(what).images[0, ..., 0], image)


def test_smaller_images_are_padded_and_lists_may_have_several_sizes():
    images = make_small_images()
    padded = read([images[0], images[1][2:10, 3:9]]).images[..., 0]
    np.testing.assert_array_equal(padded[0], images[0])
    np.testing.assert_array_equal(padded[1][2:10, 3:9], images[1][2:10, 3:9])
    assert padded[1].sum() == images[1][2:10, 3:9].sum()


@pytest.mark.parametrize(
    ("what", "words"),
    [
        (np.zeros((2, SIDE, SIDE, 3), np.uint8), "expected images with 1 channel, as in training, found 3"),
        (np.zeros((2, 14, SIDE), np.uint8), "at most 12 pixels a side, the largest in training, found 14x12"),
        (np.full((2, SIDE, SIDE), np.nan), "found NaN or infinity in images/00000"),
        (make_small_images() / 100, "as in training, found float32 from 0"),
        (np.zeros((0, SIDE, SIDE), np.uint8), "at least one image"),
        ([], "expected images of shape"),
        (None, "found NoneType"),
        (np.array(["a"]), "found ndarray of type <U1"),
        ([np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.float32)], "of one type and number of channels"),
        ("/nowhere/at/all", "found no such file or folder"),
        (["/nowhere/a.png"], "no such file"),
        (np.zeros((2, 1, SIDE, SIDE), np.uint8), "move the channels last"),
    ],
)
def test_what_cannot_be_used_is_one_line(what, words):
    with pytest.raises(InputError) as error:
        read(what)
    assert words in str(error.value) and "\n" not in str(error.value)


def test_an_empty_folder_and_damaged_files_are_refused(tmp_path):
    with pytest.raises(InputError, match="found none"):
        read(tmp_path)
    (tmp_path / "a.png").write_bytes(b"x")
    with pytest.raises(InputError, match="readable"):
        read(tmp_path)


def test_an_array_that_could_be_rows_of_pixels_is_said_to_be_one_image():
    with pytest.warns(UserWarning, match=r"one image of 5x10 pixels; give several as \(n, h, w\)"):
        assert len(read(make_small_images()[0, :5, :10]).ids) == 1
