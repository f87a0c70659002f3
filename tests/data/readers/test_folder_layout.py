import pytest

from irl_inr_jax.data.readers.folder_layout import find_layout, find_split_word
from irl_inr_jax.types import InputError


def layout(*names):
    """Return ({name: (class, is_test)}, notes)."""
    found = find_layout(names, "here")
    labels = [None] * len(found.rows) if found.labels is None else found.labels.tolist()
    test = [False] * len(found.rows) if found.test is None else found.test.tolist()
    return {names[row]: known for row, *known in zip(found.rows, labels, test, strict=True)}, found.notes


def tree(*folders, classes=("cat", "dog")):
    return [f"{folder}/{label}/{number}.png" for folder in folders for label in classes for number in range(2)]


@pytest.mark.parametrize("folder", ["train", "Training", "seg_train", "training_set", "TRAIN2017", "train-images"])
def test_names_of_splits(folder):
    assert find_split_word(folder) == "train"
    assert find_split_word(folder.lower().replace("training", "test").replace("train", "test")) == "test"
    assert find_split_word("constrained") is find_split_word("train_station") is find_split_word("images") is None


@pytest.mark.parametrize(
    "train, val, test",
    [
        ("train", "val", "test"),
        ("Training", None, "Testing"),
        ("train", "valid", None),
        ("TRAIN", None, None),
        ("chest_xray/train", "chest_xray/val", "chest_xray/test"),
        ("seg_train/seg_train", None, "seg_test/seg_test"),
        ("data/train/images", "data/val/images", "data/test/images"),
        ("train/train", "train/validation", "train/test"),
    ],
)
def test_classes_are_below_splits_and_validation_is_left_out(train, val, test):
    names = tree(*(folder for folder in (train, val, test) if folder))
    found, notes = layout(*names)
    expected = {
        name: [name.split("/")[-2], test is not None and name.startswith(f"{test}/")]
        for name in names
        if val is None or not name.startswith(f"{val}/")
    }
    assert found == expected
    assert any("4 images of the validation split" in note for note in notes) == (val is not None)


def test_splits_below_classes():
    names = [f"{label}/{split}/1.png" for label in ("bee", "ant") for split in ("train", "test", "val")]
    found, notes = layout(*names)
    assert found == {name: [name[:3], "test" in name] for name in names if "val" not in name}
    assert notes == ("2 images of the validation split val are not used",)


def test_folders_around_all_images_are_skipped():
    for outer in ("images", "archive/images", "test", "val"):
        found, _ = layout(*tree(outer))
        assert set(map(tuple, found.values())) == {("cat", False), ("dog", False)}
    assert layout(*tree("images"))[1] == ("folders in images/ are the classes or splits",)
    assert layout("cat/1.png", "cat/lot/2.png")[0] == {"cat/1.png": ["cat", False], "cat/lot/2.png": ["cat", False]}


def test_a_split_without_class_folders_has_no_labels():
    assert layout("train/1.png", "test/1.png")[0] == {"train/1.png": [None, False], "test/1.png": [None, True]}
    assert layout("train/1.png", "train/2.png")[0] == {"train/1.png": [None, False], "train/2.png": [None, False]}


def test_a_stray_image_is_named():
    found, notes = layout("cat/1.png", "dog/2.png", "stray.png")
    assert {label for label, _ in found.values()} == {None}
    assert notes == ("no classes, since stray.png is in no folder of a class",)


def test_one_folder_named_as_a_split_is_a_class():
    names = ["bus/1.png", "train/2.png", "car/3.png"]
    assert layout(*names)[0] == {name: [name.split("/")[0], False] for name in names}


@pytest.mark.parametrize(
    "names, found",
    [
        (tree("train", "test", "extra"), "test, train beside extra"),
        (tree("train", "holdout"), "train beside holdout"),
        ([*tree("train", "test"), "sample.png"], "test, train beside sample.png"),
        (tree("train_fold0", "test_fold0", "train_fold1"), "test_fold0, train_fold0, train_fold1"),
        (["A/train/1.png", "A/test/1.png", "B/1.png"], "test, train beside 1.png"),
        (["A/x/train/1.png", "A/y/test/1.png", "B/x/train/1.png"], "test, train"),
    ],
)
def test_splits_beside_other_folders_are_an_error(names, found):
    with pytest.raises(InputError, match=f"^here: expected folders of classes, or .*, found {found}; move the others"):
        find_layout(names, "here")


def test_splits_without_training_images_are_an_error():
    with pytest.raises(InputError, match="expected training images beside those in test, val, found none"):
        find_layout(tree("test", "val"), "here")
