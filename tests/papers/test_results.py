"""Tables from records in the runs' folders, which the tests write."""

import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import pytest

from irl_inr_jax.types import InputError
from papers import collection, results
from papers.collection import collect_all, collect_table
from papers.records import Cell, Measure, Table, TrainingSpec
from papers.results import format_details, format_markdown, format_summary
from papers.runner import Workspace, record_path, run_folder, write_json
from papers.systems import describe_differences, simplify_cell
from papers.tables import TABLES
from tests.conftest import ROOT

OURS, ORBIT = TrainingSpec("mnist_u", "ours"), TrainingSpec("mnist_u", "orbit_knn")
KMEANS = Measure(("clustering", "kmeans", "accuracy"), True, "kmeans", True)
SCAN = Measure(("clustering", "scan", "accuracy"), True, "scan")
SHIFT = Measure(("pose", "translation_correlation"), False, transductive=True)
ROTATION = Measure(("pose", "rotation_correlation"), False, transductive=True)
TABLE = Table(
    "invented",
    "An invented table",
    "nobody, 1899",
    (
        Cell("Ours", "k-means", "12.3 ± 4", OURS, KMEANS),
        Cell("Ours", "SCAN", "", OURS, SCAN),
        Cell("Ours", "shift", "0.5, 0.6", OURS, SHIFT),
        Cell("Ours", "rotation", "", OURS, ROTATION),
        Cell("Training-free", "k-means", "", ORBIT, KMEANS),
        Cell("Training-free", "rotation", "0.93", ORBIT, ROTATION),
    ),
    ("A note.",),
)


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path, "", "quick")


def write_records(
    workspace, run, seed, measure, clustering, *, seconds=61.0, shift=None, rotation=None, step=780, device="a test"
):
    """Write the records of training and of one evaluation."""
    folder = run_folder(workspace, run, seed)
    write_json(folder / "training.json", {"seconds": 125.0 + seed, "done": True})
    results = {
        "clustering": {name: {"accuracy": value} for name, value in clustering.items()},
        "data": {"num_train": 5000, "num_images": 2000, "sha256": "0123456789abcdef" * 4},
        "device": device,
        "step": step,
    }
    record = {"seconds": seconds, "clusterers": list(clustering), "results": results}
    write_json(record_path(folder, measure.evaluation), record)
    if shift is not None or rotation is not None:
        pose = {"translation_correlation": shift, "rotation_correlation": rotation}
        record = {"seconds": seconds, "clusterers": [], "results": {**results, "clustering": {}, "pose": pose}}
        write_json(record_path(folder, SHIFT.evaluation), record)


def cells_of(markdown):
    """{(row, column): text} of the table in Markdown."""
    lines = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in table_lines(markdown)]
    header, _, *rows = lines
    return {(row[0], column): text for row in rows for column, text in zip(header[1:], row[1:], strict=True)}


def table_lines(markdown):
    return [line for line in markdown.splitlines() if line.startswith("|")]


def test_means_and_sample_deviations_over_seeds_are_next_to_published_values(workspace):
    accuracies = np.array([0.31, 0.402, 0.377])
    shifts = np.array([[0.91, 0.82], [0.93, 0.81], [0.9, 0.85]])
    for seed in range(3):
        shift = shifts[seed].tolist()
        write_records(
            workspace, OURS, seed, KMEANS, {"kmeans": accuracies[seed]}, shift=shift, rotation=0.25 * (seed + 1)
        )
    record = collect_table(workspace, TABLE, 3)
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
    cells = cells_of(format_markdown(collect_table(workspace, TABLE, 1)))
    assert cells["Ours", "k-means: ours"] == "25.0" and cells["Ours", "shift: ours"] == "0.5000, -0.2500"
    assert cells_of(format_markdown(collect_table(workspace, TABLE, 5)))["Ours", "k-means: ours"] == "50.0 ± 35.4"


def test_a_cell_without_run_clusterer_or_measure_is_empty(workspace):
    write_records(workspace, OURS, 0, KMEANS, {"agglomerative": 0.5})
    write_records(workspace, ORBIT, 0, KMEANS, {"kmeans": 0.5})
    record = collect_table(workspace, TABLE, 1)
    assert [entry["values"] for entry in record["cells"]] == [[], [], [], [], [0.5], []]
    assert [entry["mean"] for entry in record["cells"]] == [None, None, None, None, [0.5], None]
    assert [text for (_, column), text in cells_of(format_markdown(record)).items() if "ours" in column and text] == [
        "50.0"
    ]
    elsewhere = collect_table(workspace._replace(scale="paper"), TABLE, 1)
    assert not any(entry["values"] for entry in elsewhere["cells"])
    assert "No runs at this scale." in format_markdown(elsewhere)


def test_a_missing_seed_between_others_is_skipped(workspace):
    for seed, value in ((0, 0.2), (2, 0.4)):
        write_records(workspace, OURS, seed, KMEANS, {"kmeans": value})
    entry = collect_table(workspace, TABLE, 3)["cells"][0]
    assert entry["seeds"] == [0, 2] and entry["values"] == [0.2, 0.4]
    assert "seeds 0, 2" in format_markdown(collect_table(workspace, TABLE, 3))


def test_the_line_of_a_run_describes_its_seeds_data_and_cost(workspace):
    for seed in range(2):
        write_records(workspace, OURS, seed, KMEANS, {"kmeans": 0.5}, seconds=61.0, rotation=0.5)
        write_records(workspace, OURS, seed, SCAN, {"scan": 0.6}, seconds=7200.0)
    write_records(workspace, ORBIT, 0, KMEANS, {"kmeans": 0.5}, step=0)
    text = format_markdown(collect_table(workspace, TABLE, 2))
    assert "## An invented table (nobody, 1899), scale quick" in text and "\nA note.\n" in text
    ours, orbit = [line for line in text.splitlines() if line.startswith("- `")]
    assert ours.startswith(
        "- `mnist_u-ours`: seeds 0, 1, 5000 + 2000 images (test sha256 0123456789ab), 780 steps in 2"
    )
    # Seconds of one seed: 125 and 126 of training; 61, 61 and 7,200 of the three evaluations.
    costs = "780 steps in 2 min 5 s to 2 min 6 s, evaluation 2 h 2 min, a test"
    assert f"{costs}. Differences from the publication: our recipe:" in ours
    assert all(words in ours for words in describe_differences(OURS, "quick"))
    differs = "; ".join(describe_differences(ORBIT, "quick"))
    assert "no steps in 2 min 5 s" in orbit and orbit.endswith(f"Differences from the publication: {differs}.")
    workspace = workspace._replace(scale="paper")
    alone = dataclasses.replace(
        TABLE, cells=(Cell("IRL-INR", "k-means", "59.6", TrainingSpec("mnist_u", "irl_inr"), KMEANS),)
    )
    write_records(workspace, TrainingSpec("mnist_u", "irl_inr"), 0, KMEANS, {"kmeans": 0.5})
    assert "Differences from the publication: none." in format_markdown(collect_table(workspace, alone, 1))


def test_the_line_of_a_run_names_every_device_and_the_range_of_its_costs(workspace):
    for seed, (device, seconds) in enumerate((("cpu", 61.0), ("H100", 4.0), ("cpu", 30.0))):
        write_records(workspace, OURS, seed, KMEANS, {"kmeans": 0.5}, seconds=seconds, device=device)
    text = format_markdown(collect_table(workspace, TABLE, 3))
    assert "evaluation 4 s to 1 min 1 s, cpu and H100. Differences" in text


def test_cells_of_equal_configuration_at_a_scale_share_a_run(tmp_path):
    """Table 4's d = 512 equals Table 3's IRL-INR + SCAN only at the paper's scale."""
    for scale in ("quick", "paper"):
        write_records(Workspace(tmp_path, "", scale), TrainingSpec("mnist_u", "irl_inr"), 0, SCAN, {"scan": 0.876})
    for scale, expected in (("paper", "87.6"), ("quick", "")):
        cells = cells_of(format_markdown(collect_table(Workspace(tmp_path, "", scale), TABLES["table4"], 1)))
        assert cells["IRL-INR + SCAN, d = 512", "MNIST(U): ours"] == expected
        assert cells["IRL-INR + SCAN, d = 256", "MNIST(U): ours"] == ""
        assert cells["IRL-INR + SCAN, d = 512", "MNIST(U): published"] == "90.4 ± 1.74"


def test_a_record_survives_json(workspace):
    write_records(workspace, OURS, 0, KMEANS, {"kmeans": 0.5})
    record = collect_table(workspace, TABLE, 1)
    assert json.loads(json.dumps(record)) == record
    assert format_markdown(json.loads(json.dumps(record))) == format_markdown(record)


def test_all_tables_are_in_the_results_with_values_only_for_finished_runs(tmp_path, monkeypatch):
    nothing = format_details(collect_all(tmp_path))
    sections = re.split(r"(?m)^## ", nothing)[1:]
    assert len(sections) == len(TABLES)
    for section, table in zip(sections, TABLES.values(), strict=True):
        assert section.startswith(f"{table.title} ({table.source})")
        cells = cells_of(section)
        assert {row for row, _ in cells} == set(table.rows)
        assert not any(text for (_, column), text in cells.items() if column.endswith(": ours"))
        published = {(cell.row, f"{cell.column}: published"): cell.published for cell in table.cells if cell.published}
        assert {workspace: text for workspace, text in cells.items() if text} == published
        assert "No runs at this scale." in section

    shown = {name: TABLES[name] for name in ("table2", "table3", "ablations")}
    monkeypatch.setattr(collection, "TABLES", shown)
    for seed in range(2):
        write_records(Workspace(tmp_path, "", "quick"), OURS, seed, KMEANS, {"kmeans": 0.25 + seed / 2})
    write_records(Workspace(tmp_path, "", "paper"), OURS, 0, KMEANS, {"kmeans": 0.9})
    some = format_details(collect_all(tmp_path))
    found = {}
    for section in re.split(r"(?m)^## ", some)[1:]:
        for (row, column), text in cells_of(section).items():
            if column.endswith(": ours") and text:
                found.setdefault(section.splitlines()[0], {})[row, column] = text
    table2 = f"{TABLES['table2'].title} ({TABLES['table2'].source})"
    ablations = f"{TABLES['ablations'].title} ({TABLES['ablations'].source})"
    assert found == {
        f"{table2}, scale quick": {("Our recipe, k-means", "MNIST(U): ours"): "50.0 ± 35.4"},
        f"{table2}, scale paper": {("Our recipe, k-means", "MNIST(U): ours"): "90.0"},
        f"{ablations}, scale quick": {("Our recipe", "MNIST(U), k-means: ours"): "50.0 ± 35.4"},
        f"{ablations}, scale paper": {("Our recipe", "MNIST(U), k-means: ours"): "90.0"},
    }
    assert some.count(f"## {table2}") == 2 and some.count(f"## {TABLES['table3'].title}") == 1


def test_a_summary_has_the_rows_with_values_of_tables_that_are_more_than_half_filled(tmp_path, monkeypatch):
    table2 = dataclasses.replace(TABLE, cells=tuple(cell for cell in TABLE.cells if cell.column == "k-means"))
    monkeypatch.setattr(collection, "TABLES", {"invented": TABLE, "second": table2})
    workspace = Workspace(tmp_path, "", "quick")
    for seed in range(2):
        write_records(workspace, OURS, seed, KMEANS, {"kmeans": 0.5}, seconds=1.0)
    assert format_summary(collect_all(tmp_path)).startswith("Mostly without values")
    write_records(workspace, ORBIT, 0, KMEANS, {"kmeans": 0.25})
    text = format_summary(collect_all(tmp_path))
    assert text.count("### An invented table, scale quick, 1 to 2 seeds") == 1 and "(invented, quick)" in text
    assert cells_of(text)["Ours", "k-means: ours"] == "50.0 ± 0.0" and "*Nobody, 1899*" in text
    assert cells_of(text)["Training-free", "k-means: ours"] == "25.0" and "sha256" not in text
    write_records(workspace, OURS, 0, SCAN, {"scan": 0.5}, shift=[0.5, 0.5])
    assert "Training-free" in format_summary(collect_all(tmp_path))
    monkeypatch.setattr(results, "ONLY_DETAILS", (TABLE.name,))
    text = format_summary(collect_all(tmp_path))
    named = "An invented table (invented, quick)"
    assert text.strip() == f"Only in [all tables](docs/results/tables.md): {named}; {named}."


def test_the_summary_is_replaced_and_everything_around_it_is_kept(tmp_path):
    page, details = tmp_path / "RESULTS.md", tmp_path / "docs" / "tables.md"
    before, after = f"# Results\n\n## Measured\n{results.BEGIN}", f"{results.END}\n\n## More\n"
    page.write_text(f"{before}\nold tables\n{after}")
    with pytest.raises(InputError, match="expected finished runs"):
        results.update_results(page, details, tmp_path)
    write_records(Workspace(tmp_path, "", "paper"), OURS, 0, KMEANS, {"kmeans": 0.5})
    results.update_results(page, details, tmp_path)
    records = collect_all(tmp_path)
    assert details.read_text() == format_details(records)
    written = page.read_text()
    assert written == f"{before}\n\n{format_summary(records)}\n{after}"
    results.update_results(page, details, tmp_path)
    assert page.read_text() == written
    page.write_text("# Results\n")
    with pytest.raises(InputError, match="expected a file with the lines"):
        results.update_results(page, details, tmp_path)


def test_the_committed_results_have_the_words_of_the_generator():
    """The page is generated from runs that are not committed; all but its values and costs must agree."""
    committed = (ROOT / "docs" / "results" / "tables.md").read_text()
    assert committed.startswith(results.DETAILS)
    sections = re.split(r"(?m)^## ", committed)[1:]
    assert len(sections) == len(TABLES)
    for section, table in zip(sections, TABLES.values(), strict=True):
        scale = section.splitlines()[0].rpartition("scale ")[2]
        assert section.startswith(f"{table.title} ({table.source}), scale {scale}\n")
        expected = collect_table(Workspace(Path("none"), "", scale), table, 1)
        published = {position: text for position, text in cells_of(format_markdown(expected)).items() if text}
        found = cells_of(section)
        assert {
            position: text for position, text in found.items() if position[1].endswith(": published") and text
        } == published
        assert list(dict.fromkeys(row for row, _ in found)) == table.rows and all(
            note in section for note in table.notes
        )
        specs = {cell.training.name: cell.training for cell in (simplify_cell(cell, scale) for cell in table.cells)}
        for name, differs in re.findall(r"(?m)^- `(.*?)`: .* Differences from the publication: (.*)\.$", section):
            assert differs == "; ".join(describe_differences(specs[name], scale))


def test_the_committed_summary_repeats_the_committed_tables():
    page = (ROOT / "RESULTS.md").read_text()
    summary = page.partition(results.BEGIN)[2].partition(results.END)[0]
    details = (ROOT / "docs" / "results" / "tables.md").read_text()
    assert len(table_lines(summary)) > 20 and set(table_lines(summary)) <= set(table_lines(details))
    assert len(page.split()) < 2000 and page.count(results.BEGIN) == 1 == page.count(results.END)


def test_the_title_of_a_summary_says_how_many_seeds_its_cells_have(workspace):
    def title():
        return format_summary([collect_table(workspace, TABLE, 3)]).splitlines()[0].rpartition(", ")[2]

    for measure, values in ((KMEANS, {"kmeans": 0.5}), (SCAN, {"scan": 0.6})):
        for system in (OURS, ORBIT):
            write_records(workspace, system, 0, measure, values, shift=[0.5, 0.5], rotation=0.5)
    assert title() == "1 seed"
    write_records(workspace, OURS, 1, KMEANS, {"kmeans": 0.7}, shift=[0.5, 0.5], rotation=0.5)
    assert title() == "1 to 2 seeds"
