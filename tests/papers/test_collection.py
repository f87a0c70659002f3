"""Values of cells from records in the runs' folders, which the tests write."""

import numpy as np
import pytest

from papers.collection import collect_all, collect_table
from papers.records import TrainingSpec
from papers.results import format_markdown
from papers.runner import Workspace
from papers.summary import summarise_cells
from papers.tables import TABLES
from tests.papers.invented_table import (
    KMEANS,
    ORBIT,
    OURS,
    SCAN,
    TABLE,
    cells_of,
    markdown_of,
    section_of,
    write_records,
)


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path, "", "quick")


def test_means_and_sample_deviations_over_seeds_are_next_to_published_values(workspace):
    accuracies = np.array([0.31, 0.402, 0.377])
    shifts = np.array([[0.91, 0.82], [0.93, 0.81], [0.9, 0.85]])
    for seed in range(3):
        shift = shifts[seed].tolist()
        write_records(
            workspace, OURS, seed, KMEANS, {"kmeans": accuracies[seed]}, shift=shift, rotation=0.25 * (seed + 1)
        )
    results = collect_table(workspace, TABLE, 3)
    assert [(each.seed, each.value) for each in results[0].seeds] == [(n, (accuracies[n],)) for n in range(3)]
    kmeans, _, shift, *_ = summarise_cells(results).cells.values()
    np.testing.assert_allclose(kmeans.mean, [accuracies.mean()])
    np.testing.assert_allclose(kmeans.std, [accuracies.std(ddof=1)])
    np.testing.assert_allclose(shift.mean, shifts.mean(0))
    np.testing.assert_allclose(shift.std, shifts.std(0, ddof=1))
    mean, std = 100 * accuracies.mean(), 100 * accuracies.std(ddof=1)
    (x, y), (dx, dy) = shifts.mean(0), shifts.std(0, ddof=1)
    assert cells_of(markdown_of(workspace, TABLE, 3)) == {
        ("Ours", "k-means: published"): "12.3 ± 4",
        ("Ours", "k-means: ours"): f"{mean:.1f} ± {std:.1f}",
        ("Ours", "SCAN: published"): "",
        ("Ours", "SCAN: ours"): "",
        ("Ours", "shift: published"): "0.5, 0.6",
        ("Ours", "shift: ours"): f"{x:.4f} ± {dx:.4f}, {y:.4f} ± {dy:.4f}",
        ("Ours", "rotation: published"): "",
        ("Ours", "rotation: ours"): "0.5000 ± 0.2500",
        ("Training-free", "k-means: published"): "",
        ("Training-free", "k-means: ours"): "",
        ("Training-free", "SCAN: published"): "",
        ("Training-free", "SCAN: ours"): "",
        ("Training-free", "shift: published"): "",
        ("Training-free", "shift: ours"): "",
        ("Training-free", "rotation: published"): "0.93",
        ("Training-free", "rotation: ours"): "",
    }


def test_one_seed_has_no_deviation_and_only_the_requested_seeds_count(workspace):
    for seed in range(2):
        write_records(workspace, OURS, seed, KMEANS, {"kmeans": 0.25 + seed / 2}, shift=[0.5, -0.25])
    cells = cells_of(markdown_of(workspace, TABLE, 1))
    assert cells["Ours", "k-means: ours"] == "25.0" and cells["Ours", "shift: ours"] == "0.5000, -0.2500"
    assert cells_of(markdown_of(workspace, TABLE, 5))["Ours", "k-means: ours"] == "50.0 ± 35.4"


def test_a_cell_without_run_clusterer_or_measure_is_empty(workspace):
    write_records(workspace, OURS, 0, KMEANS, {"agglomerative": 0.5})
    write_records(workspace, ORBIT, 0, KMEANS, {"kmeans": 0.5})
    section = section_of(workspace, TABLE, 1)
    values = section.summary.cells.values()
    assert [value.seeds for value in values] == [(), (), (), (), (0,), ()]
    assert [value.mean for value in values] == [(), (), (), (), (0.5,), ()]
    texts = cells_of(format_markdown(section))
    assert [text for (_, column), text in texts.items() if "ours" in column and text] == ["50.0"]
    elsewhere = section_of(workspace._replace(scale="paper"), TABLE, 1)
    assert not any(value.seeds for value in elsewhere.summary.cells.values())
    assert "No runs at this scale." in format_markdown(elsewhere)


@pytest.mark.parametrize("undefined", [float("nan"), float("inf"), None])
def test_undefined_values_are_left_out(workspace, undefined):
    """As the correlation with a pose that is the same for all images."""
    write_records(workspace, OURS, 0, KMEANS, {"kmeans": 0.5}, shift=[0.5, undefined], rotation=undefined)
    write_records(workspace, OURS, 1, KMEANS, {"kmeans": 0.6}, shift=[0.5, 0.25], rotation=0.75)
    kmeans, _, shift, rotation, *_ = section_of(workspace, TABLE, 2).summary.cells.values()
    assert [kmeans.seeds, shift.seeds, rotation.seeds] == [(0, 1), (1,), (1,)]
    assert shift.mean == (0.5, 0.25) and rotation.std is None


def test_a_missing_seed_between_others_is_skipped(workspace):
    for seed, value in ((0, 0.2), (2, 0.4)):
        write_records(workspace, OURS, seed, KMEANS, {"kmeans": value})
    kmeans, *_ = collect_table(workspace, TABLE, 3)
    assert [(each.seed, each.value) for each in kmeans.seeds] == [(0, (0.2,)), (2, (0.4,))]
    assert "seeds 0, 2" in markdown_of(workspace, TABLE, 3)


def test_cells_of_equal_configuration_at_a_scale_share_a_run(tmp_path):
    """Table 4's d = 512 equals Table 3's IRL-INR + SCAN only at the paper's scale."""
    for scale in ("quick", "paper"):
        write_records(Workspace(tmp_path, "", scale), TrainingSpec("mnist_u", "irl_inr"), 0, SCAN, {"scan": 0.876})
    for scale, expected in (("paper", "87.6"), ("quick", "")):
        cells = cells_of(markdown_of(Workspace(tmp_path, "", scale), TABLES["table4"], 1))
        assert cells["IRL-INR + SCAN, d = 512", "MNIST(U): ours"] == expected
        assert cells["IRL-INR + SCAN, d = 256", "MNIST(U): ours"] == ""
        assert cells["IRL-INR + SCAN, d = 512", "MNIST(U): published"] == "90.4 ± 1.74"


def test_other_folders_than_those_of_runs_are_left_out(tmp_path):
    write_records(Workspace(tmp_path, "", "quick"), OURS, 2, KMEANS, {"kmeans": 0.5})
    for name in ("curves/thesis-long-seed=4", "quick/mnist_u-ours-seed0.bak", "quick/notes-seedless"):
        (tmp_path / name).mkdir(parents=True)
    values = [value for section in collect_all(tmp_path, {}) for value in section.summary.cells.values()]
    assert {value.seeds for value in values} == {(), (2,)}
