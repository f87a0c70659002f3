import dataclasses

import numpy as np
import pytest

from irl_inr_jax.config import base
from irl_inr_jax.data.assembly import assemble_dataset, check_when_read, make_fit, split_source
from irl_inr_jax.data.batches import stream_batches
from irl_inr_jax.data.lazy import LazyImages
from irl_inr_jax.data.source import Source, array_source, split_by_bytes
from irl_inr_jax.data.subsets import sample_size
from irl_inr_jax.types import InputError, Pose

RNG = np.random.default_rng(0)
IMAGES = np.where(np.arange(64).reshape(8, 8) % 9 == 0, 0, RNG.integers(1, 256, (60, 8, 8))).astype(np.uint8)
IMAGES[:, [0, -1]] = 0
IMAGES[:, :, [0, -1]] = 0
IDS = np.array([f"i{row}" for row in range(60)])


@pytest.fixture
def make(data):
    """make(source, **keys): the data set for these keys of config.data."""

    def make_it(source, **keys):
        data.update(name="images", **keys)
        return assemble_dataset(data, source)

    return make_it


def source_of(images=IMAGES, ids=IDS, **known):
    return array_source("config.data.path (x)", images, ids, **known)


def test_images_keep_their_pixels_ids_labels_columns_and_poses_together(make):
    rows = np.arange(60)
    pose = Pose(theta=rows.astype(np.float32), tau=np.stack([rows, rows], 1).astype(np.float32))
    source = source_of(labels=rows % 3, columns={"lot": rows * 10}, pose=pose)
    dataset = make(source, test_fraction=0.25, num_train=20)
    for part in (dataset.train, dataset.test):
        found = np.array([int(name[1:]) for name in part.ids])
        np.testing.assert_array_equal(part.images[..., 0], IMAGES[found])
        np.testing.assert_array_equal(part.labels, found % 3)
        np.testing.assert_array_equal(part.columns["lot"], found * 10)
        np.testing.assert_array_equal(part.pose.theta, found)
    assert len(dataset.train.ids) == 20 and len(dataset.test.ids) == 15
    assert not set(dataset.train.ids) & set(dataset.test.ids)


def test_images_above_memory_mb_are_streamed_and_equal(make):
    source = source_of(labels=np.arange(60) % 2)
    here, there = make(source, test_fraction=0.2), make(source, memory_mb=0)
    assert isinstance(there.train.images, LazyImages) and isinstance(there.test.images, LazyImages)
    for part, other in ((here.train, there.train), (here.test, there.test)):
        np.testing.assert_array_equal(part.images, other.images[:])
        np.testing.assert_array_equal(part.ids, other.ids)
    assert here.scaling == there.scaling
    assert there.notes == (*here.notes, "0 MB of images, streamed from disk")


def test_only_images_that_take_part_are_read(make):
    read = []

    def spy(rows):
        read.extend(rows.tolist())
        return IMAGES[rows][..., None]

    sizes = np.full((60, 2), 8)
    source = Source("x", IDS, sizes, 1, np.dtype(np.uint8), spy, labels=np.arange(60) % 3)
    dataset = make(source, exclude_classes=(0,), background="0")
    assert {row % 3 for row in read} == {1, 2} and sorted(read) == sorted(set(read))
    assert dataset.class_names == ("1", "2")


def test_classes_can_be_limited_in_number_and_size(make):
    labels = np.repeat(["a", "b", "c"], [30, 10, 20])
    dataset = make(source_of(labels=labels), num_classes=2, class_images=(12, 5))
    assert dataset.class_names == ("a", "c")
    assert np.bincount(dataset.train.labels).tolist() == [12, 12]
    assert np.bincount(dataset.test.labels).tolist() == [5, 5]
    few = make(source_of(labels=labels), num_classes=0, class_images=(8, 5))
    assert np.bincount(few.test.labels).tolist() == [5, 2, 5]
    split = make(source_of(labels=labels, test=np.arange(60) % 2 == 0), class_images=(4, 3))
    assert np.bincount(split.train.labels).tolist() == [4] * 3 and np.bincount(split.test.labels).tolist() == [3] * 3
    assert make(source_of(labels=labels, test=np.arange(60) % 2 == 0), class_images=(4, 0)).test is None
    with pytest.raises(InputError, match=r"num_classes: expected 0 or at most 3, the number of classes, found 4"):
        make(source_of(labels=labels), class_images=(), num_classes=4)
    with pytest.raises(InputError, match=r"class_images: expected .* for images with labels, found .* and no labels"):
        make(source_of(), num_classes=0, class_images=(2, 2))


def test_images_without_a_label_are_kept_and_belong_to_no_class(make):
    dataset = make(source_of(labels=np.array(["", "cat", "dog"])[np.arange(60) % 3]))
    assert dataset.class_names == ("cat", "dog")
    np.testing.assert_array_equal(dataset.train.labels, np.arange(60) % 3 - 1)
    assert make(source_of(labels=np.full(60, ""))).train.labels is None


def test_background_of_any_brightness_becomes_0(make):
    paper = make(source_of(255 - IMAGES))
    assert paper.scaling.scale < 0 and 255 * paper.scaling.scale + paper.scaling.offset == pytest.approx(0)
    signed = make(source_of(IMAGES.astype(np.float32) * np.where(np.arange(60) % 2, 1, -1)[:, None, None]))
    assert signed.scaling.low == -1 and signed.scaling.offset == pytest.approx(0)


def test_a_known_translation_shrinks_with_the_padding(make):
    pose = Pose(theta=np.zeros(60, np.float32), tau=np.full((60, 2), 0.5, np.float32))
    assert (make(source_of(pose=pose)).train.pose.tau == 0.5).all()
    assert (make(source_of(pose=pose), canvas=16).train.pose.tau == 0.25).all()


def test_classes_and_background_may_be_given_by_the_source(make):
    labels = np.arange(60) % 2
    source = source_of(labels=labels, class_names=("wide", "narrow", "absent"), background=9.0)
    dataset = make(source)
    assert dataset.class_names == ("wide", "narrow", "absent")
    np.testing.assert_array_equal(dataset.train.labels, labels)
    assert 9 * dataset.scaling.scale + dataset.scaling.offset == pytest.approx(0)
    assert make(source, background="3").scaling.offset == pytest.approx(-3 * 1 / 252)


def test_black_and_white_become_0_and_1(make):
    is_bright = IMAGES > 128
    dataset = make(source_of(is_bright))
    np.testing.assert_array_equal(dataset.train.images[..., 0], is_bright.astype(np.uint8))
    assert dataset.train.images.dtype == np.uint8 and dataset.scaling[:3] == (1, 0, 0)


def test_the_published_split_is_kept(make):
    test = np.arange(60) >= 50
    dataset = make(source_of(test=test))
    assert list(dataset.test.ids) == list(IDS[50:])
    with pytest.raises(InputError, match="expected training images, found all 60 in the test split"):
        make(source_of(test=np.ones(60, bool)))


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"canvas": 7}, r"config\.data\.canvas: expected 0 or at least 8 for the 8x8 pixels of i0, found 7; .*resize"),
        (
            {"same_scale": False},
            r"config\.data\.same_scale: expected .* with False, which makes each image .* found resize 0 and canvas 0",
        ),
        ({"background": "white"}, r"config\.data\.background: expected auto, image or a number, found 'white'"),
    ],
)
def test_invalid_options_are_errors(make, keys, message):
    with pytest.raises(InputError, match=message):
        make(source_of(), **keys)


def test_repeated_ids_wrong_labels_and_nan_are_errors(make):
    with pytest.raises(InputError, match=r"unique ids, found 'i3' more than once"):
        make(source_of(ids=np.array([*IDS[:-1], "i3"])))
    with pytest.raises(InputError, match=r"one label for each of the 60 images"):
        make(source_of(labels=np.zeros(59, int)))
    holes = IMAGES.astype(np.float32)
    holes[4, 2, 2] = np.nan
    with pytest.raises(InputError, match=r"NaN or infinity in 1 of 60 images, first in i4"):
        make(source_of(holes))


def test_values_that_are_not_finite_are_found_when_a_streamed_image_is_read(make):
    images = IMAGES.astype(np.float32)
    images[4, 3, 3] = np.nan
    with pytest.raises(InputError, match=r"\(x\): expected finite numbers, found NaN or infinity in i4; replace the"):
        make(source_of(images), memory_mb=0)  # the image is in the sample
    clean = source_of(IMAGES.astype(np.float32))
    is_bad = (np.arange(60) == 4)[:, None, None, None]
    broken = dataclasses.replace(clean, read=lambda rows: np.where(is_bad[rows], np.float32(np.inf), clean.read(rows)))
    data = base.get_config().data
    part = check_when_read(split_source(data, broken, make_fit(data, clean))[0], broken).images.take(
        np.array([7, 4, 9])
    )
    np.testing.assert_array_equal(part[np.array([0, 2])][..., 0], IMAGES[[7, 9]])
    with pytest.raises(InputError, match="found NaN or infinity in i4"):
        next(stream_batches(part, seed=0, batch_size=3, start=0, stop=1))


def test_one_long_image_among_small_ones_is_an_error(make):
    sizes = np.full((60, 2), 8, np.int32)
    sizes[7] = 3, 20_000
    with pytest.raises(
        InputError, match=r"found 20000 pixels in i7 and 8 in most, .* squares of 400 MB; leave .*same_scale=False and"
    ):
        make(dataclasses.replace(source_of(), sizes=sizes))


def test_few_bytes_are_read_at_once(make, monkeypatch):
    images, read = source_of(), []
    source = dataclasses.replace(images, read=lambda rows: read.append(len(rows)) or images.read(rows))
    expected = make(source, resize=4).train.images
    assert max(read) == 60
    read.clear()
    monkeypatch.setattr("irl_inr_jax.data.source.CHUNK_BYTES", 10 * 64)
    np.testing.assert_array_equal(make(source, resize=4).train.images, expected)
    assert max(read) == 10
    sizes = np.full((60, 2), 8, np.int32)
    assert [len(part) for part in split_by_bytes(source, np.arange(25))] == [10, 10, 5]
    sizes[3] = 100, 100
    parts = split_by_bytes(dataclasses.replace(source, sizes=sizes), np.arange(20))
    assert [part.tolist() for part in parts] == [[0, 1, 2], [3], list(range(4, 14)), list(range(14, 20))]
    assert [len(part) for part in split_by_bytes(source, np.arange(12), side=16)] == [2] * 6


def test_the_sample_of_large_images_is_small():
    assert sample_size(1000, 512) == 512 and sample_size(5_000_000, 1000) == 100 and sample_size(10**9, 1000) == 20


def test_masked_boxes_are_background_in_every_image(make):
    mask = (1, 2, 3, 4, 6, 6, 0, 7)
    dataset = make(source_of(), mask=mask)
    expected = IMAGES.copy()
    expected[:, 1:3, 3:5] = expected[:, 6] = 0
    np.testing.assert_array_equal(dataset.train.images[..., 0], expected)
    assert "background in 2 masked boxes" in dataset.notes[0] and IMAGES[:, 6].any()
    np.testing.assert_array_equal(make(source_of(), mask=mask, memory_mb=0).train.images[:][..., 0], expected)
    with pytest.raises(InputError, match=r"config\.data\.mask: expected rows and columns from 0 to 7, found 8"):
        make(source_of(), mask=(1, 8, 0, 1))


@pytest.mark.parametrize("same_scale", [True, False])
def test_a_stray_category_does_not_rescale_maps_that_are_resized(make, same_scale):
    maps = np.zeros((30, 40, 40), np.uint8)
    maps[:, 8:32, 8:32] = 1
    maps[:, 12:20, 12:30] = 2
    keys = {"resize": 20, "same_scale": same_scale}
    expected = make(source_of(maps, IDS[:30]), **keys).scaling
    maps[0, 20:22, 20:22] = 9
    scaling = make(source_of(maps, IDS[:30]), **keys).scaling
    assert expected.scale == 1 / 2 and scaling[:3] == expected[:3] and "without 1 pixel" in scaling.description
