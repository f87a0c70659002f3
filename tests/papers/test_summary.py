"""Summaries of seeds: combined, kept in a file, and refused for other settings."""

import numpy as np
import pytest

from irl_inr_jax.types import InputError
from papers import collection
from papers.collection import collect_table
from papers.results import BEGIN, END, ResultFiles, update_results
from papers.runner import Workspace
from papers.summary import add_earlier, combine_cells, summarise_table
from papers.values_file import read_summaries, write_summaries
from tests.papers.invented_table import KMEANS, ORBIT, OURS, SCAN, TABLE, write_records

VALUES = [0.31, 0.402, 0.377, 0.29]


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.setattr(collection, "TABLES", {TABLE.name: TABLE})
    page = tmp_path / "RESULTS.md"
    page.write_text(f"{BEGIN}\n{END}\n")
    return ResultFiles(page, tmp_path / "tables.md", tmp_path / "tables.jsonl")


def write_seeds(workdir, seeds, **facts):
    """Write k-means and poses of `OURS` for each seed, and return the folder of the runs."""
    for seed in seeds:
        shift = [VALUES[seed] / 2, -VALUES[seed]]
        workspace = Workspace(workdir, "", "quick")
        write_records(workspace, OURS, seed, KMEANS, {"kmeans": VALUES[seed]}, shift=shift, rotation=0.5, **facts)
    return workdir


def cells_in(files):
    [summary] = read_summaries(files.values).values()
    return {(cell["row"], cell["column"]): cell for cell in summary["cells"]}, summary["runs"]


@pytest.mark.parametrize("split", [0, 1, 2, 3, 4])
def test_two_groups_have_the_mean_and_deviation_of_all_seeds(split):
    values = np.array([VALUES, np.square(VALUES)]).T

    def group(seeds):
        rows = values[seeds]
        std = rows.std(0, ddof=1).tolist() if len(seeds) > 1 else None
        return {"seeds": seeds, "mean": rows.mean(0).tolist() if seeds else None, "std": std}

    first, second = list(range(split)), list(range(split, 4))
    for pair in ((first, second), (second, first)):
        found = combine_cells(*map(group, pair))
        assert found["seeds"] == [0, 1, 2, 3]
        np.testing.assert_allclose(found["mean"], values.mean(0), rtol=1e-12)
        np.testing.assert_allclose(found["std"], values.std(0, ddof=1), rtol=1e-12)


def test_results_of_two_folders_are_those_of_one(tmp_path, files):
    update_results(files, write_seeds(tmp_path / "all", range(3)))
    expected = [path.read_text() for path in files[:2]]
    files.values.unlink()
    assert update_results(files, write_seeds(tmp_path / "first", [0])) == 3
    assert update_results(files, write_seeds(tmp_path / "second", [1, 2])) == 3
    assert update_results(files, tmp_path / "second") == 0
    assert [path.read_text() for path in files[:2]] == expected
    assert "36.3 ± 4.8" in expected[1]


def test_seeds_that_were_counted_do_not_count_twice(tmp_path, files):
    update_results(files, write_seeds(tmp_path / "first", [0, 1]))
    update_results(files, write_seeds(tmp_path / "second", [1, 2], device="another device"))
    expected = files.values.read_text()
    cells, runs = cells_in(files)
    assert cells["Ours", "k-means"]["seeds"] == [0, 1, 2] == runs[OURS.name]["seeds"]
    np.testing.assert_allclose(cells["Ours", "k-means"]["mean"], [np.mean(VALUES[:3])])
    assert runs[OURS.name]["devices"] == ["a test", "another device"]
    assert update_results(files, tmp_path / "second") == 0
    assert files.values.read_text() == expected


def test_a_folder_with_all_earlier_seeds_replaces_them(tmp_path, files):
    update_results(files, write_seeds(tmp_path / "first", [0, 1]))
    folder = write_seeds(tmp_path / "second", range(4), device="another device")
    update_results(files, folder)
    cells, runs = cells_in(files)
    assert cells["Ours", "k-means"]["seeds"] == [0, 1, 2, 3] and runs[OURS.name]["devices"] == ["another device"]
    np.testing.assert_allclose(cells["Ours", "k-means"]["std"], [np.std(VALUES, ddof=1)])


def test_a_cell_that_was_never_run_again_keeps_its_value(tmp_path, files):
    first = Workspace(write_seeds(tmp_path / "first", [0]), "", "quick")
    write_records(first, ORBIT, 0, KMEANS, {"kmeans": 0.5})
    update_results(files, first.workdir)
    second = Workspace(tmp_path / "second", "", "quick")
    write_records(second, OURS, 0, SCAN, {"scan": 0.75}, seconds=7.0)
    assert update_results(files, second.workdir) == 1
    cells, runs = cells_in(files)
    assert {place: cell["mean"] for place, cell in cells.items()} == {
        ("Ours", "k-means"): [0.31],
        ("Ours", "SCAN"): [0.75],
        ("Ours", "shift"): [0.155, -0.31],
        ("Ours", "rotation"): [0.5],
        ("Training-free", "k-means"): [0.5],
    }
    assert list(runs) == [OURS.name, ORBIT.name] and runs[OURS.name]["evaluate_seconds"] == [7.0, 122.0]


def test_values_of_other_settings_are_refused_and_nothing_is_written(tmp_path, files):
    update_results(files, write_seeds(tmp_path / "first", [0, 1]))
    changed = files.values.read_text().replace("epochs 100 → 15", "epochs 100 → 14")
    assert changed != files.values.read_text()
    files.values.write_text(changed)
    before = [path.read_text() for path in files]
    with pytest.raises(InputError, match=f"expected earlier values of {OURS.name} with its present settings.*→ 14"):
        update_results(files, write_seeds(tmp_path / "second", [2]))
    assert [path.read_text() for path in files] == before
    update_results(files, write_seeds(tmp_path / "third", range(2)))
    assert "epochs 100 → 14" not in files.values.read_text()


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
    for line in (lines[0], lines[-1]):
        files.values.write_text("".join([*lines, line]))
        with pytest.raises(InputError, match="two lines of"):
            read_summaries(files.values)


def test_a_folder_that_is_not_there_is_refused(tmp_path, files):
    update_results(files, write_seeds(tmp_path / "first", [0]))
    with pytest.raises(InputError, match="expected a folder of runs"):
        update_results(files, tmp_path / "frist")


def test_a_value_without_the_line_of_its_run_is_refused(tmp_path, files):
    update_results(files, write_seeds(tmp_path, [0]))
    files.values.write_text("".join(line for line in files.values.open() if "train_seconds" not in line))
    with pytest.raises(InputError, match=f"no line of the run {OURS.name}"):
        update_results(files, tmp_path)


@pytest.mark.parametrize(
    "text", ["{", "3\n", "[]\n", '{"table": "invented"}\n', '{"table": "a", "scale": "b", "row": 1}\n']
)
def test_another_file_is_refused_in_one_line(files, text):
    files.values.write_text(text)
    with pytest.raises(InputError, match="expected the values of earlier runs") as caught:
        read_summaries(files.values)
    assert "\n" not in str(caught.value) and "--values" in str(caught.value)


def test_the_file_has_one_line_per_value_and_run(tmp_path, files):
    record = collect_table(Workspace(write_seeds(tmp_path, range(3)), "", "quick"), TABLE, 3)
    summary = summarise_table(record)
    write_summaries(files.values, [summary])
    assert len(files.values.read_text().splitlines()) == 3 + 1
    empty = summarise_table(collect_table(Workspace(tmp_path / "nothing", "", "quick"), TABLE, 1))
    [kept] = read_summaries(files.values).values()
    assert add_earlier(empty, kept) == summary
