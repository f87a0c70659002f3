"""Tables and pages in Markdown, from records that the tests write and as committed."""

import dataclasses
import re

import pytest

from irl_inr_jax.types import InputError
from papers import collection, results
from papers.collection import collect_all
from papers.records import Cell, TrainingSpec
from papers.results import ResultFiles, format_details, format_summary
from papers.runner import Workspace
from papers.systems import describe_differences
from papers.tables import TABLES
from papers.values_file import read_summaries
from tests.conftest import ROOT
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


def test_the_line_of_a_run_describes_its_seeds_data_and_cost(workspace):
    for seed in range(2):
        write_records(workspace, OURS, seed, KMEANS, {"kmeans": 0.5}, seconds=61.0, rotation=0.5)
        write_records(workspace, OURS, seed, SCAN, {"scan": 0.6}, seconds=7200.0)
    write_records(workspace, ORBIT, 0, KMEANS, {"kmeans": 0.5}, step=0)
    text = markdown_of(workspace, TABLE, 2)
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
    assert "Differences from the publication: none." in markdown_of(workspace, alone, 1)


def test_the_line_of_a_run_has_the_seeds_of_all_its_cells(workspace):
    """While seeds are added, or after a call that was stopped between two evaluations, cells have different ones."""
    for seed in range(2):
        write_records(workspace, OURS, seed, KMEANS, {"kmeans": 0.5}, device=f"device {seed}")
    write_records(workspace, OURS, 0, SCAN, {"scan": 0.6}, seconds=100.0)
    line = next(line for line in markdown_of(workspace, TABLE, 2).splitlines() if "`mnist" in line)
    assert "seeds 0, 1, " in line and "in 2 min 5 s to 2 min 6 s, evaluation 1 min 1 s to 2 min 41 s" in line


def test_the_line_of_a_run_names_every_device_and_the_range_of_its_costs(workspace):
    for seed, (device, seconds) in enumerate((("cpu", 61.0), ("H100", 4.0), ("cpu", 30.0))):
        write_records(workspace, OURS, seed, KMEANS, {"kmeans": 0.5}, seconds=seconds, device=device)
    text = markdown_of(workspace, TABLE, 3)
    assert "evaluation 4 s to 1 min 1 s, cpu and H100. Differences" in text


def test_all_tables_are_in_the_results_with_values_only_for_finished_runs(tmp_path, monkeypatch):
    nothing = format_details(collect_all(tmp_path, {}))
    sections = re.split(r"(?m)^## ", nothing)[1:]
    assert len(sections) == len(TABLES)
    for section, table in zip(sections, TABLES.values(), strict=True):
        assert section.startswith(f"{table.title} ({table.source})")
        cells = cells_of(section)
        assert {row for row, _ in cells} == set(table.rows)
        assert not any(text for (_, column), text in cells.items() if column.endswith(": ours"))
        published = {(cell.row, f"{cell.column}: published"): cell.published for cell in table.cells if cell.published}
        assert {position: text for position, text in cells.items() if text} == published
        assert "No runs at this scale." in section

    shown = {name: TABLES[name] for name in ("table2", "table3", "ablations")}
    monkeypatch.setattr(collection, "TABLES", shown)
    for seed in range(2):
        write_records(Workspace(tmp_path, "", "quick"), OURS, seed, KMEANS, {"kmeans": 0.25 + seed / 2})
    write_records(Workspace(tmp_path, "", "paper"), OURS, 0, KMEANS, {"kmeans": 0.9})
    some = format_details(collect_all(tmp_path, {}))
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
    assert format_summary(collect_all(tmp_path, {})).startswith("Mostly without values")
    write_records(workspace, ORBIT, 0, KMEANS, {"kmeans": 0.25})
    text = format_summary(collect_all(tmp_path, {}))
    assert text.count("### An invented table, scale quick, 1 to 2 seeds") == 1 and "(invented, quick)" in text
    assert cells_of(text)["Ours", "k-means: ours"] == "50.0 ± 0.0" and "*Nobody, 1899*" in text
    assert cells_of(text)["Training-free", "k-means: ours"] == "25.0" and "sha256" not in text
    write_records(workspace, OURS, 0, SCAN, {"scan": 0.5}, shift=[0.5, 0.5])
    assert "Training-free" in format_summary(collect_all(tmp_path, {}))
    monkeypatch.setattr(results, "ONLY_DETAILS", (TABLE.name,))
    text = format_summary(collect_all(tmp_path, {}))
    named = "An invented table (invented, quick)"
    assert text.strip() == f"Only in [all tables](docs/results/tables.md): {named}; {named}."


def test_the_summary_is_replaced_and_everything_around_it_is_kept(tmp_path):
    files = ResultFiles(tmp_path / "RESULTS.md", tmp_path / "docs" / "tables.md", tmp_path / "docs" / "tables.jsonl")
    page = files.page
    before, after = f"# Results\n\n## Measured\n{results.BEGIN}", f"{results.END}\n\n## More\n"
    page.write_text(f"{before}\nold tables\n{after}")
    (tmp_path / "paper").mkdir()
    with pytest.raises(InputError, match="expected finished runs"):
        results.update_results(files, tmp_path)
    write_records(Workspace(tmp_path, "", "paper"), OURS, 0, KMEANS, {"kmeans": 0.5})
    results.update_results(files, tmp_path)
    sections = collect_all(tmp_path, {})
    assert files.details.read_text() == format_details(sections)
    written = page.read_text()
    assert written == f"{before}\n\n{format_summary(sections)}\n{after}"
    results.update_results(files, tmp_path)
    assert page.read_text() == written
    page.write_text("# Results\n")
    with pytest.raises(InputError, match="expected a file with the lines"):
        results.update_results(files, tmp_path)


def test_the_committed_pages_are_those_of_the_committed_values(tmp_path):
    """Also fails if a run now differs from its publication in other words than when it was measured."""
    details = ROOT / "docs" / "results" / "tables.md"
    earlier = read_summaries(details.with_suffix(".jsonl"))
    sections = collect_all(tmp_path, earlier)
    assert details.read_text() == format_details(sections)
    page = (ROOT / "RESULTS.md").read_text()
    assert page.partition(results.BEGIN)[2].partition(results.END)[0].strip() == format_summary(sections).strip()
    assert len(page.split()) < 2000 and page.count(results.BEGIN) == 1 == page.count(results.END)
    assert {table for table, _ in earlier} == set(TABLES) and all(summary.cells for summary in earlier.values())


def test_the_title_of_a_summary_says_how_many_seeds_its_cells_have(workspace):
    def title():
        return format_summary([section_of(workspace, TABLE, 3)]).splitlines()[0].rpartition(", ")[2]

    for measure, values in ((KMEANS, {"kmeans": 0.5}), (SCAN, {"scan": 0.6})):
        for system in (OURS, ORBIT):
            write_records(workspace, system, 0, measure, values, shift=[0.5, 0.5], rotation=0.5)
    assert title() == "1 seed"
    write_records(workspace, OURS, 1, KMEANS, {"kmeans": 0.7}, shift=[0.5, 0.5], rotation=0.5)
    assert title() == "1 to 2 seeds"
