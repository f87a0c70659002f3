import numpy as np
import pytest

from irl_inr_jax.data.labels import encode_labels, find_class, flatten_labels, to_labels, to_text
from irl_inr_jax.types import InputError


@pytest.mark.parametrize(
    "labels",
    [
        np.array([30, -2, 7, 7, 30]),
        np.array([200, 3, 3], np.uint8),
        np.array(["wolf", "ant", "bee", "ant"]),
        np.array([b"wolf", b"ant"]),
    ],
)
def test_classes_are_consecutive_ordered_and_named_by_their_value(labels):
    (codes,), names = encode_labels([labels], source="x")
    values = [value.decode() if isinstance(value, bytes) else value for value in np.asarray(labels).tolist()]
    assert codes.dtype == np.int32 and set(codes) == set(range(len(names)))
    assert [names[code] for code in codes] == [str(value) for value in values]
    assert list(names) == [str(value) for value in sorted(set(values))]


def test_splits_share_their_classes_and_one_may_have_no_labels():
    (train, test), names = encode_labels([np.array(["b", "a"]), np.array(["c", "a"])], source="x")
    assert names == ("a", "b", "c") and list(train) == [1, 0] and list(test) == [2, 0]
    (train, test), names = encode_labels([np.array([4, 2]), None], source="x")
    assert names == ("2", "4") and list(train) == [1, 0] and test is None
    assert encode_labels([None, None], source="x") == ([None, None], ())


@pytest.mark.parametrize("shape", [(6,), (6, 1), (1, 6), (6, 1, 1)])
@pytest.mark.parametrize("dtype", ["u1", ">i4", "f8", "f2", "U2", "S2", "O"])
def test_one_label_per_image_in_every_shape_and_type(shape, dtype):
    values = [3, 1, 3, 10, 1, 1]
    written = np.array([str(v) for v in values] if dtype == "O" else values).astype(dtype).reshape(shape)
    labels = flatten_labels(written, 6, "x")
    assert labels.dtype.kind == ("i" if np.dtype(dtype).kind in "uif" else "U")
    assert labels.tolist() == (values if labels.dtype.kind == "i" else [str(v) for v in values])


@pytest.mark.parametrize("dtype", ["u1", "f4", "?"])
def test_one_column_per_class(dtype):
    classes = np.array([2, 0, 1, 2, 2])
    one_hot = np.eye(3)[classes].astype(dtype)
    assert flatten_labels(one_hot, 5, "x").tolist() == flatten_labels(one_hot.T, 5, "x").tolist() == classes.tolist()
    assert flatten_labels(np.eye(4, k=0)[[1, 0, 3, 2]], 4, "x").tolist() == [1, 0, 3, 2]


def test_images_in_several_classes_are_labelled_by_the_set():
    several = np.array([[1, 0, 1], [0, 0, 0], [0, 1, 0], [1, 0, 1]])
    assert flatten_labels(several, 4, "x").tolist() == ["0+2", "none", "1", "0+2"]


def test_values_of_labels():
    assert to_labels(np.array([1.0, np.nan, 3.0]), "here").tolist() == [1, -1, 3]
    assert to_labels(np.array([" a", "", "a  "]), "here").tolist() == ["a", "", "a"]
    assert to_labels(np.array([True, False]), "here").tolist() == ["True", "False"]
    large = np.array([2**64 - 1, 2**64 - 2], np.uint64)
    assert to_labels(large, "here").tolist() == [str(2**64 - 1), str(2**64 - 2)]
    assert to_labels(np.array([7, 2**63 - 1], np.uint64), "here").tolist() == [7, 2**63 - 1]
    assert to_text(np.array(["ä".encode()]), "here").tolist() == ["ä"]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.array([0.5, 1.0, np.nan]), "integers or strings as labels, found 0.5"),
        (np.array([1e19, 2e19, 0]), r"integers or strings as labels, found 1e\+19"),
        (np.array([np.inf, 1, 0]), "integers or strings as labels, found inf"),
        (np.array([1j, 0, 0]), "integers or strings as labels, found the type complex128"),
        (np.array([{}, 1, "a"], object), "integers or strings as labels, found the type object"),
        (np.array(["ä".encode("latin-1")] * 3), "text in UTF-8"),
        (np.arange(4), "one label for each of the 3 images, found 4"),
        (np.array(0), r"3 images, found an array of shape \(\)"),
        (np.full((3, 2), 0.5), r"3 images, found an array of shape \(3, 2\)"),
        (np.zeros((3, 2)), r"3 images, found an array of shape \(3, 2\)"),
        (np.ones((2, 2)), r"3 images, found an array of shape \(2, 2\)"),
    ],
)
def test_other_labels_are_an_error(labels, message):
    with pytest.raises(InputError, match=message):
        flatten_labels(labels, 3, "x")
    with pytest.raises(InputError, match="x: "):
        encode_labels([np.eye(3)], source="x")


def test_numbers_in_one_split_and_strings_in_the_other_are_an_error():
    with pytest.raises(InputError, match="numbers or strings as labels of both splits"):
        encode_labels([np.array([1, 2]), np.array(["1", "2"])], source="x")


@pytest.mark.parametrize(
    ("wanted", "names", "found"),
    [
        (9, ("3", "7", "9"), 2),
        ("7", ("3", "7", "9"), 1),
        (-1, ("-1", "0"), 0),
        ("Bag", ("Coat", "Bag"), 1),
        (1, ("Coat", "Bag"), 1),
    ],
)
def test_a_class_is_found_by_its_name_or_number(wanted, names, found):
    assert find_class(wanted, names) == found


@pytest.mark.parametrize(("wanted", "names"), [(0, ("3", "7")), (2, ("a", "b")), (-1, ("a", "b")), ("c", ("a", "b"))])
def test_an_unknown_class_is_an_error_with_the_known_ones(wanted, names):
    with pytest.raises(InputError, match=rf"exclude_classes: expected classes among {', '.join(names)}; found"):
        find_class(wanted, names)


def test_excluding_a_class_without_labels_is_an_error():
    with pytest.raises(InputError, match="no labels"):
        find_class(1, ())
