"""Names and colours of classes."""

import numpy as np

from irl_inr_jax.report.figures.classes import add_unlabelled_class, choose_colours, name_classes


def test_twenty_colours_differ_visibly_and_then_repeat():
    colours = choose_colours(21)
    distances = np.linalg.norm(colours[:20, None] - colours[None, :20], axis=-1) + np.eye(20)
    assert distances.min() > 0.15
    np.testing.assert_array_equal(colours[20], colours[0])


def test_long_names_are_cut_and_unnamed_classes_are_numbered():
    names = name_classes(["short", "a name of more than twenty-two letters"], 3)
    assert names == ["short", "a name of more than t…", "2"]


def test_images_without_a_label_become_an_additional_class():
    labels, names = add_unlabelled_class(np.array([1, -1, 0]), ("a", "b"))
    np.testing.assert_array_equal(labels, [1, 2, 0])
    assert names == ("a", "b", "no label")
    assert add_unlabelled_class(None, ("a",)) == (None, ("a",))
