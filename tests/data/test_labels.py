import numpy as np
import pytest

from irl_inr_jax.data.labels import encode_labels, find_class
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


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.array([0.5, 1.0]), r"integers or strings, found shape \(2,\) and type float64"),
        (np.eye(3, dtype=int), r"found shape \(3, 3\)"),
        (np.array([True, False]), "type bool"),
    ],
)
def test_other_labels_are_an_error(labels, message):
    with pytest.raises(InputError, match=message):
        encode_labels([labels], source="x")


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
