from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from irl_inr_jax.data.readers.files_source import source_of_files
from irl_inr_jax.types import InputError, Pose

RNG = np.random.default_rng(0)


@pytest.fixture
def write(tmp_path):
    """write(name, shape, dtype): write a random image to tmp_path and return it as an array (h, w, c)."""

    def write(name, shape=(5, 7), dtype=np.uint8):
        pixels = RNG.integers(0, np.iinfo(dtype).max, shape).astype(dtype)
        if name.endswith(".npy"):
            np.save(tmp_path / name, pixels)
        else:
            Image.fromarray(pixels).save(tmp_path / name)
        return pixels.reshape(*shape[:2], -1)

    return write


@pytest.fixture
def read(data, tmp_path):
    def read(names, known=None, **keys):
        data.update(**keys)
        return source_of_files("config.data.path (here)", tmp_path, names, data=data, **(known or {}))

    return read


def test_images_of_one_size_are_an_array(write, read):
    written = {name: write(name) for name in ("b.png", "a.png", "c.bmp")}
    source = read(list(written))
    assert source.ids.tolist() == list(written) and source.channels == 1 and source.dtype == np.uint8
    assert source.skipped == () and source.labels is None and source.columns == {}
    images = source.read(np.array([2, 0, 2]))
    assert isinstance(images, np.ndarray)
    np.testing.assert_array_equal(images, np.stack([written[name] for name in ("c.bmp", "b.png", "c.bmp")]))
    assert source.read(np.array([], np.int64)).shape == (0, 5, 7, 1)


def test_images_of_different_sizes_are_a_list(write, read):
    shapes = [(5, 7), (9, 2), (1, 1)]
    written = [write(f"{row}.png", shape) for row, shape in enumerate(shapes)]
    source = read(["0.png", "1.png", "2.png"])
    assert source.sizes.tolist() == [list(shape) for shape in shapes]
    for image, row in zip(source.read(np.array([1, 2, 1])), (1, 2, 1), strict=True):
        np.testing.assert_array_equal(image, written[row])


@pytest.mark.parametrize("same_size", [True, False])
def test_streamed_images_equal_those_in_memory(write, read, same_size, tmp_path):
    names = [f"{row}.png" for row in range(6)]
    for row, name in enumerate(names):
        write(name, (5, 7 if same_size else 7 + row, *([3] if row % 2 else [])))
    in_memory, streamed = read(names, memory_mb=1), read(names, memory_mb=0)
    assert streamed.channels == 3
    rows = np.array([4, 0, 5, 4])
    for image, expected in zip(streamed.read(rows), in_memory.read(rows), strict=True):
        np.testing.assert_array_equal(image, expected)
    (tmp_path / "5.png").unlink()
    in_memory.read(rows)
    with pytest.raises(InputError, match=r"expected a readable image in .*5\.png, found none \(no such file\)"):
        streamed.read(rows)
    write("4.png", (2, 2))
    with pytest.raises(InputError, match=r"expected 4\.png unchanged, 5x.*found an image of shape \(2, 2, 1\)"):
        streamed.read(np.array([4]))


@pytest.mark.parametrize("memory_mb", [1, 0])
def test_concurrent_reads(write, read, memory_mb):
    written = [write(f"{row}.png") for row in range(8)]
    source = read([f"{row}.png" for row in range(8)], memory_mb=memory_mb)
    with ThreadPoolExecutor(4) as pool:
        results = pool.map(lambda row: source.read(np.array([row, 7 - row])), np.tile(np.arange(8), 3))
        for number, images in enumerate(results):
            row = number % 8
            np.testing.assert_array_equal(images, np.stack([written[row], written[7 - row]]))


def test_incompatible_channels_and_types_are_errors(write, read):
    write("grey.png"), write("rgb.png", (5, 7, 3)), write("five.npy", (5, 7, 5)), write("two.npy", (5, 7, 2))
    assert read(["five.npy"]).channels == 5
    with pytest.raises(InputError, match=r"greyscale and RGB, found 1 channels in grey\.png and 5 in five\.npy"):
        read(["grey.png", "rgb.png", "five.npy"])
    with pytest.raises(InputError, match=r"found 2 channels in two\.npy and 3 in rgb\.png"):
        read(["two.npy", "rgb.png"])
    write("deep.npy", (5, 7), np.uint16)
    with pytest.raises(InputError, match=r"images of one type, found uint8 in grey\.png and uint16 in deep\.npy; save"):
        read(["grey.png", "rgb.png", "deep.npy"])


@pytest.fixture
def ten_files(write, tmp_path):
    """Names of ten files, of which 3.png is empty, 5.png is truncated, 7.png is text and 8.png is missing."""
    names = [f"{row}.png" for row in range(10)]
    for name in names:
        write(name, (30, 30))
    (tmp_path / "3.png").write_bytes(b"")
    (tmp_path / "5.png").write_bytes((tmp_path / "5.png").read_bytes()[:300])
    (tmp_path / "7.png").write_text("hello")
    (tmp_path / "8.png").unlink()
    return names


@pytest.mark.parametrize("memory_mb", [1, 0])
def test_unreadable_files_are_skipped_with_their_labels_columns_and_poses(ten_files, read, capsys, memory_mb):
    rows = np.arange(10)
    known = {
        "ids": [f"id{row}" for row in rows],
        "labels": rows * 2,
        "columns": {"lot": rows.astype(str)},
        "test": rows % 2 == 0,
        "pose": Pose(theta=rows / 10, tau=np.stack([rows, rows], 1)),
    }
    source = read(ten_files, known, max_unreadable=0.4, memory_mb=memory_mb)
    readable = [0, 1, 2, 4, 6, 9]
    assert source.ids.tolist() == [f"id{row}" for row in readable]
    assert source.labels.tolist() == [row * 2 for row in readable]
    assert source.columns["lot"].tolist() == [str(row) for row in readable]
    assert source.test.tolist() == [row % 2 == 0 for row in readable]
    np.testing.assert_array_equal(source.pose.tau[:, 1], readable)
    np.testing.assert_array_equal(source.read(np.array([4]))[0], read(["6.png"]).read(np.array([0]))[0])
    assert [line.split(":")[0] for line in source.skipped] == ["id3", "id5", "id7", "id8"]
    assert source.skipped[0] == "id3: an empty file" and source.skipped[3] == "id8: no such file"
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1
    assert "skipped 4 of 10 files, which are unreadable (id3: an empty file; id5" in printed


def test_more_unreadable_files_than_the_share_are_an_error(ten_files, read):
    message = r"at most 3 unreadable files of 10, found 4 \(3\.png: an empty file; .*max_unreadable=0\.4$"
    with pytest.raises(InputError, match=message):
        read(ten_files, max_unreadable=0.39)
    with pytest.raises(InputError, match="at most 0 unreadable files of 10"):
        read(ten_files, max_unreadable=0.01)
    with pytest.raises(InputError, match="expected readable images, found none in 2 files"):
        read(["3.png", "8.png"], max_unreadable=1.0)
    with pytest.raises(InputError, match="found none in 0 files"):
        read([])
    with pytest.raises(InputError, match=r"config\.data\.max_unreadable: expected a share in \[0, 1\], found 2"):
        read(ten_files, max_unreadable=2.0)


def test_share_is_robust_to_rounding(read, write):
    names = [f"{row}.png" for row in range(100)]
    for name in names[29:]:
        write(name, (2, 2))
    source = read(names, max_unreadable=0.29)
    assert len(source.ids) == 71 and len(source.skipped) == 29


def test_message_names_the_first_five_files(read, write):
    write("a.png")
    with pytest.raises(InputError, match=r"\(0: no such file; .*4: no such file; and 3 more\)"):
        read(["a.png", *map(str, range(8))])


def test_each_image_names_the_file_it_was_read_from(write, read, tmp_path):
    for name in ("a.png", "c.png"):
        write(name)
    (tmp_path / "b.png").write_bytes(b"damaged")
    source = read(["a.png", "b.png", "c.png"], max_unreadable=0.5)
    assert source.files.tolist() == [str(tmp_path / name) for name in ("a.png", "c.png")] and source.pages is None
