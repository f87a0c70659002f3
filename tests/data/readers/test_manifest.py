"""The second start of a folder of many files reads only the files that are new or changed."""

import os

import numpy as np
import pytest
from PIL import Image

from irl_inr_jax.data.readers import files_source, manifest
from irl_inr_jax.data.readers.files_source import source_of_files
from irl_inr_jax.data.readers.image_files import read_image

NAMES = [f"{row}.png" for row in range(6)]


@pytest.fixture
def write(tmp_path):
    """write(name, seed): write a random image of 5 x 7 pixels and return it as an array (h, w, c)."""

    def write(name, seed, shape=(5, 7)):
        pixels = np.random.default_rng(seed).integers(0, 255, shape).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / name)
        return pixels[:, :, None]

    return write


@pytest.fixture
def start(data, tmp_path, monkeypatch):
    """start(names, memory_mb): the images of the files, and the names of those that were decoded."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(manifest, "MIN_FILES", 1)
    decoded = []

    def record(file):
        decoded.append(file.name)
        return read_image(file)

    monkeypatch.setattr(files_source, "read_image", record)

    def start(names=NAMES, memory_mb=1, **keys):
        data.update(memory_mb=memory_mb, **keys)
        decoded.clear()
        source = source_of_files("config.data.path (here)", tmp_path, names, data=data, is_kept=True)
        scanned = sorted(decoded)
        return source, list(source.read(np.arange(len(source.ids)))), scanned

    return start


def check(images, expected):
    assert len(images) == len(expected)
    for image, pixels in zip(images, expected, strict=True):
        np.testing.assert_array_equal(image, pixels)


@pytest.mark.parametrize("memory_mb", [1, 0])
@pytest.mark.parametrize("is_same_size", [True, False])
def test_a_second_start_decodes_nothing_and_has_the_same_images(start, write, memory_mb, is_same_size):
    expected = [write(name, row, (5, 7 if is_same_size else 5 + row)) for row, name in enumerate(NAMES)]
    first, images, decoded = start(memory_mb=memory_mb)
    check(images, expected)
    assert decoded == NAMES
    second, images, decoded = start(memory_mb=memory_mb)
    check(images, expected)
    assert decoded == []
    np.testing.assert_array_equal(first.sizes, second.sizes)
    assert first.dtype == second.dtype == np.uint8


def test_changed_added_and_removed_files_are_noticed(start, write, tmp_path):
    expected = {name: write(name, row) for row, name in enumerate(NAMES)}
    start()
    times = (tmp_path / "2.png").stat()
    expected["2.png"] = write("2.png", 70)
    os.utime(tmp_path / "2.png", ns=(times.st_atime_ns, times.st_mtime_ns))  # as by rsync --times
    expected["6.png"] = write("6.png", 71)
    del expected["4.png"]
    _, images, decoded = start(list(expected))
    check(images, list(expected.values()))
    assert decoded == ["2.png", "6.png"]
    assert start(list(expected))[2] == []


def test_pixels_that_were_not_kept_are_decoded_again(start, write):
    expected = [write(name, row) for row, name in enumerate(NAMES)]
    start(memory_mb=0)
    _, images, decoded = start(memory_mb=1)
    check(images, expected)
    assert decoded == NAMES


def test_unreadable_files_are_tried_at_every_start(start, write, tmp_path):
    for row, name in enumerate(NAMES):
        write(name, row)
    (tmp_path / "3.png").write_bytes(b"no image")
    for expected in (NAMES, ["3.png"]):
        source, _, decoded = start(max_unreadable=0.5)
        assert decoded == expected and len(source.ids) == 5 and len(source.skipped) == 1


def test_a_damaged_manifest_is_ignored(start, write, tmp_path):
    expected = [write(name, row) for row, name in enumerate(NAMES)]
    start()
    (path,) = (tmp_path / "cache").rglob("*.npz")
    whole = path.read_bytes()
    damages = [whole[: len(whole) // 2], b"", *(_flip(whole, at, at % 8) for at in range(0, len(whole), 61))]
    for damaged in damages:
        path.write_bytes(damaged)
        check(start()[1], expected)


def _flip(content, position, bit):
    return content[:position] + bytes([content[position] ^ 1 << bit]) + content[position + 1 :]


def test_no_bit_of_the_zip_format_gives_a_traceback(start, write, tmp_path):
    expected = [write(name, row) for row, name in enumerate(NAMES)]
    start()
    (path,) = (tmp_path / "cache").rglob("*.npz")
    whole = path.read_bytes()
    flags = [at + 8 for at in range(len(whole) - 4) if whole[at : at + 4] == b"PK\x01\x02"]  # encrypted, among others
    for at in flags:
        path.write_bytes(_flip(whole, at, 0))
        check(start()[1], expected)


def test_a_cache_that_cannot_be_written_costs_a_line(start, write, tmp_path, caplog):
    expected = [write(name, row) for row, name in enumerate(NAMES)]
    (tmp_path / "cache").write_text("a file where the folder would be")
    check(start()[1], expected)
    assert "the next start reads all files again" in caplog.text


def test_the_oldest_manifests_are_removed(start, write, tmp_path, monkeypatch):
    for row, name in enumerate(NAMES):
        write(name, row)
    folder = tmp_path / "cache" / "irl_inr_jax" / "manifests"
    folder.mkdir(parents=True)
    for name, seconds in (("old", 100), ("newer", 200)):
        (folder / f"{name}.npz").write_bytes(bytes(10_000))
        os.utime(folder / f"{name}.npz", (seconds, seconds))
    monkeypatch.setattr(manifest, "MAX_FOLDER_BYTES", 19_000)
    start()
    left = {path.name for path in folder.iterdir()}
    assert "old.npz" not in left and "newer.npz" in left and len(left) == 2
