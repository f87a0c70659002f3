import pathlib

import numpy as np
import pytest

from irl_inr_jax.data.array_cache import open_cached_array
from irl_inr_jax.types import InputError

ARRAY = np.arange(24, dtype=np.uint8).reshape(4, 3, 2)


@pytest.fixture
def open_array(tmp_path):
    """open_array(): ARRAY by way of `tmp_path`/folder/a.npy; `open_array.calls` counts how often it was unpacked."""

    def blocks():
        open_it.calls += 1
        yield ARRAY[:2].tobytes()
        yield ARRAY[2:].tobytes()

    def open_it(shape=ARRAY.shape):
        return open_cached_array(tmp_path / "folder", "a.npy", shape, blocks, content="the numbers")

    open_it.calls = 0
    return open_it


def test_the_array_is_written_once_and_mapped(open_array, tmp_path, log):
    for _ in range(2):
        array = open_array()
        np.testing.assert_array_equal(array, ARRAY)
        assert isinstance(array, np.memmap)
    assert open_array.calls == 1 and log.messages == [f"Unpacking the numbers once: 0 MB to {tmp_path}/folder/a.npy"]
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["a.npy"]


def test_a_file_of_another_shape_or_an_incomplete_one_is_replaced(open_array, tmp_path):
    (tmp_path / "folder").mkdir()
    for content in (np.zeros((4, 3), np.uint8), ARRAY.astype(np.uint16)):
        np.save(tmp_path / "folder" / "a.npy", content)
        np.testing.assert_array_equal(open_array(), ARRAY)
    whole = (tmp_path / "folder" / "a.npy").read_bytes()
    (tmp_path / "folder" / "a.npy").write_bytes(whole[:-3])
    np.testing.assert_array_equal(open_array(), ARRAY)
    assert open_array.calls == 3


def test_an_array_that_is_unpacked_twice_at_once_is_complete_in_both(open_array, tmp_path):
    def blocks():
        yield ARRAY[:2].tobytes()
        np.testing.assert_array_equal(open_array(), ARRAY)  # another thread, from start to end
        yield ARRAY[2:].tobytes()

    array = open_cached_array(tmp_path / "folder", "a.npy", ARRAY.shape, blocks, content="the numbers")
    np.testing.assert_array_equal(array, ARRAY)
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["a.npy"]


def test_an_error_while_unpacking_leaves_no_file(tmp_path):
    def blocks():
        yield ARRAY[:2].tobytes()
        raise InputError("damaged")

    with pytest.raises(InputError, match="damaged"):
        open_cached_array(tmp_path, "a.npy", ARRAY.shape, blocks, content="the numbers")
    assert list(tmp_path.iterdir()) == []


def test_a_read_only_folder_falls_back_to_the_users_cache(open_array, tmp_path, monkeypatch, log):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    opened = pathlib.Path.open

    def refuse(path, mode="r", **options):
        if path.parent == tmp_path / "folder" and "w" in mode:
            raise PermissionError(13, "Permission denied")
        return opened(path, mode, **options)

    monkeypatch.setattr(pathlib.Path, "open", refuse)
    for _ in range(2):
        np.testing.assert_array_equal(open_array(), ARRAY)
    assert open_array.calls == 1 and log.text.count(str(tmp_path / "cache/irl_inr_jax")) == 1
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(InputError, match=r"expected 0 MB of writable space .*Permission denied.*set XDG_CACHE_HOME"):
        open_array()
