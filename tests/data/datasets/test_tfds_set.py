import io
import json
import shutil
import sys

import numpy as np
import pytest
from PIL import Image

from irl_inr_jax.data.datasets import TFDS_KEYS, make_dataset
from irl_inr_jax.data.datasets.tfds_set import read_tfds_set
from irl_inr_jax.types import InputError

LENGTHS = {"train": 6, "validation": 2, "test": 3}


def make_image(number, *, deep, varying):
    """Return a small image that is unique for its number."""
    pixels = np.arange((4 + varying * number) * 5).reshape(-1, 5) % 200 + number
    return (pixels * (300 if deep else 1)).astype(np.uint16 if deep else np.uint8)


def as_png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    file.seek(0)
    return file


@pytest.fixture(scope="session")
def prepare(tmp_path_factory):
    """prepare(name, features(tfds), example(number), lengths): prepare a set as array_record; return its folder."""
    import tensorflow_datasets as tfds

    tfds.disable_progress_bar()

    def prepare_it(set_name, features, example, lengths=LENGTHS):
        class Prepared(tfds.core.GeneratorBasedBuilder, skip_registration=True):
            name = set_name
            VERSION = tfds.core.Version("1.2.0")

            def _info(self):
                return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features(tfds)))

            def _split_generators(self, downloads):
                return {split: self._generate_examples(number) for split, number in lengths.items()}

            def _generate_examples(self, count):
                for number in range(count):
                    yield number, example(number)

        root = tmp_path_factory.mktemp("tfds")
        Prepared(data_dir=root, file_format="array_record").download_and_prepare()
        return root

    return prepare_it


@pytest.fixture(scope="session")
def plain_set(prepare):
    """Images of one size in three splits, a class, a number and a text each."""
    return prepare(
        "plain",
        lambda tfds: {
            "image": tfds.features.Image(shape=(4, 5, 1)),
            "label": tfds.features.ClassLabel(names=["wide", "narrow"]),
            "weight": np.float32,
            "note": tfds.features.Text(),
            "number": np.int64,
            "box": tfds.features.Tensor(shape=(4,), dtype=np.float32),
        },
        lambda number: {
            "image": as_png(make_image(number, deep=False, varying=False)),
            "label": number % 2 if number != 5 else -1,
            "weight": number / 2,
            "note": f"n{number}",
            "number": number,
            "box": np.ones(4, np.float32),
        },
    )


@pytest.fixture(scope="session")
def deep_set(prepare):
    """16-bit images of different sizes, a Tensor that could also be an image, and two ClassLabels."""
    return prepare(
        "deep",
        lambda tfds: {
            "image": tfds.features.Image(shape=(None, None, 1), dtype=np.uint16),
            "map": tfds.features.Tensor(shape=(3, 2), dtype=np.float32),
            "label_shape": tfds.features.ClassLabel(num_classes=12),
            "label_size": tfds.features.ClassLabel(names=["small", "large"]),
            "number": np.int64,
        },
        lambda number: {
            "image": as_png(make_image(number, deep=True, varying=True)),
            "map": np.full((3, 2), number, np.float32),
            "label_shape": 11 - number,
            "label_size": number % 2,
            "number": number,
        },
        {"train": 4, "extra": 2},
    )


@pytest.fixture
def use(data, monkeypatch, tmp_path):
    """use(name, root, **keys): return config.data for a set, with no other folder of sets configured."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)

    def use_it(name, root, **keys):
        data.update(name=name, root=str(root), **keys)
        return data

    return use_it


@pytest.fixture
def copied_set(plain_set, tmp_path):
    """A copy of `plain_set` that a test may damage."""
    return shutil.copytree(plain_set, tmp_path / "copy")


def test_train_and_test_splits_with_labels_and_columns(plain_set, use):
    source = read_tfds_set(use("tfds:plain", plain_set))
    assert source.ids[0] == "plain/train/000000" and source.ids[-1] == "plain/test/000002"
    np.testing.assert_array_equal(source.test, [False] * 6 + [True] * 3)
    assert set(source.columns) == {"weight", "note", "number"}
    numbers = source.columns["number"]
    assert sorted(numbers[:6]) == list(range(6)) and sorted(numbers[6:]) == [0, 1, 2]
    assert list(source.labels) == [["wide", "narrow"][n % 2] if n != 5 else "" for n in numbers]
    assert list(source.columns["note"]) == [f"n{n}" for n in numbers]
    np.testing.assert_array_equal(source.columns["weight"], numbers / 2)
    rows = np.array([8, 0, 3, 7])
    expected = [make_image(n, deep=False, varying=False) for n in numbers[rows]]
    np.testing.assert_array_equal(source.read(rows)[..., 0], expected)
    assert (source.sizes == (4, 5)).all() and source.sizes.shape == (9, 2) and source.dtype == np.uint8
    assert "tensorflow" not in sys.modules


def test_16_bit_images_of_different_sizes_and_other_splits(deep_set, use):
    source = read_tfds_set(use("tfds:deep", deep_set, images_key="image"))
    numbers = source.columns["number"]
    assert list(source.columns["split"]) == ["train"] * 4 + ["extra"] * 2 and source.test is None
    assert source.dtype == np.uint16 and source.channels == 1
    images = source.read(np.arange(6))
    for image, size, number in zip(images, source.sizes, numbers, strict=True):
        np.testing.assert_array_equal(image[..., 0], make_image(number, deep=True, varying=True))
        assert image.dtype == np.uint16 and image.shape == (*size, 1)
    assert max(image.max() for image in images) > 255
    assert source.labels is None
    np.testing.assert_array_equal(source.columns["label_shape"], 11 - numbers)
    chosen = read_tfds_set(use("tfds:deep", deep_set, label_column="label_shape"))
    np.testing.assert_array_equal(chosen.labels, 11 - numbers)
    assert "label_shape" not in chosen.columns and "label_size" in chosen.columns


def test_tensor_feature_as_image(deep_set, use):
    source = read_tfds_set(use("tfds:deep", deep_set, images_key="map"))
    images = source.read(np.array([5, 0]))
    assert images.shape == (2, 3, 2, 1) and images.dtype == np.float32 == source.dtype
    np.testing.assert_array_equal(images[:, 0, 0, 0], source.columns["number"][[5, 0]])


def test_ambiguous_or_unsuitable_features_are_errors(deep_set, plain_set, use):
    with pytest.raises(InputError, match=r"one feature of images .*found image and map among .*data\.images_key"):
        read_tfds_set(use("tfds:deep", deep_set))
    use("tfds:plain", plain_set, images_key="images")
    with pytest.raises(InputError, match=r"label_column: expected one of .*note.*; found 'labl'"):
        read_tfds_set(use("tfds:plain", plain_set, label_column="labl"))
    with pytest.raises(InputError, match=r"expected classes, integers or texts as labels, found .* in weight"):
        read_tfds_set(use("tfds:plain", plain_set, label_column="weight"))


def test_versions_and_configurations(copied_set, use):
    folder = copied_set / "plain"
    shutil.copytree(folder / "1.2.0", folder / "1.10.0")
    assert "1.10.0" in read_tfds_set(use("tfds:plain", copied_set)).name
    assert "1.2.0" in read_tfds_set(use("tfds:plain:1.2.0", copied_set)).name
    for config in ("small", "large"):
        shutil.copytree(folder / "1.2.0", folder / config / "1.2.0")
    assert "large" in read_tfds_set(use("tfds:plain/large", copied_set)).name
    with pytest.raises(InputError, match=r"expected one of tfds:plain, tfds:plain/large, tfds:plain/small; found"):
        read_tfds_set(use("tfds:plain", copied_set))


def test_missing_set_is_an_error_with_a_remedy(plain_set, use, tmp_path):
    for name in ("tfds:mnist", "tfds:", "tfds:plain:3.0.0", "tfds:plain/other"):
        with pytest.raises(InputError, match=r"found plain/1\.2\.0 and no .*file_format='array_record'") as caught:
            read_tfds_set(use(name, plain_set))
        assert "\n" not in str(caught.value) and str(plain_set) in str(caught.value)
    with pytest.raises(InputError, match="found none and no 'plain'"):
        read_tfds_set(use("tfds:plain", tmp_path / "nowhere"))


def test_default_folder_is_searched_too(plain_set, use, tmp_path):
    shutil.copytree(plain_set, tmp_path / "tensorflow_datasets")
    assert len(read_tfds_set(use("tfds:plain", tmp_path / "nowhere")).ids) == 9


def test_other_formats_and_damaged_sets_are_errors(copied_set, use):
    folder = copied_set / "plain/1.2.0"
    info = json.loads((folder / "dataset_info.json").read_text())
    (folder / "dataset_info.json").write_text(json.dumps({**info, "fileFormat": "tfrecord"}))
    with pytest.raises(InputError, match=r"prepared as array_record.* found tfrecord; prepare it"):
        read_tfds_set(use("tfds:plain", copied_set))
    (folder / "dataset_info.json").write_text("{")
    with pytest.raises(InputError, match="found one that cannot be opened"):
        read_tfds_set(use("tfds:plain", copied_set))


def test_the_data_set_has_the_published_classes_and_test_split(plain_set, use):
    data = use("tfds:plain", plain_set)
    dataset = make_dataset(data)
    assert dataset.class_names == ("narrow", "wide") and len(dataset.test.ids) == 3
    assert "train and test (without validation)" in dataset.description and dataset.train.images.shape == (6, 5, 5, 1)


def test_every_key_is_used_or_refused(deep_set, use, check_every_key):
    data = use("tfds:deep", deep_set, images_key="image", label_column="label_size")
    changes = {
        "images_key": ("map", {}),
        "label_column": ("label_shape", {}),
        "num_test": (1, {"test_fraction": 0.4}),
        "seed": (3, {"num_train": 3}),
    }
    check_every_key(data, TFDS_KEYS, changes)
