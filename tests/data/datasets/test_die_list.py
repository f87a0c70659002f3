"""Wafer maps from tables with one row for each die."""

import numpy as np
import pytest

from irl_inr_jax.config import base
from irl_inr_jax.data.datasets import make_dataset, open_source
from irl_inr_jax.data.datasets.die_list import FAILED, PASSED, find_wafers, place_dies
from irl_inr_jax.data.datasets.wm811k import LEVELS
from irl_inr_jax.types import InputError


def make_rows(num_wafers=6, side=8, seed=0):
    """Return (rows of wafer, x, y, bin; maps (n, side, side)) of round wafers with origin (-3, 5)."""
    rng = np.random.default_rng(seed)
    grid = np.indices((side, side)).transpose(1, 2, 0) - (side - 1) / 2
    maps = np.where((grid**2).sum(-1) <= side**2 / 4, rng.integers(1, 3, (num_wafers, side, side)), 0)
    rows = [(f"w{n}", x - 3, y + 5, int(maps[n, y, x])) for n, y, x in np.argwhere(maps)]
    return rows, maps


@pytest.fixture
def config(tmp_path):
    def make(rows, header="wafer,x,y,bin", **keys):
        path = tmp_path / "dies.csv"
        path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n")
        data = base.get_config().data
        data.update(name="die_list", path=str(path), resize=8, resampling="nearest", **keys)
        return data

    return make


def test_a_map_has_each_die_at_its_position_whatever_the_order_of_the_rows(config):
    rows, maps = make_rows()
    np.random.default_rng(1).shuffle(rows)
    source = open_source(config(rows))
    order = np.argsort(source.ids)
    np.testing.assert_array_equal(source.read(order)[..., 0], LEVELS[maps])
    assert source.ids[order].tolist() == [f"w{n}" for n in range(6)] and source.labels is None
    share = [(wafer == 2).sum() / (wafer > 0).sum() for wafer in maps]
    np.testing.assert_allclose(source.columns["failed_share"][order], share)


def test_wafers_of_lots_labels_and_other_bins(config):
    rows = [("a", 1, 0, 0, "P", ""), ("a", 1, 1, 0, "F", "Loc"), ("b", 1, 0, 0, "Q", ""), ("b", 1, 1, 0, "F", "")]
    header = "lot,slot,col,row,sort,label"
    source = open_source(config(rows, header, die_columns=("lot+slot", "col", "row", "sort"), pass_bins=("P", "Q")))
    assert source.ids.tolist() == ["a/1", "b/1"] and source.labels.tolist() == ["Loc", ""]
    assert source.columns["failed_share"].tolist() == [0.5, 0.5]


def test_the_last_test_of_a_die_counts_and_a_die_without_bin_was_not_tested(config):
    rows = [("a", 0, 0, 2), ("a", 1, 0, 1), ("a", 0, 1, ""), ("a", 1, 1, 2), ("a", 0, 0, 1)]
    source = open_source(config(rows))
    image = source.read(np.array([0]))[0, :, :, 0]
    np.testing.assert_array_equal(image[::4, ::4], LEVELS[[[PASSED, PASSED], [0, FAILED]]])


def test_an_untested_edge_does_not_enlarge_a_wafer():
    positions = np.array([[0, 0], [9, 9], [4, 4]])
    maps = place_dies(np.array([0, 0, 1]), positions, np.array([True, False, True]), num_wafers=2, name="dies")
    assert maps.shape == (2, 10, 10) and maps[1, 4, 4] == FAILED and maps[1].sum() == FAILED


def test_wafers_are_numbered_as_they_appear():
    names, first, number = find_wafers([np.array(["b", "a", "b", "c"])])
    assert names.tolist() == ["b", "a", "c"] and first.tolist() == [0, 1, 3] and number.tolist() == [0, 1, 0, 2]


def test_a_data_set_of_a_die_list_has_a_background_of_0(config):
    rows, _ = make_rows(num_wafers=10, side=12)
    dataset = make_dataset(config(rows))
    assert dataset.scaling.offset == 0 and dataset.scaling.low == 0 and dataset.train.images.shape == (10, 8, 8, 1)


@pytest.mark.parametrize(
    ("rows", "header", "keys", "message"),
    [
        (
            [("a", 0, 0, 1)],
            "lot,x,y,bin",
            {},
            "columns wafer, x, y, bin, found no 'wafer' among lot, x, y, bin; set con",
        ),
        ([("a", 0, 0, 1), ("a", 1, 0, 1)], None, {}, r"passed \(bins 1\) and dies that failed, found only bins 1; set"),
        ([("a", 0, 0, 3), ("a", 1, 0, 2)], None, {}, r"found only bins 2, 3; set config.data.pass_bins"),
        ([("a", 0.5, 0, 1), ("a", 1, 0, 2)], None, {}, r"whole numbers of dies in the column 'x', found '0.5'"),
        ([("a", "A1", 0, 1), ("a", 1, 0, 2)], None, {}, r"whole numbers of dies in the column 'x', found 'A1'"),
        ([("a", 0, 0, 1), ("a", 150000, 0, 2)], None, {}, "at most 2000 along an axis, found x from 0 to 150000 and"),
    ],
)
def test_tables_that_are_no_die_list_are_refused(config, rows, header, keys, message):
    with pytest.raises(InputError, match=message):
        open_source(config(rows, header or "wafer,x,y,bin", **keys))


def test_two_labels_of_one_wafer_and_other_files_are_refused(config, tmp_path):
    rows = [("a", 0, 0, 1, "Loc"), ("a", 1, 0, 2, "Ring")]
    with pytest.raises(InputError, match=r"one label for each wafer, found 'Loc' and 'Ring' for 'a'"):
        open_source(config(rows, "wafer,x,y,bin,label"))
    data = config([])
    data.path = str(tmp_path)
    with pytest.raises(InputError, match=r"a table of dies \(\.csv, \.tsv, \.parquet\), found a folder"):
        open_source(data)


def test_every_key_is_used_or_refused(config, check_every_key):
    rows, _ = make_rows(num_wafers=12)
    labelled = [
        (wafer, x, y, die, "AB"[int(wafer[1:]) % 2], wafer[1:], 5 - int(wafer[1:]) // 3) for wafer, x, y, die in rows
    ]
    data = config(labelled, "wafer,x,y,bin,label,lot,kind")
    data.resize = 0
    check_every_key(
        data,
        {"path", "die_columns", "pass_bins", "label_column"},
        {"pass_bins": ((2,), {}), "scaling": ("extremes", {"resize": 3, "resampling": "area"})},
    )
