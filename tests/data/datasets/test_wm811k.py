"""WM811k from its two files to a data set: reading, storing, sampling and stretching."""

import os

import numpy as np
import pytest

from irl_inr_jax.data.datasets import make_dataset, wm811k
from irl_inr_jax.data.datasets.lswmd import WaferMaps
from irl_inr_jax.data.datasets.wm811k import (
    CLASS_CAP,
    LEVELS,
    PAPER_TEST,
    PAPER_TRAIN,
    PICKLE,
    STORE,
    make_wafer_source,
    read_store,
    read_wafers,
    sample_wafers,
    write_store,
)
from irl_inr_jax.data.resize import resize_image
from irl_inr_jax.types import InputError

# Of the published file; of None those of its training part.
COUNTS = {
    "Center": 4294,
    "Donut": 555,
    "Edge-Loc": 5189,
    "Edge-Ring": 9680,
    "Loc": 3593,
    "Near-full": 149,
    "None": 36730,
    "Random": 866,
    "Scratch": 1193,
}


def make_wafers(num_wafers=24, split=True):
    rng = np.random.default_rng(0)
    shape = rng.integers(5, 40, (num_wafers, 2)).astype(np.int16)
    columns = {"lotName": np.array([f"lot{row}" for row in range(num_wafers)])}
    if split:
        columns["trianTestLabel"] = np.array(["Training", "Test", "Training"] * num_wafers)[:num_wafers]
    return WaferMaps(
        flat=rng.integers(0, 3, int(shape.astype(int).prod(1).sum())).astype(np.uint8),
        shape=shape,
        labels=np.array(["None", "Scratch", "Donut", "None"] * num_wafers)[:num_wafers],
        rows=np.arange(num_wafers) * 7 + 3,
        columns=columns,
    )


def make_full(data):
    data.name = "wm811k_full"
    return make_dataset(data)


def map_of(wafers, number):
    sizes = wafers.shape.astype(int).prod(1)
    return wafers.flat[sizes[:number].sum() :][: sizes[number]].reshape(wafers.shape[number])


def assert_same(one, other):
    for name in ("flat", "shape", "labels", "rows"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert one.columns.keys() == other.columns.keys()
    for name, values in one.columns.items():
        np.testing.assert_array_equal(values, other.columns[name])


@pytest.fixture
def root(data, tmp_path):
    data.update(name="wm811k", root=str(tmp_path), resize=16)
    return tmp_path


@pytest.fixture
def readings(root, monkeypatch):
    """A pickle in place that reads as `make_wafers()`; the paths that were read."""
    paths = []

    def read(path):
        paths.append(path)
        return make_wafers()

    (root / PICKLE).write_bytes(b"pickled")
    monkeypatch.setattr(wm811k, "read_lswmd", read)
    return paths


def test_a_store_returns_what_was_stored(tmp_path):
    write_store(tmp_path / STORE, make_wafers())
    assert_same(read_store(tmp_path / STORE), make_wafers())
    assert os.listdir(tmp_path) == [STORE]


def test_the_pickle_is_read_once_and_again_when_it_is_newer(data, root, readings, log):
    wafers, path = read_wafers(data)
    assert_same(wafers, make_wafers())
    assert path == root / PICKLE and readings == [path]
    assert len(log.messages) == 1
    again, path = read_wafers(data)
    assert_same(again, wafers)
    assert path == root / STORE and len(readings) == 1 and len(log.messages) == 1
    os.utime(root / STORE, (1.0, 1.0))
    read_wafers(data)
    assert len(readings) == 2
    (root / PICKLE).unlink()
    os.utime(root / STORE, (1.0, 1.0))
    assert_same(read_wafers(data)[0], wafers)
    assert len(readings) == 2


def test_a_read_only_folder_is_no_error(data, root, readings, monkeypatch, log):
    def refuse(source, target):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    assert_same(read_wafers(data)[0], make_wafers())
    assert len(log.messages) == 2
    assert log.messages[1].startswith(f"Cannot write {root / STORE} (Permission denied); continuing without it")
    assert os.listdir(root) == [PICKLE]


def test_the_folder_of_the_data_set_comes_before_the_root(data, root):
    (root / "wm811k").mkdir()
    write_store(root / STORE, make_wafers(5))
    assert read_wafers(data)[1] == root / STORE
    write_store(root / "wm811k" / STORE, make_wafers(6))
    assert read_wafers(data)[1] == root / "wm811k" / STORE


def test_a_missing_file_is_an_error_with_its_source(data, root):
    with pytest.raises(InputError) as caught:
        make_dataset(data)
    for part in ("config.data.root: expected", PICKLE, STORE, str(root), "'qingyi/wm811k-wafer-map'", "2.1 GB"):
        assert part in str(caught.value)


def test_a_store_of_four_arrays_is_enough(data, root):
    wafers = make_wafers()
    names, label = np.unique(wafers.labels, return_inverse=True)
    arrays = {"flat": wafers.flat, "shape": wafers.shape, "label": label.astype(np.uint8), "label_names": names}
    np.savez_compressed(root / STORE, **arrays)
    stored = read_store(root / STORE)
    np.testing.assert_array_equal(stored.labels, wafers.labels)
    np.testing.assert_array_equal(stored.rows, np.arange(24))
    assert not stored.columns and make_full(data).train.ids[3] == "wm811k/000003"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"flat": None}, "found no flat"),
        ({"label_names": None}, "found no label_names"),
        ({"flat": np.zeros(5, np.uint8)}, r"do not match: flat uint8 \(5,\)"),
        ({"flat": np.full(make_wafers().flat.shape, 3, np.uint8)}, "do not match"),
        ({"flat": make_wafers().flat.astype(float)}, "do not match: flat float64"),
        ({"shape": -make_wafers().shape}, "do not match"),
        ({"shape": make_wafers().shape[:, 0]}, r"shape \(24,\)"),
        ({"label": np.full(24, 9)}, "do not match"),
        ({"label": np.zeros(24)}, "do not match"),
        ({"label": np.zeros(23, int)}, r"label \(23,\)"),
        ({"label": np.array(3)}, r"label \(\)"),
        ({"row": np.full(24, -1)}, "do not match"),
        ({"lotName": np.array(["lot1"])}, "do not match"),
        ({"flat": np.array([None])}, "found another or a damaged file"),
    ],
)
def test_an_inconsistent_store_is_an_error(tmp_path, changed, message):
    path = tmp_path / STORE
    write_store(path, make_wafers())
    with np.load(path) as archive:
        arrays = {**archive, **changed}
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    with pytest.raises(InputError, match=message) as caught:
        read_store(path)
    assert str(caught.value).startswith(f"config.data.root ({path}): expected") and "\n" not in str(caught.value)


def test_a_damaged_store_is_an_error(tmp_path):
    path = tmp_path / STORE
    write_store(path, make_wafers())
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[200] ^= 0xFF
    np.save(tmp_path / "one.npy", np.zeros(3))
    for content in (b"", b"none", whole[: len(whole) // 2], bytes(flipped), (tmp_path / "one.npy").read_bytes()):
        path.write_bytes(content)
        with pytest.raises(
            InputError, match=r"found another or a damaged file .*delete it to create it again"
        ) as caught:
            read_store(path)
        assert "\n" not in str(caught.value)


def test_the_published_counts_give_the_papers_counts():
    labels = np.repeat(list(COUNTS), list(COUNTS.values()))
    kept, test = sample_wafers(labels, np.arange(len(labels)) * 3, seed=0)
    assert abs(np.sum(~test) - PAPER_TRAIN) <= 5 and abs(test.sum() - PAPER_TEST) <= 5
    assert (np.diff(kept) > 0).all()
    share = PAPER_TEST / (PAPER_TRAIN + PAPER_TEST)
    for name, count in COUNTS.items():
        members = labels[kept] == name
        assert members.sum() == min(count, CLASS_CAP)
        assert abs(test[members].sum() - members.sum() * share) <= 0.5


def test_the_selection_depends_only_on_the_seed_and_the_row():
    labels = np.repeat(["None", "Loc"], [4000, 1800])
    rows = np.random.default_rng(0).permutation(len(labels))
    kept, test = sample_wafers(labels, rows, seed=0)
    order = np.random.default_rng(1).permutation(len(labels))
    shuffled, shuffled_test = sample_wafers(labels[order], rows[order], seed=0)
    assert set(rows[kept]) == set(rows[order][shuffled])
    assert set(rows[kept[test]]) == set(rows[order][shuffled[shuffled_test]])
    more, _ = sample_wafers(np.append(labels, "Donut"), np.append(rows, 99_999), seed=0)
    assert set(rows[kept]) | {99_999} == set(np.append(rows, 99_999)[more])
    assert set(kept) != set(sample_wafers(labels, rows, seed=1)[0])


def test_a_class_of_one_map_is_for_training():
    kept, test = sample_wafers(np.array(["a", "b", "b", "b"]), np.arange(4), seed=0)
    assert list(kept) == [0, 1, 2, 3] and not test[0] and test.sum() == 1


def test_maps_are_stretched_by_the_configured_method(data, root):
    wafers = make_wafers()
    chosen = np.array([2, 5, 11])
    for method in ("area", "nearest", "max"):
        data.resampling = method
        source = make_wafer_source(data, wafers, chosen, None, path=root)
        images = source.read(np.array([2, 0]))
        assert images.shape == (2, 16, 16, 1) and images.dtype == np.uint8 == source.dtype
        for image, number in zip(images, (11, 2), strict=True):
            native = LEVELS[map_of(wafers, number)][..., None]
            np.testing.assert_array_equal(image, resize_image(native, 16, 16, method=method))
    assert list(source.ids) == ["wm811k/000017", "wm811k/000038", "wm811k/000080"]
    assert list(source.labels) == ["Donut", "Scratch", "None"]
    assert list(source.columns["lotName"]) == ["lot2", "lot5", "lot11"]
    np.testing.assert_array_equal(source.sizes, np.full((3, 2), 16))


def test_size_0_means_32_pixels_and_a_negative_size_is_an_error(data, root):
    data.resize = 0
    assert make_wafer_source(data, make_wafers(), np.arange(2), None, path=root).read(np.array([1])).shape[1] == 32
    data.resize = -1
    with pytest.raises(InputError, match=r"config\.data\.resize: expected a side in pixels, or 0 for 32, found -1"):
        make_wafer_source(data, make_wafers(), np.arange(2), None, path=root)


def test_the_papers_set(data, root, readings):
    dataset = make_dataset(data)
    assert dataset.class_names == ("Donut", "None", "Scratch")
    assert len(dataset.train.ids) + len(dataset.test.ids) == 24 and len(dataset.test.ids) == 8
    assert dataset.description.startswith("16 + 8 wafer maps, at most 1629 per class (the paper has 7350 + 3557), of ")
    assert not set(dataset.train.ids) & set(dataset.test.ids)
    assert dataset.train.images.shape == (16, 16, 16, 1) and dataset.train.images.dtype == np.uint8
    assert dataset.train.columns["lotName"][0].startswith("lot")
    stored = make_dataset(data)
    assert len(readings) == 1
    np.testing.assert_array_equal(stored.train.images, dataset.train.images)
    np.testing.assert_array_equal(stored.test.ids, dataset.test.ids)


def test_the_full_set_has_the_publishers_split(data, root):
    wafers = make_wafers()
    write_store(root / STORE, wafers)
    dataset = make_full(data)
    assert len(dataset.train.ids) == 16 and len(dataset.test.ids) == 8
    published = wafers.rows[wafers.columns["trianTestLabel"] == "Test"]
    assert list(dataset.test.ids) == [f"wm811k/{row:06d}" for row in published]
    assert dataset.description == f"all 24 labelled wafer maps of {root / STORE}"


def test_the_full_set_without_a_split_is_one_part(data, root):
    write_store(root / STORE, make_wafers(split=False))
    assert make_full(data).test is None
    data.test_fraction = 0.25
    assert len(make_full(data).test.ids) > 0


def test_one_map_per_class_is_accepted(data, root):
    write_store(root / STORE, make_wafers(3))
    dataset = make_dataset(data)
    assert len(dataset.train.ids) == 3 and dataset.test is None
