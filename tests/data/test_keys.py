import pytest

from irl_inr_jax.data.keys import check_paths, is_requested
from irl_inr_jax.types import InputError


def test_a_key_is_requested_if_it_differs_from_its_default(data):
    assert not is_requested(data, "labels_key")
    data.labels_key = "y"
    assert is_requested(data, "labels_key") and not is_requested(data, "images_key")


@pytest.mark.parametrize("key", ["root", "path", "labels_path"])
def test_paths_that_no_file_can_have_are_errors(data, key):
    check_paths(data)
    for path, message in [
        ("~nosuchuser/a", "the home of a user who does not exist"),
        ("lots/" + "ä" * 128 + "/a.npy", "a name of 256 bytes in 'lots/ä"),
        ("a\0b", "a zero byte"),
    ]:
        data[key] = path
        with pytest.raises(InputError, match=rf"^config\.data\.{key}: expected a path.*, found .*{message}"):
            check_paths(data)
    data[key] = "lots/" + "ä" * 127 + "/*.png"
    check_paths(data)
