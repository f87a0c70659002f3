"""The command line of `papers`, called in-process, and a table and a figure of tiny training runs."""

import contextlib
import csv
import io
import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from scipy.optimize import linear_sum_assignment

from irl_inr_jax.config.storage import from_json
from irl_inr_jax.data.datasets import make_dataset
from papers import __main__ as papers_main
from papers import figure2, runner, systems
from papers.records import Cell, Measure, Table, TrainingSpec
from papers.results import BEGIN, END
from papers.runner import Workspace, record_path, run_folder, write_json
from papers.systems import describe_differences, simplify_cell
from papers.tables import TABLES
from tests.conftest import ONE_DEVICE, ROOT
from tests.papers.invented_table import OURS, TABLE, VALUES, markdown_of, write_seeds

KMEANS = Measure(("clustering", "kmeans", "accuracy"), True, "kmeans", True)
SPATIAL_VAE = TrainingSpec("tiny", "spatial_vae")
TINY_TABLE = Table(
    "tiny",
    "A tiny table",
    "nobody",
    (
        Cell("VAE", "Digits", "12.3", SPATIAL_VAE, KMEANS),
        Cell("None", "Digits", "", TrainingSpec("tiny", "orbit_knn"), KMEANS),
    ),
)


def test_invalid_arguments_are_refused_with_the_valid_ones(capsys):
    known = f"expected tables among list, results, curve, curves, {', '.join(TABLES)}, figure2, then flags"
    for arguments, expected in (
        (["table9"], f"error: {known}, found 'table9'; see --help"),
        (["table2", "tabel3"], f"error: {known}, found 'tabel3'; see --help"),
        (["--scale=quick", "table2"], f"error: {known}, found '--scale=quick'; see --help"),
        (["table2", "list"], "error: expected list or results alone, found table2 list; see --help"),
        (["list", "--scale", "small"], "quick"),
        (["list", "--scale", "quick", "table2"], "error: expected only flags, found 'table2'"),
        (["table2", "--seeds=0"], "--seeds"),
        (["list", "--seeds=2"], "error: expected for list flags among --scale, --workdir, found --seeds; see --help"),
        (["results", "--scale", "quick"], "--workdir, --output, --details, --values, found --scale; see --help"),
        (["table2", "--values=a.jsonl"], "--scale, --seeds, --root, --workdir, found --values; see --help"),
    ):
        assert papers_main.main(arguments) == 2
        output, message = capsys.readouterr()
        assert output == "" and expected in message and message.startswith("error: ") and message.count("\n") == 1


def test_help_shows_examples_and_flags(capsys):
    for arguments in ([], ["table2", "--help"]):
        assert papers_main.main(arguments) == 0
        output = capsys.readouterr().out
        assert "python -m papers table2 --root DIR" in output and "--seeds" in output and "default: quick" in output


def test_list_counts_the_finished_cells(tmp_path, capsys):
    cell = simplify_cell(next(cell for cell in TABLES["table2"].cells if cell.row == "IRL-INR, k-means"), "paper")
    folder = run_folder(Workspace(tmp_path, "", "paper"), cell.training, 0)
    write_json(record_path(folder, cell.measure.evaluation), {"seconds": 1, "clusterers": ["kmeans"], "results": {}})
    assert papers_main.main(["list", "--scale", "paper", "--workdir", str(tmp_path)]) == 0
    lines = {line.split()[0]: line.split()[1:4] for line in capsys.readouterr().out.splitlines()}
    assert list(lines) == [*TABLES, "figure2"]
    assert lines["table2"] == ["1", "of", str(len(TABLES["table2"].cells))]
    # The ablations have k-means of the same run; its squared error is another evaluation.
    assert lines["ablations"][0] == "1" and lines["table3"][0] == "0" == lines["thesis4.1"][0]


@pytest.fixture(scope="module")
def reproduced(tmp_path_factory):
    """The tiny table and figure requested twice, listed, and written: (workdir, outputs by command, details)."""
    workdir = tmp_path_factory.mktemp("papers")
    output, details, values = workdir / "RESULTS.md", workdir / "tables.md", workdir / "tables.jsonl"
    output.write_text(f"# Results\n{BEGIN}\n{END}\n")
    folder = f"--workdir={workdir}"
    commands = (["tiny", "figure2", "--scale=paper", "--root=none", folder],) * 2 + (
        ["list", "--scale=paper", folder],
        ["results", f"--output={output}", f"--details={details}", f"--values={values}", folder],
    )
    call_script = runner.call_script

    def announce_and_call(script, arguments, **others):
        print("script", script)
        # The digits come with scikit-learn, and a folder that a data set does not read is refused.
        arguments = [flag for flag in arguments if not flag.startswith("--config.data.root=")]
        return call_script(script, arguments, **others)

    outputs = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "call_script", announce_and_call)
        for tables in (papers_main.TABLES, figure2.FIGURE_RUNS, systems.QUICK_DATA):
            for name in tuple(tables):
                patch.delitem(tables, name)
        patch.setitem(papers_main.TABLES, "tiny", TINY_TABLE)
        patch.setitem(systems.QUICK_DATA, "tiny", ())
        patch.setitem(figure2.FIGURE_RUNS, "tiny", {"VAE": SPATIAL_VAE, "Thesis": TrainingSpec("tiny", "thesis")})
        for command in commands:
            with contextlib.redirect_stdout(io.StringIO()) as text:
                assert papers_main.main(command) == 0, text.getvalue()
            outputs.append(text.getvalue())
    return workdir, outputs, details.read_text()


def measure_accuracy(path):
    """The accuracy of the best matching of clusters and labels in clusters.csv."""
    with path.open() as file:
        rows = list(csv.DictReader(file))
    classes, clusters = (sorted({row[key] for row in rows}) for key in ("label", "kmeans"))
    counts = np.zeros((len(clusters), len(classes)), int)
    for row in rows:
        counts[clusters.index(row["kmeans"]), classes.index(row["label"])] += 1
    return counts[linear_sum_assignment(counts, maximize=True)].sum() / len(rows)


def test_the_files_of_a_table_have_every_cell_and_seed(tmp_path):
    workspace = Workspace(write_seeds(tmp_path, [0, 1]), "", "quick")
    text = papers_main.write_table(workspace, TABLE, 2)
    path = tmp_path / "tables" / "invented-quick.json"
    assert path.with_suffix(".md").read_text() == text == markdown_of(workspace, TABLE, 2)
    record = json.loads(path.read_text())
    assert (record["table"], record["scale"], record["notes"]) == ("invented", "quick", ["A note."])
    found = [(cell["row"], cell["column"], cell["published"], cell["percent"]) for cell in record["cells"]]
    assert found == [(cell.row, cell.column, cell.published, cell.measure.percent) for cell in TABLE.cells]
    kmeans, scan, shift, *_ = record["cells"]
    assert (scan["seeds"], scan["mean"], scan["std"]) == ([], None, None)
    assert [(seed["seed"], seed["value"]) for seed in shift["seeds"]] == [
        (number, [VALUES[number] / 2, -VALUES[number]]) for number in range(2)
    ]
    assert kmeans["mean"] == pytest.approx([np.mean(VALUES[:2])]) and kmeans["evaluation"] != shift["evaluation"]
    assert kmeans["differs"] == describe_differences(OURS, "quick") and kmeans["seeds"][0]["steps"] == 780


@pytest.mark.slow
def test_a_table_has_the_measured_accuracies(reproduced):
    workdir, (first, *_), _ = reproduced
    record = json.loads((workdir / "tables" / "tiny-paper.json").read_text())
    table = (workdir / "tables" / "tiny-paper.md").read_text()
    assert table in first
    assert [entry["published"] for entry in record["cells"]] == ["12.3", ""]
    for entry, system, published in zip(record["cells"], ("spatial_vae", "orbit_knn"), ("12.3", ""), strict=True):
        run = workdir / "paper" / f"tiny-{system}-seed0" / "run"
        results = json.loads((run / "eval" / "results.json").read_text())
        [seed] = entry["seeds"]
        [value] = seed["value"]
        accuracy = measure_accuracy(run / "eval" / "clusters.csv")
        assert [value] == entry["mean"] and value == results["clustering"]["kmeans"]["accuracy"] == pytest.approx(
            accuracy
        )
        assert 0.1 < value < 1 and f"| {entry['row']} | {published} | {100 * value:.1f} |" in table
        assert results["method"] == system and seed["data_sha256"] == results["data"]["sha256"]
        assert results["clustering"]["kmeans"]["transductive"] and seed["images"] == [256, 64]
        assert (seed["steps"] == 0) == (system == "orbit_knn")
        assert seed["train_seconds"] > 1 and seed["evaluate_seconds"] > results["seconds"]["total"] > 0


@pytest.mark.slow
def test_only_missing_runs_are_started(reproduced):
    _, (first, second, *_), _ = reproduced
    scripts = [line.split()[1] for line in first.splitlines() if line.startswith("script ")]
    assert scripts == ["train.py", "evaluate.py", "train.py", "evaluate.py", "train.py"]
    assert "script" not in second and "| VAE | 12.3 |" in second


@pytest.mark.slow
def test_list_and_results_show_the_finished_runs(reproduced):
    workdir, outputs, results = reproduced
    assert outputs[2].startswith("tiny         2 of  2 cells")
    assert (workdir / "tables" / "tiny-paper.md").read_text().strip() in results


@pytest.mark.slow
def test_the_figure_has_the_images_above_one_row_per_system(reproduced):
    """Cells of 16 x 16 pixels enlarged five times, four pixels apart, right of the row names and below the title."""
    workdir, (first, *_), _ = reproduced
    path = workdir / "tables" / "figure2-tiny-paper.png"
    assert str(path) in first
    with Image.open(path) as figure:
        pixels = np.asarray(figure.convert("L")).astype(int)
    tiles = np.stack(
        [[pixels[68 + 84 * row :, 146 + 84 * column :][:80:5, :80:5] for column in range(12)] for row in range(3)]
    )
    assert (pixels[68 + 3 * 84 :] == 255).all() and (pixels[:, 146 + 12 * 84 :][68:] == 255).all()
    dataset = make_dataset(from_json(workdir / "paper" / "tiny-spatial_vae-seed0" / "run" / "config.json").data)
    images = np.asarray(dataset.test.images)[..., 0].astype(int)
    found = [np.flatnonzero((np.abs(images - tile) <= 1).all(axis=(1, 2))).tolist() for tile in tiles[0]]
    assert [len(rows) for rows in found] == [1] * 12 and len({rows[0] for rows in found}) == 12
    errors = [np.mean((tiles[0] - reconstructed) ** 2) for reconstructed in tiles[1:]]
    assert all(0 < error < 0.25 * 255**2 for error in errors) and errors[0] != errors[1]


@pytest.mark.slow
def test_the_module_runs_as_a_process():
    command = [sys.executable, "-m", "papers", "list", "--workdir=none"]
    done = subprocess.run(command, cwd=ROOT, env=ONE_DEVICE, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and done.stdout.startswith("thesis4.1"), done.stderr
