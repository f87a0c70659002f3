from pathlib import Path

from irl_inr_jax.data.readers.named_arrays import check_labels_key, has_named_arrays, unread_note


def test_labels_key_names_an_array_of_either_file(data):
    data.update(labels_key="y", labels_path="l.h5")
    check_labels_key(data, Path("a.h5"))
    assert has_named_arrays("L.NPZ") and not has_named_arrays("l.npy") and not has_named_arrays("")


def test_a_note_names_a_bounded_number_of_arrays():
    assert unread_note([], "arrays", Path("a.npz")) == ()
    (note,) = unread_note([f"x{number}" for number in range(20)], "arrays", Path("lots/a.npz"))
    assert note.startswith("arrays of a.npz that are not read: x0, x1,") and note.endswith("x11 and 8 more")
