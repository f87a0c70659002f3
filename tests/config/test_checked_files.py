"""Test that damage to JSON and npz files is noticed, whatever byte it is."""

import json

import numpy as np
import pytest

from irl_inr_jax.config.checked_files import (
    DamagedFile,
    read_arrays,
    read_json,
    replace_file,
    write_arrays,
    write_in_one_step,
    write_json,
)

CONTENT = {"name": "ü", "values": [1, 2.5, None, True, float("inf")], "data": {"path": "/a", "seed": 3}}
ARRAYS = {
    "id": np.array(["a", "ü"]),
    "z": np.arange(6.0, dtype=np.float32).reshape(2, 3),
    "empty": np.zeros((0, 2), np.int32),
    "params/a": np.asfortranarray(np.arange(4).reshape(2, 2)),
    "fact": np.array('{"x": 1}'),
}


def damages(content, rng, count):
    """Yield `count` copies with one bit flipped, then some with 64 zeros, and some that are cut."""
    for number in range(count):
        place, damaged = int(rng.integers(len(content))), bytearray(content)
        if number % 5 == 3:
            damaged[place : place + 64] = bytes(len(damaged[place : place + 64]))
        elif number % 5 == 4:
            damaged = damaged[:place]
        else:
            damaged[place] ^= 1 << int(rng.integers(8))
        yield bytes(damaged)


def test_json_is_read_back_and_may_be_of_an_earlier_version(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, CONTENT)
    assert read_json(path) == CONTENT and json.loads(path.read_text()).keys() == {"checksum", *CONTENT}
    path.write_text(json.dumps(CONTENT))
    assert read_json(path) == CONTENT
    write_json(path, CONTENT)
    path.write_text("".join(line for line in path.read_text().splitlines(True) if "checksum" not in line))
    assert read_json(path) == CONTENT
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "b.json")


def test_damaged_json_is_refused_or_equal(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, CONTENT)
    whole, noticed = path.read_bytes(), 0
    for damaged in damages(whole, np.random.default_rng(0), 300):
        path.write_bytes(damaged)
        try:
            found = read_json(path)
        except DamagedFile:
            noticed += 1
        else:  # white space, or the name of the entry `checksum`
            assert {name: value for name, value in found.items() if name in CONTENT} == CONTENT
    assert noticed > 200


def test_keys_outside_the_checksum_may_be_edited(tmp_path):
    path, unchecked = tmp_path / "a.json", [("data", "path"), ("none", "x")]
    write_json(path, CONTENT, unchecked=unchecked)
    path.write_text(path.read_text().replace('"/a"', '"/b"'))
    assert read_json(path, unchecked=unchecked)["data"] == {"path": "/b", "seed": 3}
    path.write_text(path.read_text().replace("3", "4"))
    with pytest.raises(DamagedFile):
        read_json(path, unchecked=unchecked)


def test_arrays_are_read_back_and_may_be_of_an_earlier_version(tmp_path):
    write_arrays(tmp_path / "a.npz", ARRAYS)
    np.savez(tmp_path / "b.npz", **ARRAYS)
    for name in ("a.npz", "b.npz"):
        found = read_arrays(tmp_path / name)
        assert found.keys() == ARRAYS.keys()
        for key, array in ARRAYS.items():
            assert found[key].dtype == array.dtype
            np.testing.assert_array_equal(found[key], array)
    with pytest.raises(FileNotFoundError):
        read_arrays(tmp_path / "c.npz")
    with pytest.raises(TypeError, match="array of references"):
        write_arrays(tmp_path / "d.npz", {"a": np.array([None])})


def test_damaged_arrays_are_refused_or_equal(tmp_path):
    path = tmp_path / "a.npz"
    write_arrays(path, ARRAYS)
    whole, noticed = path.read_bytes(), 0
    for damaged in damages(whole, np.random.default_rng(0), 600):
        path.write_bytes(damaged)
        try:
            found = read_arrays(path)
        except DamagedFile:
            noticed += 1
        else:  # fields of the archive that say nothing about the arrays, such as dates
            assert found.keys() == ARRAYS.keys()
            assert all(np.array_equal(found[name], array) for name, array in ARRAYS.items())
    assert noticed > 300


def test_an_array_that_is_missing_is_noticed(tmp_path):
    path = tmp_path / "a.npz"
    write_arrays(path, ARRAYS)
    arrays = dict(np.load(path))
    np.savez(path, **{name: array for name, array in arrays.items() if name != "z"})
    with pytest.raises(DamagedFile, match="checksum"):
        read_arrays(path)


def test_an_error_leaves_the_earlier_file_alone(tmp_path):
    path = tmp_path / "a.txt"
    write_in_one_step(path, "before")
    with pytest.raises(OSError, match="full"), replace_file(path) as partial:
        partial.write_text("half")
        raise OSError("full")
    assert path.read_text() == "before" and list(tmp_path.iterdir()) == [path]


def test_two_that_write_a_file_at_once_write_to_different_ones(tmp_path):
    path = tmp_path / "a.txt"
    with replace_file(path) as first:
        first.write_text("first, ")
        with replace_file(path) as second:
            second.write_text("second")
        with first.open("a") as file:
            file.write("to the end")
        assert path.read_text() == "second"
    assert path.read_text() == "first, to the end" and list(tmp_path.iterdir()) == [path]
