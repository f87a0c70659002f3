import numpy as np
import pytest

from irl_inr_jax.data.readers.npz_contents import open_archive, read_member, read_npz_labels
from irl_inr_jax.types import InputError


def test_arrays_are_read_on_request(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.arange(3), y=np.array([{}], dtype=object))
    with open_archive(tmp_path / "a.npz", "here") as archive:
        assert read_member(archive, "x", "here").tolist() == [0, 1, 2]
        with pytest.raises(InputError, match=r"^here: expected an \.npz file of plain arrays, found Python objects"):
            read_member(archive, "y", "here")


def test_labels_are_the_requested_or_the_only_array(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, x=np.arange(3))
    assert read_npz_labels(path, "labels", requested=False, name="here").tolist() == [0, 1, 2]
    with pytest.raises(InputError, match=r"here: expected an array 'labels', found \['x'\]"):
        read_npz_labels(path, "labels", requested=True, name="here")
    np.savez(path, x=np.arange(3), labels=np.ones(3))
    assert read_npz_labels(path, "labels", requested=False, name="here").tolist() == [1, 1, 1]
