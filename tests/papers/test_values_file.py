"""The file of earlier values: its lines, and what is refused when it is read."""

import dataclasses
import json

import pytest

from irl_inr_jax.types import InputError
from papers.results import update_results
from papers.runner import Workspace
from papers.summary import add_earlier
from papers.values import CellSummary, RunSummary
from papers.values_file import CELL, RUN, format_values, read_summaries
from tests.papers.invented_table import OURS, TABLE, section_of, write_seeds


@pytest.mark.parametrize("name", [OURS.name, "Ours", "k-means", "invented"])
def test_values_that_no_table_has_are_refused_rather_than_lost(tmp_path, files, name):
    """After a run, row, column or table was renamed or removed."""
    folder = write_seeds(tmp_path, [0])
    update_results(files, folder)
    changed = files.values.read_text().replace(f'"{name}"', '"another"')
    files.values.write_text(changed)
    with pytest.raises(InputError, match=r"expected a cell .*another"):
        update_results(files, folder)
    assert files.values.read_text() == changed


def test_two_lines_of_one_value_or_run_are_refused(tmp_path, files):
    """As after a merge of two branches."""
    update_results(files, write_seeds(tmp_path, [0]))
    lines = files.values.read_text().splitlines(keepends=True)
    for number in (1, 4):
        files.values.write_text("".join([*lines, lines[number - 1]]))
        with pytest.raises(InputError, match=rf"in line 5 of .*ValueError: the same cell or run as in line {number};"):
            read_summaries(files.values)


def test_a_run_with_other_seeds_than_its_cells_is_refused(tmp_path, files):
    update_results(files, write_seeds(tmp_path, [0]))
    *cells, run = files.values.read_text().splitlines()
    for changed in (run.replace('"seeds": [0]', '"seeds": [7]'), run.replace(OURS.name, "another")):
        files.values.write_text("\n".join([*cells, run, changed] if "another" in changed else [*cells, changed]))
        with pytest.raises(InputError, match="with the seeds of its cells"):
            read_summaries(files.values)


def test_more_numbers_than_a_value_has_are_refused(tmp_path, files):
    update_results(files, write_seeds(tmp_path / "first", [0]))
    files.values.write_text(files.values.read_text().replace('"mean": [0.31]', '"mean": [0.31, 0.4]'))
    with pytest.raises(InputError, match=r"expected 1 numbers in an earlier value, found \[0.31, 0.4\]"):
        update_results(files, write_seeds(tmp_path / "second", [1]))


def test_a_value_without_the_line_of_its_run_is_refused(tmp_path, files):
    update_results(files, write_seeds(tmp_path, [0]))
    files.values.write_text("".join(line for line in files.values.open() if "train_seconds" not in line))
    with pytest.raises(
        InputError, match=rf"the run {OURS.name} of invented with the seeds of its cells, \[0\], found \[\]"
    ):
        update_results(files, tmp_path)


@pytest.mark.parametrize(
    "text", ["{", "3\n", "[]\n", '{"table": "invented"}\n', '{"table": "a", "scale": "b", "row": 1}\n']
)
def test_another_file_is_refused_in_one_line(files, text):
    files.values.write_text(text)
    with pytest.raises(InputError, match="expected a cell or a run in line 1 of the earlier values") as caught:
        read_summaries(files.values)
    assert "\n" not in str(caught.value) and "--values" in str(caught.value)


def test_the_file_has_one_line_per_value_and_run(tmp_path, files):
    section = section_of(Workspace(write_seeds(tmp_path, range(3)), "", "quick"), TABLE, 3)
    files.values.write_text(format_values([section]))
    assert len(files.values.read_text().splitlines()) == 3 + 1
    empty = section_of(Workspace(tmp_path / "nothing", "", "quick"), TABLE, 1)
    [kept] = read_summaries(files.values).values()
    assert add_earlier(empty.summary, kept) == section.summary


def test_lines_have_the_fields_of_the_records():
    for keys, record in ((CELL, CellSummary), (RUN, RunSummary)):
        assert list(keys) == [field.name for field in dataclasses.fields(record)]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("seeds", [0, 0]),
        ("seeds", [1, 0]),
        ("seeds", []),
        ("seeds", [-1, 0]),
        ("seeds", [0.5, 1]),
        ("mean", 0.5),
        ("mean", [None]),
        ("mean", ["0.5"]),
        ("mean", [float("nan")]),
        ("mean", [0.1, 0.2]),
        ("std", None),
        ("std", []),
        ("std", [0.1, 0.2]),
        ("mean", [1e308]),
        ("settings", 12),
        ("settings", "\udce9"),
        ("row", None),
        ("column", 3),
    ],
)
def test_a_value_of_another_kind_is_refused(tmp_path, files, key, value):
    update_results(files, write_seeds(tmp_path, [0, 1]))
    first, *others = files.values.read_text().splitlines()
    files.values.write_text("\n".join([json.dumps(json.loads(first) | {key: value}), *others]) + "\n")
    with pytest.raises(InputError, match=rf"ValueError: {'(mean|std)' if key == 'mean' else key} "):
        read_summaries(files.values)


def test_a_deviation_of_one_seed_is_refused(tmp_path, files):
    update_results(files, write_seeds(tmp_path, [0]))
    files.values.write_text(files.values.read_text().replace('"std": null', '"std": [0.0]'))
    with pytest.raises(InputError, match=r"ValueError: std \[0.0\] of seeds \[0\]"):
        read_summaries(files.values)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("run", None),
        ("images", [5000]),
        ("steps", 780),
        ("train_seconds", ["125", "126"]),
        ("devices", []),
        ("data_sha256", "ab"),
    ],
)
def test_a_fact_of_a_run_of_another_kind_is_refused(tmp_path, files, key, value):
    update_results(files, write_seeds(tmp_path, [0, 1]))
    *others, last = files.values.read_text().splitlines()
    files.values.write_text("\n".join([*others, json.dumps(json.loads(last) | {key: value})]) + "\n")
    with pytest.raises(InputError, match=f"ValueError: {key} "):
        read_summaries(files.values)
