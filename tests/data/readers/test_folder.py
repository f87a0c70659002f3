import os

import numpy as np
import pytest
from PIL import Image

from irl_inr_jax.data.assembly import assemble_dataset
from irl_inr_jax.data.readers.folder import read_folder
from irl_inr_jax.types import InputError

RNG = np.random.default_rng(0)


@pytest.fixture
def write(tmp_path):
    """write(relative path, array): write an image file below tmp_path/images, by default a small random grey one."""

    def write_it(name, pixels=None):
        pixels = RNG.integers(1, 256, (6, 6), dtype=np.uint8) if pixels is None else pixels
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
        return pixels

    return write_it


@pytest.fixture
def make(data, tmp_path):
    """make(**keys): return the Dataset assembled from the folder tmp_path/images."""

    def make_it(**keys):
        data.update(path=str(tmp_path / "images"))
        data.update(**keys)
        return assemble_dataset(data, read_folder(data))

    return make_it


@pytest.fixture
def read(data, tmp_path):
    """read(path): return the Source of a folder or pattern below tmp_path/images."""

    def read_it(path=""):
        data.path = str(tmp_path / "images" / path)
        return read_folder(data)

    return read_it


def test_images_without_subfolders_have_no_labels(write, make):
    names = ["b.png", "a.bmp", "c.PNG", "a10.png", "a9.png"]
    written = {name: write(name) for name in names}
    dataset = make()
    assert list(dataset.train.ids) == sorted(names) and dataset.train.labels is None and dataset.class_names == ()
    for name, image in zip(dataset.train.ids, dataset.train.images, strict=True):
        np.testing.assert_array_equal(image[..., 0], written[name])


def test_top_level_subfolders_are_classes(write, make):
    for name in ("wolf/1.png", "ant/lot7/2.png", "ant/1.png", "bee/1.png"):
        write(name)
    dataset = make()
    assert list(dataset.train.ids) == ["ant/1.png", "ant/lot7/2.png", "bee/1.png", "wolf/1.png"]
    assert [dataset.class_names[label] for label in dataset.train.labels] == ["ant", "ant", "bee", "wolf"]
    assert make(exclude_classes=("bee",)).class_names == ("ant", "wolf")
    write("stray.png")
    assert make(exclude_classes=()).train.labels is None


def test_train_and_test_folders_are_splits_with_subfolders_as_classes(write, make):
    for name in ("train/b/1.png", "train/a/1.png", "train/a/2.png", "test/b/1.png", "test/c/1.png"):
        write(name)
    dataset = make()
    assert list(dataset.train.ids) == ["train/a/1.png", "train/a/2.png", "train/b/1.png"]
    assert list(dataset.test.ids) == ["test/b/1.png", "test/c/1.png"]
    assert dataset.class_names == ("a", "b", "c")
    assert list(dataset.train.labels) == [0, 0, 1] and list(dataset.test.labels) == [1, 2]


def test_train_and_test_without_subfolders_have_no_labels(write, make):
    write("train/1.png"), write("test/1.png")
    dataset = make()
    assert dataset.train.labels is None and dataset.test.labels is None and len(dataset.test.ids) == 1


def test_split_folders_beside_others_are_an_error(write, make):
    for name in ("train/1.png", "test/1.png", "tram/1.png"):
        write(name)
    with pytest.raises(InputError, match=r"images in folders train, val and test, found test, train beside tram"):
        make()


def test_other_endings_are_counted_and_named(write, make, read, tmp_path):
    write("a/1.png")
    for name in ("a/2.heic", "a/3.HEIC", "labels.csv", "a/LICENSE"):
        (tmp_path / "images" / name).touch()
    assert "not read: 2 files ending in .heic, 1 in no extension, 1 in .csv" in make().notes
    with pytest.raises(InputError, match=r"a pattern that matches .*, found 2 files ending in \.heic; \*\*"):
        read("a/*.[hH]*")
    (tmp_path / "images/a/1.png").unlink()
    with pytest.raises(InputError, match=r"in .*images, found 2 files ending in \.heic, "):
        read()


def test_validation_split_is_left_out_and_named(write, make):
    for name in ("train/b/1.png", "train/a/1.png", "val/b/2.png", "val/b/3.png", "test/a/4.png"):
        write(name)
    dataset = make()
    assert list(dataset.train.ids) == ["train/a/1.png", "train/b/1.png"] and list(dataset.test.ids) == ["test/a/4.png"]
    assert dataset.class_names == ("a", "b")
    assert "2 images of the validation split val are not used" in dataset.notes


def test_names_that_are_not_utf8_become_readable_ids(write, make, tmp_path):
    write("plain/1.png")
    folder = os.fsencode(str(tmp_path / "images")) + b"/Chaetoc\xe9ros"
    os.mkdir(folder)
    (tmp_path / "images/plain/1.png").rename(os.fsdecode(folder + b"/\xe9.png"))
    write("plain/2.png")
    dataset = make()
    assert list(dataset.train.ids) == [r"Chaetoc\xe9ros/\xe9.png", "plain/2.png"]
    assert dataset.class_names == (r"Chaetoc\xe9ros", "plain")
    assert all(name.encode() for name in (*dataset.train.ids, *dataset.class_names))


def test_a_pipe_is_an_unreadable_file(write, make, tmp_path):
    write("1.png")
    os.mkfifo(tmp_path / "images/2.png")
    with pytest.raises(InputError, match=r"found 1 \(2\.png: a pipe or a device\)"):
        make()
    assert make(max_unreadable=0.5).skipped == ("2.png: a pipe or a device",)


def test_hidden_and_other_files_are_skipped(write, make, tmp_path):
    write("a/1.png"), write("a/.hidden.png"), write(".cache/1.png"), write("a/.deep/1.png")
    (tmp_path / "images/notes.txt").write_text("hello")
    assert list(make().train.ids) == ["a/1.png"]


def test_smaller_images_are_centred_in_the_square_of_the_largest(write, make):
    small = write("a.png", RNG.integers(1, 256, (4, 6), dtype=np.uint8))
    large = write("b.png", RNG.integers(1, 256, (8, 10), dtype=np.uint8))
    images = make(background="0").train.images[..., 0]
    assert images.shape == (2, 10, 10)
    np.testing.assert_array_equal(images[0, 3:7, 2:8], small)
    np.testing.assert_array_equal(images[1, 1:9], large)
    assert images.sum() == small.sum(dtype=int) + large.sum(dtype=int)
    np.testing.assert_array_equal(make(canvas=14).train.images[:, 2:12, 2:12, 0], images)
    with pytest.raises(InputError, match=r"config\.data\.canvas: expected 0 or at least 10 for .*b\.png, found 9"):
        make(canvas=9)


def test_one_rgb_image_makes_all_images_rgb(write, make):
    grey = write("a.png")
    assert make().train.images.shape[-1] == 1
    colour = write("b.png", RNG.integers(0, 256, (6, 6, 3), dtype=np.uint8))
    images = make().train.images
    np.testing.assert_array_equal(images[0], np.repeat(grey[:, :, None], 3, 2))
    np.testing.assert_array_equal(images[1], colour)


def test_16_bits_are_kept_and_not_mixed_with_8_bits(write, make):
    deep = write("a.png", RNG.integers(0, 65536, (6, 6), dtype=np.uint16))
    dataset = make()
    np.testing.assert_array_equal(dataset.train.images[0, :, :, 0], deep)
    write("b.png")
    with pytest.raises(InputError, match=r"one type, found uint16 in a\.png and uint8 in b\.png"):
        make()


def test_message_names_an_unreadable_file(write, make, tmp_path):
    write("a/1.png")
    (tmp_path / "images/a/2.png").touch()
    with pytest.raises(InputError, match=r"at most 0 unreadable files of 2, found 1 \(a/2\.png: an empty file\)"):
        make()


def test_folder_without_images_is_an_error(read, tmp_path):
    for _ in range(2):
        with pytest.raises(InputError, match=r"expected files ending in \.png, \.jpg, .* in .*images, found none"):
            read()
        (tmp_path / "images").mkdir(exist_ok=True)


def test_class_of_one_image(write, read):
    for name in ("ant/1.png", "bee/1.png", "bee/2.png"):
        write(name)
    source = read()
    assert source.labels.tolist() == ["ant", "bee", "bee"] and source.test is None


def test_one_split_without_classes(write, read):
    for name in ("train/ant/1.png", "train/bee/1.png", "test/1.png", "test/ant/2.png"):
        write(name)
    source = read()
    assert dict(zip(source.ids, source.labels, strict=True)) == {
        "test/1.png": "",
        "test/ant/2.png": "",
        "train/ant/1.png": "ant",
        "train/bee/1.png": "bee",
    }
    assert source.test.tolist() == [True, True, False, False]


def test_pattern_selects_matching_files(write, read):
    for name in ("lot1/ant/1.png", "lot1/ant/1.bmp", "lot1/bee/2.png", "lot2/ant/3.png", "lot2/.hidden/4.png", "5.png"):
        write(name)
    for pattern, expected in [
        ("**/*.png", ["5.png", "lot1/ant/1.png", "lot1/bee/2.png", "lot2/ant/3.png"]),
        ("*/*/*.png", ["lot1/ant/1.png", "lot1/bee/2.png", "lot2/ant/3.png"]),
        ("lot1/**/*", ["ant/1.bmp", "ant/1.png", "bee/2.png"]),
        ("lot?/ant/*.png", ["lot1/ant/1.png", "lot2/ant/3.png"]),
        ("lot1/ant/1.[pq]ng", ["1.png"]),
    ]:
        source = read(pattern)
        assert source.ids.tolist() == expected
        folders = [name.split("/")[0] for name in expected if "/" in name]
        assert source.labels is None if len(folders) < len(expected) else source.labels.tolist() == folders
    with pytest.raises(InputError, match=r"expected a pattern that matches files ending in .*, found no match; \*\*"):
        read("**/*.tif")


def test_pattern_with_train_and_test_folders(write, read):
    for name in ("train/ant/1.png", "test/bee/1.png", "val/bee/1.png"):
        write(name)
    source = read("t*/**/*.png")
    assert source.ids.tolist() == ["test/bee/1.png", "train/ant/1.png"]
    assert source.labels.tolist() == ["bee", "ant"] and source.test.tolist() == [True, False]


def test_existing_folder_with_brackets_in_its_name_is_not_a_pattern(write, read):
    write("lot[1]/ant/1.png"), write("lot[1]/2.png")
    assert read("lot[1]").ids.tolist() == ["2.png", "ant/1.png"]
