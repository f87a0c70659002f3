"""Tables from what the runs left, which the test writes itself."""

import dataclasses
import json
import re

import numpy as np
import pytest

from papers import results
from papers.records import Cell, Measure, Run, Table
from papers.results import collect_table, format_markdown, format_results
from papers.runner import Place, folder_of, record_path, write_json
from papers.systems import describe_differences
from papers.tables import TABLES

OURS, ORBIT = Run("mnist_u", "ours"), Run("mnist_u", "orbit_knn")
KMEANS = Measure(("clustering", "kmeans", "accuracy"), True, "kmeans", True)
SCAN = Measure(("clustering", "scan", "accuracy"), True, "scan")
SHIFT = Measure(("pose", "translation_correlation"), False, transductive=True)
TURN = Measure(("pose", "rotation_correlation"), False, transductive=True)
TABLE = Table(
    "invented",
    "An invented table",
    "nobody, 1899",
    (
        Cell("Ours", "k-means", "12.3 ± 4", OURS, KMEANS),
        Cell("Ours", "SCAN", "", OURS, SCAN),
        Cell("Ours", "shift", "0.5, 0.6", OURS, SHIFT),
        Cell("Ours", "turn", "", OURS, TURN),
        Cell("Orbits", "k-means", "", ORBIT, KMEANS),
        Cell("Orbits", "turn", "0.93", ORBIT, TURN),
    ),
    ("A note.",),
)


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path, "", "small")


def leave(place, run, seed, measure, clustering, *, seconds=61.0, shift=None, turn=None, step=780):
    """What training and one kind of evaluation leave."""
    folder = folder_of(place, run, seed)
    write_json(folder / "training.json", {"seconds": 125.0 + seed, "done": True})
    results = {
        "clustering": {name: {"accuracy": value} for name, value in clustering.items()},
        "data": {"num_train": 5000, "num_images": 2000, "sha256": "0123456789abcdef" * 4},
        "device": "a test",
        "step": step,
    }
    record = {"seconds": seconds, "clusterers": list(clustering), "results": results}
    write_json(record_path(folder, measure.evaluation), record)
    if shift is not None or turn is not None:
        pose = {"translation_correlation": shift, "rotation_correlation": turn}
        record = {"seconds": seconds, "clusterers": [], "results": {**results, "clustering": {}, "pose": pose}}
        write_json(record_path(folder, SHIFT.evaluation), record)


def cells_of(markdown):
    """{(row, column): text} of the table in Markdown."""
    lines = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in table_lines(markdown)]
    header, _, *rows = lines
    return {(row[0], column): text for row in rows for column, text in zip(header[1:], row[1:], strict=True)}


def table_lines(markdown):
    return [line for line in markdown.splitlines() if line.startswith("|")]


def test_means_and_sample_deviations_over_seeds_stand_beside_what_was_published(place):
    accuracies = np.array([0.31, 0.402, 0.377])
    shifts = np.array([[0.91, 0.82], [0.93, 0.81], [0.9, 0.85]])
    for seed in range(3):
        shift = shifts[seed].tolist()
        leave(place, OURS, seed, KMEANS, {"kmeans": accuracies[seed]}, shift=shift, turn=0.25 * (seed + 1))
    record = collect_table(place, TABLE, 3)
    entry = record["cells"][0]
    assert entry["values"] == accuracies.tolist() and entry["seeds"] == [0, 1, 2]
    np.testing.assert_allclose(entry["mean"], [accuracies.mean()])
    np.testing.assert_allclose(entry["std"], [accuracies.std(ddof=1)])
    np.testing.assert_allclose(record["cells"][2]["mean"], shifts.mean(0))
    np.testing.assert_allclose(record["cells"][2]["std"], shifts.std(0, ddof=1))
    mean, std = 100 * accuracies.mean(), 100 * accuracies.std(ddof=1)
    (x, y), (dx, dy) = shifts.mean(0), shifts.std(0, ddof=1)
    assert cells_of(format_markdown(record)) == {
        ("Ours", "k-means: published"): "12.3 ± 4",
        ("Ours", "k-means: ours"): f"{mean:.1f} ± {std:.1f}",
        ("Ours", "SCAN: published"): "",
        ("Ours", "SCAN: ours"): "",
        ("Ours", "shift: published"): "0.5, 0.6",
        ("Ours", "shift: ours"): f"{x:.4f} ± {dx:.4f}, {y:.4f} ± {dy:.4f}",
        ("Ours", "turn: published"): "",
        ("Ours", "turn: ours"): "0.5000 ± 0.2500",
        ("Orbits", "k-means: published"): "",
        ("Orbits", "k-means: ours"): "",
        ("Orbits", "SCAN: published"): "",
        ("Orbits", "SCAN: ours"): "",
        ("Orbits", "shift: published"): "",
        ("Orbits", "shift: ours"): "",
        ("Orbits", "turn: published"): "0.93",
        ("Orbits", "turn: ours"): "",
    }


def test_one_seed_has_no_deviation_and_no_more_seeds_count_than_were_asked_for(place):
    for seed in range(2):
        leave(place, OURS, seed, KMEANS, {"kmeans": 0.25 + seed / 2}, shift=[0.5, -0.25])
    cells = cells_of(format_markdown(collect_table(place, TABLE, 1)))
    assert cells["Ours", "k-means: ours"] == "25.0" and cells["Ours", "shift: ours"] == "0.5000, -0.2500"
    assert cells_of(format_markdown(collect_table(place, TABLE, 5)))["Ours", "k-means: ours"] == "50.0 ± 35.4"


def test_a_cell_without_its_run_its_clusterer_or_its_measure_is_empty(place):
    leave(place, OURS, 0, KMEANS, {"agglomerative": 0.5})
    leave(place, ORBIT, 0, KMEANS, {"kmeans": 0.5})
    record = collect_table(place, TABLE, 1)
    assert [entry["values"] for entry in record["cells"]] == [[], [], [], [], [0.5], []]
    assert [entry["mean"] for entry in record["cells"]] == [None, None, None, None, [0.5], None]
    assert [text for (_, column), text in cells_of(format_markdown(record)).items() if "ours" in column and text] == [
        "50.0"
    ]
    elsewhere = collect_table(place._replace(scale="paper"), TABLE, 1)
    assert not any(entry["values"] for entry in elsewhere["cells"])
    assert "Nothing of it was run at this scale." in format_markdown(elsewhere)


def test_a_seed_that_is_missing_between_others_is_not_made_up(place):
    for seed, value in ((0, 0.2), (2, 0.4)):
        leave(place, OURS, seed, KMEANS, {"kmeans": value})
    entry = collect_table(place, TABLE, 3)["cells"][0]
    assert entry["seeds"] == [0, 2] and entry["values"] == [0.2, 0.4]
    assert "seeds 0, 2" in format_markdown(collect_table(place, TABLE, 3))


def test_the_line_of_a_run_says_what_it_was_made_from(place):
    for seed in range(2):
        leave(place, OURS, seed, KMEANS, {"kmeans": 0.5}, seconds=61.0, turn=0.5)
        leave(place, OURS, seed, SCAN, {"scan": 0.6}, seconds=7200.0)
    leave(place, ORBIT, 0, KMEANS, {"kmeans": 0.5}, step=0)
    text = format_markdown(collect_table(place, TABLE, 2))
    assert "## An invented table (nobody, 1899), scale small" in text and "\nA note.\n" in text
    ours, orbit = [line for line in text.splitlines() if line.startswith("- `")]
    assert ours.startswith(
        "- `mnist_u-ours`: seeds 0, 1, 5000 + 2000 images (test sha256 0123456789ab), 780 steps in 2"
    )
    # The seconds of one seed: 126 of training; 61, 61 and 7,200 of the three kinds of evaluation.
    assert "780 steps in 2 min 6 s, evaluation 2 h 2 min, a test. Not as published: our recipe:" in ours
    assert all(words in ours for words in describe_differences(OURS, "small"))
    differs = "; ".join(describe_differences(ORBIT, "small"))
    assert "no steps in 2 min 5 s" in orbit and orbit.endswith(f"Not as published: {differs}.")
    place = place._replace(scale="paper")
    alone = dataclasses.replace(TABLE, cells=(Cell("IRL-INR", "k-means", "59.6", Run("mnist_u", "irl_inr"), KMEANS),))
    leave(place, Run("mnist_u", "irl_inr"), 0, KMEANS, {"kmeans": 0.5})
    assert "Not as published: nothing." in format_markdown(collect_table(place, alone, 1))


def test_cells_that_are_alike_at_a_scale_share_what_was_run(tmp_path):
    """Table 4's d = 512 is Table 3's IRL-INR + SCAN at the paper's scale alone."""
    for scale in ("small", "paper"):
        leave(Place(tmp_path, "", scale), Run("mnist_u", "irl_inr"), 0, SCAN, {"scan": 0.876})
    for scale, expected in (("paper", "87.6"), ("small", "")):
        cells = cells_of(format_markdown(collect_table(Place(tmp_path, "", scale), TABLES["table4"], 1)))
        assert cells["IRL-INR + SCAN, d = 512", "MNIST(U): ours"] == expected
        assert cells["IRL-INR + SCAN, d = 256", "MNIST(U): ours"] == ""
        assert cells["IRL-INR + SCAN, d = 512", "MNIST(U): published"] == "90.4 ± 1.74"


def test_a_record_is_json_that_comes_back_the_same(place):
    leave(place, OURS, 0, KMEANS, {"kmeans": 0.5})
    record = collect_table(place, TABLE, 1)
    assert json.loads(json.dumps(record)) == record
    assert format_markdown(json.loads(json.dumps(record))) == format_markdown(record)


def test_all_tables_are_in_the_results_and_numbers_only_where_something_was_run(tmp_path, monkeypatch):
    nothing = format_results(tmp_path)
    sections = re.split(r"(?m)^## ", nothing)[1:]
    assert len(sections) == len(TABLES)
    for section, table in zip(sections, TABLES.values(), strict=True):
        assert section.startswith(f"{table.title} ({table.source})")
        cells = cells_of(section)
        assert {row for row, _ in cells} == set(table.rows)
        assert not any(text for (_, column), text in cells.items() if column.endswith(": ours"))
        published = {(cell.row, f"{cell.column}: published"): cell.published for cell in table.cells if cell.published}
        assert {place: text for place, text in cells.items() if text} == published
        assert "Nothing of it was run at this scale." in section

    shown = {name: TABLES[name] for name in ("table2", "table3", "ablations")}
    monkeypatch.setattr(results, "TABLES", shown)
    for seed in range(2):
        leave(Place(tmp_path, "", "small"), OURS, seed, KMEANS, {"kmeans": 0.25 + seed / 2})
    leave(Place(tmp_path, "", "paper"), OURS, 0, KMEANS, {"kmeans": 0.9})
    some = format_results(tmp_path)
    found = {}
    for section in re.split(r"(?m)^## ", some)[1:]:
        for (row, column), text in cells_of(section).items():
            if column.endswith(": ours") and text:
                found.setdefault(section.splitlines()[0], {})[row, column] = text
    table2 = f"{TABLES['table2'].title} ({TABLES['table2'].source})"
    ablations = f"{TABLES['ablations'].title} ({TABLES['ablations'].source})"
    assert found == {
        f"{table2}, scale small": {("Our recipe, k-means", "MNIST(U): ours"): "50.0 ± 35.4"},
        f"{table2}, scale paper": {("Our recipe, k-means", "MNIST(U): ours"): "90.0"},
        f"{ablations}, scale small": {("Our recipe", "MNIST(U), k-means: ours"): "50.0 ± 35.4"},
        f"{ablations}, scale paper": {("Our recipe", "MNIST(U), k-means: ours"): "90.0"},
    }
    assert some.count(f"## {table2}") == 2 and some.count(f"## {TABLES['table3'].title}") == 1
