"""A small table, and records of its runs as the runner would write them."""

from irl_inr_jax.config.storage import write_config
from papers.collection import collect_table
from papers.records import Cell, Measure, Table, TrainingSpec
from papers.results import format_markdown
from papers.runner import Workspace, record_path, run_folder, write_json
from papers.summary import summarise_cells
from papers.systems import evaluation_settings, resolve_config
from papers.values import Section
from papers.values_file import read_summaries

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
VALUES = [0.31, 0.402, 0.377, 0.29]  # of seeds


def write_records(
    workspace,
    run,
    seed,
    measure,
    clustering,
    *,
    seconds=61.0,
    shift=None,
    rotation=None,
    step=780,
    device="a test",
    num_train=5000,
    done=True,
):
    """Write the records of training and of one evaluation."""
    folder = run_folder(workspace, run, seed)
    write_json(folder / "training.json", {"seconds": 125.0 + seed, "done": done})
    config = resolve_config(run, workspace.scale)
    config.seed = seed
    (folder / "run").mkdir(exist_ok=True)
    write_config(folder / "run" / "config.json", config)
    results = {
        "clustering": {name: {"accuracy": value} for name, value in clustering.items()},
        "data": {"num_train": num_train, "num_images": 2000, "sha256": "0123456789abcdef" * 4},
        "device": device,
        "step": step,
        "options": {"set": [f"{key}={value}" for key, value in evaluation_settings((), workspace.scale)]},
    }
    record = {"seconds": seconds, "clusterers": list(clustering), "results": results}
    write_json(record_path(folder, measure.evaluation), record)
    if shift is not None or rotation is not None:
        pose = {"translation_correlation": shift, "rotation_correlation": rotation}
        record = {"seconds": seconds, "clusterers": [], "results": {**results, "clustering": {}, "pose": pose}}
        write_json(record_path(folder, SHIFT.evaluation), record)


def markdown_of(workspace, table, num_seeds):
    """The section of one table with the records in the workspace."""
    return format_markdown(section_of(workspace, table, num_seeds))


def section_of(workspace, table, num_seeds):
    """One table with the records in the workspace."""
    return Section(table, workspace.scale, summarise_cells(collect_table(workspace, table, num_seeds)))


def cells_of(markdown):
    """{(row, column): text} of the table in Markdown."""
    lines = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in table_lines(markdown)]
    header, _, *rows = lines
    return {(row[0], column): text for row in rows for column, text in zip(header[1:], row[1:], strict=True)}


def table_lines(markdown):
    return [line for line in markdown.splitlines() if line.startswith("|")]


def write_seeds(workdir, seeds, **facts):
    """Write k-means and poses of `OURS` for each seed, and return the folder of the runs."""
    for seed in seeds:
        shift = [VALUES[seed] / 2, -VALUES[seed]]
        workspace = Workspace(workdir, "", "quick")
        write_records(workspace, OURS, seed, KMEANS, {"kmeans": VALUES[seed]}, shift=shift, rotation=0.5, **facts)
    return workdir


def cells_in(files):
    [summary] = read_summaries(files.values).values()
    return {(key.row, key.column): value for key, value in summary.cells.items()}, summary.runs
