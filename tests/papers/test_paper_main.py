"""`python -m papers` as a user calls it; with tables and a figure of tiny runs, from nothing to their files.

Always in a process of its own, since its flags have the names of other scripts' flags.
"""

import csv
import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from scipy.optimize import linear_sum_assignment

from irl_inr_jax.config.storage import from_json
from irl_inr_jax.data.datasets import make_dataset
from papers.runner import Place, folder_of, record_path, write_json
from papers.systems import simplify_cell
from papers.tables import TABLES
from tests.conftest import ONE_DEVICE, ROOT

# Calls main() once for each command line of the list that it is given, in one process, and prints how each ended.
CALLS = """
import json, sys
from papers import __main__ as paper, runner, systems
from papers.records import Cell, Measure, Run, Table
{changes}
for command in json.loads(sys.argv[1]):
    sys.argv = ["paper", *command]
    try:
        paper.main()
    except SystemExit as ended:
        print("status", ended.code, flush=True)
        print("end", file=sys.stderr, flush=True)
"""
TINY = """
call_script = runner.call_script

def tell(script, arguments, **others):
    print("script", script, flush=True)
    return call_script(script, arguments, **others)

runner.call_script = tell
measure = Measure(("clustering", "kmeans", "accuracy"), True, "kmeans", True)
spatial_vae = Run("tiny", "spatial_vae")
cells = (
    Cell("VAE", "Digits", "12.3", spatial_vae, measure),
    Cell("None", "Digits", "", Run("tiny", "orbit_knn"), measure),
)
paper.TABLES.clear()
paper.TABLES["tiny"] = Table("tiny", "A tiny table", "nobody", cells)
systems.SMALL_DATA["tiny"] = ()
paper.FIGURE_RUNS.clear()
paper.FIGURE_RUNS["tiny"] = {"VAE": spatial_vae, "Thesis": Run("tiny", "thesis")}
"""


def call(*commands, changes=""):
    program = [sys.executable, "-c", CALLS.format(changes=changes), json.dumps([list(map(str, c)) for c in commands])]
    return subprocess.run(program, cwd=ROOT, env=ONE_DEVICE, capture_output=True, text=True, timeout=900)


def test_what_cannot_be_made_is_refused_with_what_can():
    commands = (["table9"], ["table2", "tabel3"], ["--scale=small", "table2"], ["table2", "list"])
    commands += (["list", "--scale", "large"], ["list", "--scale", "small", "table2"], ["list", "--seeds=0"])
    ended = call(*commands)
    assert ended.stdout.split() == ["status", "2"] * len(commands)
    messages = [message.strip() for message in ended.stderr.split("end\n")]
    known = f"expected tables among list, results, {', '.join(TABLES)}, figure2, then flags"
    assert messages[0] == f"error: {known}, found 'table9'; see --help"
    assert messages[1] == f"error: {known}, found 'tabel3'; see --help"
    assert messages[2] == f"error: {known}, found '--scale=small'; see --help"
    assert messages[3] == "error: expected list or results by itself, found table2 list; see --help"
    assert "--scale" in messages[4] and "small" in messages[4]
    assert messages[5].startswith("error: expected only flags, found 'table2'")
    assert "--seeds" in messages[6]
    assert all(message.count("\n") == 0 for message in messages)


def test_list_counts_the_cells_that_are_there(tmp_path):
    cell = simplify_cell(next(cell for cell in TABLES["table2"].cells if cell.row == "IRL-INR, k-means"), "paper")
    folder = folder_of(Place(tmp_path, "", "paper"), cell.run, 0)
    write_json(record_path(folder, cell.measure.evaluation), {"seconds": 1, "clusterers": ["kmeans"], "results": {}})
    command = [sys.executable, "-m", "papers", "list", "--scale", "paper", "--workdir", str(tmp_path)]
    listed = subprocess.run(command, cwd=ROOT, env=ONE_DEVICE, capture_output=True, text=True, timeout=300)
    assert listed.returncode == 0, listed.stderr
    lines = {line.split()[0]: line.split()[1:4] for line in listed.stdout.splitlines()}
    assert list(lines) == [*TABLES, "figure2"]
    assert lines["table2"] == ["1", "of", str(len(TABLES["table2"].cells))]
    # The ablations have k-means of the same run, and its squared error, which is measured apart.
    assert lines["ablations"][0] == "1" and lines["table3"][0] == "0" == lines["thesis4.1"][0]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The tiny table and figure made twice, listed, and written down: (workdir, outputs by command, RESULTS.md)."""
    workdir = tmp_path_factory.mktemp("paper")
    output = workdir / "RESULTS.md"
    flags = ["--scale", "paper", "--workdir", workdir, "--root", "none"]
    make = ["tiny", "figure2", *flags]
    ended = call(make, make, ["list", *flags], ["results", "--output", output, *flags], changes=TINY)
    assert ended.stdout.count("status 0") == 4, ended.stdout[-3000:] + ended.stderr[-3000:]
    return workdir, ended.stdout.split("status 0\n")[:4], output.read_text()


def accuracy_of(path):
    """Of the best matching of clusters and labels, from clusters.csv."""
    with path.open() as file:
        rows = list(csv.DictReader(file))
    classes, clusters = (sorted({row[key] for row in rows}) for key in ("label", "kmeans"))
    counts = np.zeros((len(clusters), len(classes)), int)
    for row in rows:
        counts[clusters.index(row["kmeans"]), classes.index(row["label"])] += 1
    return counts[linear_sum_assignment(counts, maximize=True)].sum() / len(rows)


def test_a_table_has_the_accuracies_that_were_measured(made):
    workdir, (first, *_), _ = made
    record = json.loads((workdir / "tables" / "tiny-paper.json").read_text())
    table = (workdir / "tables" / "tiny-paper.md").read_text()
    assert table in first
    for entry, system, published in zip(record["cells"], ("spatial_vae", "orbit_knn"), ("12.3", ""), strict=True):
        run = workdir / "paper" / f"tiny-{system}-seed0" / "run"
        results = json.loads((run / "eval" / "results.json").read_text())
        [value] = entry["values"]
        assert (
            value
            == results["clustering"]["kmeans"]["accuracy"]
            == pytest.approx(accuracy_of(run / "eval/clusters.csv"))
        )
        assert 0.1 < value < 1 and f"| {entry['row']} | {published} | {100 * value:.1f} |" in table
        assert results["method"] == system and entry["data_sha256"] == results["data"]["sha256"]
        assert results["clustering"]["kmeans"]["transductive"] and entry["images"] == [256, 64]
        assert (entry["step"] == 0) == (system == "orbit_knn")
        assert entry["train_seconds"] > 1 and entry["evaluate_seconds"] > results["seconds"]["total"] > 0


def test_only_what_is_missing_is_made(made):
    _, (first, second, *_), _ = made
    scripts = [line.split()[1] for line in first.splitlines() if line.startswith("script ")]
    assert scripts == ["train.py", "evaluate.py", "train.py", "evaluate.py", "train.py"]
    assert "script" not in second and "| VAE | 12.3 |" in second


def test_list_and_results_show_what_was_made(made):
    workdir, outputs, results = made
    assert outputs[2].startswith("tiny         2 of  2 cells")
    assert (workdir / "tables" / "tiny-paper.md").read_text().strip() in results


def test_the_figure_has_the_images_above_a_row_a_system(made):
    """Cells of 16 x 16 pixels enlarged five times, four pixels apart, right of the rows' names and below the title."""
    workdir, (first, *_), _ = made
    path = workdir / "tables" / "figure2-tiny-paper.png"
    assert str(path) in first
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("L")).astype(int)
    tiles = np.stack(
        [[pixels[68 + 84 * row :, 146 + 84 * column :][:80:5, :80:5] for column in range(12)] for row in range(3)]
    )
    assert (pixels[68 + 3 * 84 :] == 255).all() and (pixels[:, 146 + 12 * 84 :][68:] == 255).all()
    dataset = make_dataset(from_json(workdir / "paper" / "tiny-spatial_vae-seed0" / "run" / "config.json").data)
    images = np.asarray(dataset.test.images)[..., 0].astype(int)
    found = [np.flatnonzero((np.abs(images - tile) <= 1).all(axis=(1, 2))).tolist() for tile in tiles[0]]
    assert [len(rows) for rows in found] == [1] * 12 and len({rows[0] for rows in found}) == 12
    errors = [np.mean((tiles[0] - drawn) ** 2) for drawn in tiles[1:]]
    assert all(0 < error < 0.25 * 255**2 for error in errors) and errors[0] != errors[1]
