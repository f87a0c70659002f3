"""Summaries of seeds: combined over folders of runs, and refused for other settings."""

from pathlib import Path

import numpy as np
import pytest

from irl_inr_jax.types import InputError
from papers import systems
from papers.collection import list_unfinished
from papers.results import update_results, write_together
from papers.runner import Workspace
from papers.summary import combine_cells
from papers.systems import QUICK_DATA, resolve_settings
from papers.values import CellSummary
from tests.papers.invented_table import KMEANS, ORBIT, OURS, SCAN, VALUES, cells_in, write_records, write_seeds


@pytest.mark.parametrize("split", [0, 1, 2, 3, 4])
def test_two_groups_have_the_mean_and_deviation_of_all_seeds(split):
    values = np.array([VALUES, np.square(VALUES)]).T

    def group(seeds):
        rows = values[list(seeds)]
        std = tuple(rows.std(0, ddof=1)) if len(seeds) > 1 else None
        return CellSummary(settings="same", seeds=seeds, mean=tuple(rows.mean(0)) if seeds else (), std=std)

    first, second = tuple(range(split)), tuple(range(split, 4))
    for pair in ((first, second), (second, first)):
        found = combine_cells(*map(group, pair))
        assert found.seeds == (0, 1, 2, 3)
        np.testing.assert_allclose(found.mean, values.mean(0), rtol=1e-12)
        np.testing.assert_allclose(found.std, values.std(0, ddof=1), rtol=1e-12)


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
    assert cells["Ours", "k-means"].seeds == (0, 1, 2) == runs[OURS.name].seeds
    np.testing.assert_allclose(cells["Ours", "k-means"].mean, [np.mean(VALUES[:3])])
    assert runs[OURS.name].devices == ("a test", "another device")
    assert update_results(files, tmp_path / "second") == 0
    assert files.values.read_text() == expected


def test_a_folder_with_all_earlier_seeds_replaces_them(tmp_path, files):
    update_results(files, write_seeds(tmp_path / "first", [0, 1]))
    folder = write_seeds(tmp_path / "second", range(4), device="another device")
    update_results(files, folder)
    cells, runs = cells_in(files)
    assert cells["Ours", "k-means"].seeds == (0, 1, 2, 3) and runs[OURS.name].devices == ("another device",)
    np.testing.assert_allclose(cells["Ours", "k-means"].std, [np.std(VALUES, ddof=1)])


def test_a_cell_that_was_never_run_again_keeps_its_value(tmp_path, files):
    first = Workspace(write_seeds(tmp_path / "first", [0]), "", "quick")
    write_records(first, ORBIT, 0, KMEANS, {"kmeans": 0.5})
    update_results(files, first.workdir)
    second = Workspace(tmp_path / "second", "", "quick")
    write_records(second, OURS, 0, SCAN, {"scan": 0.75}, seconds=7.0)
    assert update_results(files, second.workdir) == 1
    cells, runs = cells_in(files)
    assert {place: value.mean for place, value in cells.items()} == {
        ("Ours", "k-means"): (0.31,),
        ("Ours", "SCAN"): (0.75,),
        ("Ours", "shift"): (0.155, -0.31),
        ("Ours", "rotation"): (0.5,),
        ("Training-free", "k-means"): (0.5,),
    }
    assert list(runs) == [OURS.name, ORBIT.name] and runs[OURS.name].evaluate_seconds == (7.0, 122.0)


@pytest.fixture
def change_epochs(monkeypatch):
    """A function that gives MNIST(U) other epochs at the quick scale."""

    def change(num_epochs):
        settings = dict(QUICK_DATA["mnist_u"]) | {"train.num_epochs": num_epochs}
        monkeypatch.setitem(systems.QUICK_DATA, "mnist_u", tuple(settings.items()))
        resolve_settings.cache_clear()

    yield change
    resolve_settings.cache_clear()


def test_values_of_other_settings_are_refused_and_nothing_is_written(tmp_path, files, change_epochs):
    update_results(files, write_seeds(tmp_path / "first", [0, 1]))
    old, _ = cells_in(files)
    before = [path.read_text() for path in files]
    change_epochs(3)
    for seeds in ([2], []):
        (tmp_path / "second" / "quick").mkdir(parents=True, exist_ok=True)
        with pytest.raises(InputError, match=f"expected earlier values of {OURS.name} with its present settings"):
            update_results(files, write_seeds(tmp_path / "second", seeds))
    assert [path.read_text() for path in files] == before
    assert update_results(files, write_seeds(tmp_path / "third", range(2))) == 0
    cells, _ = cells_in(files)
    assert {value.settings for value in cells.values()}.isdisjoint(value.settings for value in old.values())


def test_seeds_on_other_numbers_of_images_are_refused(tmp_path, files):
    update_results(files, write_seeds(tmp_path / "first", [0]))
    folder = write_seeds(tmp_path / "second", [1], num_train=4999)
    with pytest.raises(InputError, match=r"images for all seeds of .*, found 5000 \+ 2000 and 4999 \+ 2000"):
        update_results(files, folder)
    write_records(Workspace(folder, "", "quick"), OURS, 2, KMEANS, {"kmeans": 0.5})
    for seed in (1, 2):
        write_records(Workspace(folder, "", "quick"), OURS, seed, SCAN, {"scan": 0.5})
    with pytest.raises(InputError, match=r"found 4999 \+ 2000 and 5000 \+ 2000"):
        update_results(files, folder)


def test_steps_of_seeds_that_stopped_early_are_a_range(tmp_path, files):
    update_results(files, write_seeds(tmp_path / "first", [0], step=700))
    update_results(files, write_seeds(tmp_path / "second", [1], step=650))
    update_results(files, write_seeds(tmp_path / "third", [2], step=680))
    assert cells_in(files)[1][OURS.name].steps == (650, 700)
    assert ", 650 to 700 steps in " in files.details.read_text()


def test_a_folder_that_is_not_there_is_refused(tmp_path, files):
    update_results(files, write_seeds(tmp_path / "first", [0]))
    with pytest.raises(InputError, match="contains quick, long or paper"):
        update_results(files, tmp_path / "frist")


def test_a_folder_with_runs_of_other_settings_is_refused(tmp_path, files, change_epochs):
    folder = write_seeds(tmp_path, [0])
    update_results(files, folder)
    before = [path.read_text() for path in files]
    change_epochs(3)
    with pytest.raises(InputError, match=r"seed0 \(train.num_epochs\); move that folder away"):
        update_results(files, folder)
    assert [path.read_text() for path in files] == before


def test_results_of_other_settings_of_the_evaluation_are_refused(tmp_path, files, monkeypatch):
    folder = write_seeds(tmp_path, [0])
    write_records(Workspace(folder, "", "quick"), OURS, 0, SCAN, {"scan": 0.75})
    update_results(files, folder)
    monkeypatch.setattr(systems, "QUICK_CLUSTERING", (("clustering.scan.num_epochs", 8),))
    with pytest.raises(InputError, match=r"num_epochs, clustering.scan.selflabel_epochs\); `papers TABLE` measures it"):
        update_results(files, folder)


def test_settings_that_a_value_does_not_depend_on_may_change(tmp_path, files, monkeypatch):
    folder = write_seeds(tmp_path, [0])
    update_results(files, folder)
    monkeypatch.setattr(systems, "QUICK_CLUSTERING", (("clustering.scan.num_epochs", 8), ("evaluation.batch_size", 9)))
    assert update_results(files, folder) == 0


def test_a_run_that_is_trained_again_has_no_value(tmp_path, files):
    folder = write_seeds(tmp_path, [0, 1])
    write_seeds(folder, [1], done=False)
    update_results(files, folder)
    assert cells_in(files)[0]["Ours", "k-means"].seeds == (0,)
    assert list_unfinished(folder) == [f"{OURS.name}-seed1"]


def test_the_largest_seed_does_not_matter(tmp_path, files):
    folder = write_seeds(tmp_path, [0, 1])
    write_records(Workspace(folder, "", "quick"), OURS, 20_240_601, KMEANS, {"kmeans": 0.5})
    update_results(files, folder)
    assert cells_in(files)[0]["Ours", "k-means"].seeds == (0, 1, 20_240_601)


def test_names_that_are_not_those_of_three_files_are_refused_and_no_file_is_changed(tmp_path, files):
    folder = write_seeds(tmp_path / "runs", [0])
    update_results(files, folder)
    before = [path.read_text() for path in files]
    write_seeds(folder, [1])
    (tmp_path / "link").symlink_to(files.details)
    for changes in ({"values": tmp_path / "link"}, {"details": folder}, {"values": Path("")}):
        with pytest.raises(InputError, match="expected three files"):
            update_results(files._replace(**changes), folder)
    with pytest.raises(InputError, match="expected a file in a folder"):
        update_results(files._replace(details=files.page / "tables.md"), folder)
    with pytest.raises(InputError, match="contains quick, long or paper"):
        update_results(files, folder / "quick")
    assert [path.read_text() for path in files] == before
    assert sorted(tmp_path.iterdir()) == sorted([*files, folder, tmp_path / "link"])


def test_no_file_is_replaced_if_another_cannot_be_written(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_together({first: "new", second: "\udce9"})
    assert first.read_text() == "old" and list(tmp_path.iterdir()) == [first]
