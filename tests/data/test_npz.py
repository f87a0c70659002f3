import numpy as np
import pytest

from irl_inr_jax.data import make_dataset
from irl_inr_jax.types import InputError

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (12, 6, 6), dtype=np.uint8)


@pytest.fixture
def make(data, tmp_path):
    def make_it(arrays=None, **keys):
        path = tmp_path / "mine.npz"
        if arrays is not None:
            np.savez_compressed(path, **arrays)
        data.update(name="npz", path=str(path))
        data.update(**keys)
        return make_dataset(data)

    return make_it


def test_images_alone(make):
    dataset = make({"images": IMAGES})
    np.testing.assert_array_equal(dataset.train.images[..., 0], IMAGES)
    assert dataset.test is None and dataset.train.labels is None and dataset.train.pose is None
    assert dataset.class_names == () and dataset.train.ids[7] == "images/00007"


def test_everything_there_can_be(make):
    ids = np.array([f"lot{row}" for row in range(12)])
    dataset = make(
        {
            "images": IMAGES,
            "labels": np.array([5, 2, 9] * 4),
            "ids": ids,
            "images_test": IMAGES[:3],
            "labels_test": np.array([2, 2, 7]),
            "ids_test": np.arange(3),
            "notes": np.array("kept out"),
        }
    )
    assert dataset.class_names == ("2", "5", "7", "9")
    assert list(dataset.train.labels[:3]) == [1, 0, 3] and list(dataset.test.labels) == [0, 0, 2]
    assert list(dataset.train.ids) == list(ids) and list(dataset.test.ids) == ["0", "1", "2"]


def test_ids_name_the_row_also_after_images_were_left_out(make):
    arrays = {"images": IMAGES, "labels": np.array(["a", "b", "c"] * 4)}
    dataset = make(arrays, exclude_classes=("b",), num_train=5)
    assert dataset.class_names == ("a", "c") and len(dataset.train.ids) == 5
    for image, name, label in zip(dataset.train.images, dataset.train.ids, dataset.train.labels, strict=True):
        row = int(name.removeprefix("images/"))
        np.testing.assert_array_equal(image[..., 0], IMAGES[row])
        assert dataset.class_names[label] == "abc"[row % 3]


def test_a_canvas_borders_the_images(make):
    images = make({"images": IMAGES}, canvas=10).train.images
    np.testing.assert_array_equal(images[:, 2:8, 2:8, 0], IMAGES)
    assert images.shape == (12, 10, 10, 1) and images.sum() == IMAGES.sum()
    with pytest.raises(InputError, match=r"config\.data\.canvas: expected 0 or at least 6"):
        make(canvas=5)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": IMAGES, "arr": IMAGES}, r"an array called 'images' in .*mine\.npz, found \['arr', 'x'\]"),
        ({"images": np.array(3)}, r"images: expected images of shape .*found an array of shape \(\)"),
        ({"images": IMAGES[0]}, r"found an array of shape \(6, 6\)"),
        ({"images": np.array([None, {}], object)}, "found Python objects at"),
        ({"images": IMAGES, "labels": np.array([None] * 12, object)}, "found Python objects at"),
        ({"images": IMAGES, "labels": np.zeros(11, int)}, "one label for each of the 12 images, found 11"),
        ({"images": IMAGES, "labels": np.zeros(12)}, "whole numbers or strings, found .*float64"),
        ({"images": IMAGES / np.nan}, "NaN or infinity in 12 of 12 images, first in images/00000"),
        ({"images": IMAGES * 0}, "found 0 at every pixel"),
        ({"images": IMAGES, "images_test": IMAGES[:, :3, :3]}, "expected test images like the training images"),
    ],
)
def test_arrays_that_are_no_data_set_are_errors(make, arrays, message):
    with pytest.raises(InputError, match=message) as caught:
        make(arrays)
    assert str(caught.value).startswith("config.data.path") and "\n" not in str(caught.value)


def test_damaged_and_other_files_are_errors(make, tmp_path):
    path = tmp_path / "mine.npz"
    with pytest.raises(InputError, match="found nothing at"):
        make()
    with pytest.raises(InputError, match="found a folder at"):
        make(path=str(tmp_path))
    np.savez(path, images=IMAGES)
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[300] ^= 0xFF
    for content, message in [
        (b"", "another kind of file or one that is cut short"),
        (b"not an archive", "another kind of file or one that is cut short"),
        (whole[: len(whole) // 2], "another kind of file or one that is cut short"),
        (bytes(flipped), "found a damaged one at"),
    ]:
        path.write_bytes(content)
        with pytest.raises(InputError, match=message) as caught:
            make(path=str(path))
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    with path.open("wb") as file:
        np.save(file, IMAGES)
    with pytest.raises(InputError, match="another kind of file"):
        make()


def test_shifts_are_not_ours_to_make(make):
    with pytest.raises(InputError, match="translation_px: expected 0, as npz is not shifted"):
        make({"images": IMAGES}, translation_px=1.0)
