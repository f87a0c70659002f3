"""File names from ids."""

import string

from hypothesis import given, settings
from hypothesis import strategies as st

from irl_inr_jax.report.file_names import make_file_names


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=12), min_size=1, max_size=30))
def test_names_of_any_ids_are_safe_and_unique(ids):
    names = make_file_names(ids, [".png"] * len(ids))
    assert len({name.casefold() for name in names}) == len(ids)
    for name in names:
        assert name.endswith(".png") and 4 < len(name.encode()) < 255
        assert not set(name) & set('/\\:*?"<>|\0\n') and not name.startswith((".", " "))


def test_plain_ids_stay_readable_and_letters_of_all_scripts_stay():
    ids = ["lot/7/wafer 12.png", "Zelle_ä/β–1.png", "細胞/1.png", "a.tif"]
    names = make_file_names(ids, [".png"] * 4)
    assert names == ["lot_7_wafer 12.png", "Zelle_ä_β_1.png", "細胞_1.png", "a.tif.png"]


def test_names_that_become_equal_are_numbered():
    ids = ["a/b", "a_b", "A:b", "a_b_2", "..", ""]
    assert make_file_names(ids, [".png"] * 6) == [
        "a_b.png",
        "a_b_2.png",
        "A_b_3.png",
        "a_b_2_2.png",
        "image.png",
        "image_2.png",
    ]


def test_reserved_and_long_names_are_changed():
    names = make_file_names(["con", "COM1.txt", "ü" * 400], [".png"] * 3)
    assert names[:2] == ["_con.png", "_COM1.txt.png"] and len(names[2].encode()) <= 184
    assert not set(names[0]) - set(string.printable)
