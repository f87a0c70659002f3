"""train.py and evaluate.py as a user runs them."""

import csv
import json
import shutil
import signal
import subprocess
import sys
import time

import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest
from PIL import Image

from tests.conftest import ONE_DEVICE, ROOT

TRAIN = ("train.py", "--config", "configs/tiny.py", "--workdir")


def latest_state(workdir):
    """Every value of the newest checkpoint as orbax reads it, by path, and its step."""
    step = max(int(path.name) for path in (workdir / "checkpoints").iterdir() if path.name.isdigit())
    tree = ocp.PyTreeCheckpointer().restore(workdir.absolute() / "checkpoints" / str(step) / "state")
    return {
        jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
    }, step


def assert_same_bits(workdir, other):
    (values, step), (others, other_step) = latest_state(workdir), latest_state(other)
    assert step == other_step and values.keys() == others.keys() and len(values) > 10
    for name, value in values.items():
        assert value.dtype == others[name].dtype and value.tobytes() == others[name].tobytes(), name


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A tiny run, trained and evaluated without interruption."""
    workdir = tmp_path_factory.mktemp("finished")
    outputs = []
    for arguments in ((*TRAIN, str(workdir)), ("evaluate.py", "--workdir", str(workdir), "--clusterers", "kmeans")):
        command = [sys.executable, *arguments]
        run = subprocess.run(command, cwd=ROOT, env=ONE_DEVICE, capture_output=True, text=True, timeout=300)
        assert run.returncode == 0, run.stderr
        outputs.append(run.stdout)
    return workdir, *outputs


def test_train_leaves_what_it_promises(finished):
    workdir, output, _ = finished
    config = json.loads((workdir / "config.json").read_text())
    assert config["train"]["num_epochs"] == 2 and config["data"]["name"] == "digits_u"
    data = json.loads((workdir / "data.json").read_text())
    assert data["num_train"] == 256 and data["scaling"]["scale"] == 1 / 255 and len(data["classes"]["test"]) == 10
    lines = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [2, 4, 6, 8]
    assert {"loss", "cross", "symmetry", "images_per_second"} <= set(lines[0])
    assert lines[0]["seconds_to_first_step"] > 0 and "seconds_to_first_step" not in lines[1]
    assert list((workdir / "tensorboard").glob("events.out.tfevents*"))
    assert latest_state(workdir)[1] == 8
    with Image.open(workdir / "pictures" / "epoch_0002.png") as picture:
        assert picture.width > 300
    assert (
        "step 8/8" in output
        and "images/s" in output
        and "first step after" in output
        and f"evaluate.py --workdir {workdir}" in output
    )


def test_evaluate_leaves_what_it_promises(finished):
    workdir, _, output = finished
    results = json.loads((workdir / "eval" / "results.json").read_text())
    for name in ("pixels_kmeans", "kmeans"):
        assert {"accuracy", "nmi", "ari", "num_clusters"} <= set(results["clustering"][name])
    assert 0 <= results["clustering"]["kmeans"]["accuracy"] <= 1
    assert {"rotation_correlation", "rotation_median_error_deg", "translation_correlation"} <= set(results["pose"])
    assert set(results["reconstruction"]) == {"mse", "psnr"} and results["invariance"]["ratio"] > 0
    assert results["data"]["num_images"] == 64 and results["seconds"]["total"] > 0
    with np.load(workdir / "eval" / "embeddings.npz") as arrays:
        assert arrays["latents"].shape == (64, 8) and arrays["tau"].shape == (64, 2) and len(set(arrays["id"])) == 64
    figures = "reconstructions canonical_views rotation confusion_kmeans latents clusters_kmeans large"
    for name in figures.split():
        with Image.open(workdir / "eval" / f"{name}.png") as picture:
            assert picture.width > 300
    accuracy = f"{100 * results['clustering']['kmeans']['accuracy']:.1f} %"
    assert accuracy in output and "pixels" in output


def test_clusterers_that_train_and_a_chosen_k_are_written_where_they_are_promised(finished, tmp_path, run_script):
    workdir = tmp_path / "run"
    shutil.copytree(finished[0], workdir)
    settings = ["scan.num_epochs=2", "scan.selflabel_epochs=1", "dec.num_epochs=2", "orbit_knn.num_steps=5"]
    flags = [flag for setting in settings for flag in ("--set", f"clustering.{setting}")]
    names = ["scan", "scan_orbit", "dec", "dbscan", "orbit_knn"]
    command = ["evaluate.py", "--workdir", workdir, "--clusterers", ",".join(names), *flags]
    first = run_script(*command, "--seeds", "2", "--num-clusters", "auto", "--set", "evaluation.max_clusters=4")
    assert first.returncode == 0, first.stderr
    results = json.loads((workdir / "eval" / "results.json").read_text())
    assert list(results["clustering"]) == ["pixels_kmeans", *names] and "reason" in results["num_clusters"]
    scan = results["clustering"]["scan"]
    assert len(scan["seeds"]["accuracy"]["values"]) == 2 and not scan["transductive"] and "neighbour_purity" in scan
    assert results["clustering"]["orbit_knn"]["transductive"]
    assert "±" in first.stdout and "inductive" in first.stdout
    lines = (workdir / "eval" / "clusters.csv").read_text().splitlines()
    columns = lines[0].split(",")
    assert columns[:3] == ["id", "label", "outlier_score"] and {"scan", "scan_confidence"} <= set(columns)
    assert len(lines) == 1 + results["data"]["num_images"]
    assert (workdir / "eval" / "num_clusters.png").exists() and (workdir / "eval" / "clusters_scan.png").exists()
    again = run_script(*command, "--num-clusters", str(results["num_clusters"]["used"]))
    assert again.stdout.count("kept from an earlier evaluation") == 6
    kept = json.loads((workdir / "eval" / "results.json").read_text())["clustering"]["scan"]
    assert kept["accuracy"] == scan["accuracy"] and kept["seconds"] > 0


def test_orbit_knn_needs_no_steps(tmp_path, run_script):
    """From nothing to a table: no training, a checkpoint of step 0, and its own clusterer in it."""
    config = ["--config", "configs/tiny.py:orbit_knn", "--workdir", tmp_path]
    for _ in range(2):
        trained = run_script("train.py", *config)
        assert trained.returncode == 0, trained.stderr
    assert latest_state(tmp_path)[1] == 0
    evaluated = run_script("evaluate.py", "--workdir", tmp_path)
    assert evaluated.returncode == 0, evaluated.stderr
    results = json.loads((tmp_path / "eval" / "results.json").read_text())
    assert list(results["clustering"]) == ["pixels_kmeans", "kmeans", "agglomerative", "diffusion", "orbit_knn"]
    assert results["pose"]["rotation_correlation"] > 0.9 and "reconstruction" not in results


def test_a_stopped_run_ends_with_the_parameters_of_one_never_stopped(finished, tmp_path, run_script):
    """SIGTERM somewhere in the run, then the same command again: the same bits."""
    command = [sys.executable, "-u", *TRAIN, str(tmp_path)]
    process = subprocess.Popen(command, cwd=ROOT, env=ONE_DEVICE, stdout=subprocess.PIPE, text=True)
    metrics = tmp_path / "metrics.jsonl"
    deadline = time.monotonic() + 200
    while not metrics.exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=200)
    assert process.returncode == 128 + signal.SIGTERM and "stopped and saved at step" in output
    stopped = latest_state(tmp_path)[1]
    assert 0 < stopped < 8
    again = run_script(*TRAIN, tmp_path)
    assert again.returncode == 0 and f"continuing at step {stopped} of 8" in again.stdout
    assert_same_bits(tmp_path, finished[0])
    steps = [json.loads(line)["step"] for line in metrics.read_text().splitlines()]
    assert steps == sorted(set(steps)) and steps[-1] == 8


def test_a_run_of_several_steps_a_call_learns_the_same_and_may_go_on_with_one(finished, tmp_path, run_script):
    run_script(*TRAIN, tmp_path / "run", "--config.speed.steps_per_call=2")
    lines, others = (
        [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
        for workdir in (tmp_path / "run", finished[0])
    )
    assert [line["step"] for line in lines] == [line["step"] for line in others]
    np.testing.assert_allclose([line["loss"] for line in lines], [line["loss"] for line in others], rtol=1e-4)
    again = run_script(*TRAIN, tmp_path / "run")
    assert again.returncode == 0 and "continuing at step 8 of 8" in again.stdout
    assert json.loads((tmp_path / "run" / "config.json").read_text())["speed"]["steps_per_call"] == 0


def test_the_same_command_after_the_end_changes_nothing(finished, run_script):
    workdir = finished[0]
    before = sorted((path, path.stat().st_mtime_ns) for path in (workdir / "checkpoints").rglob("*") if path.is_file())
    lines = (workdir / "metrics.jsonl").read_bytes()
    again = run_script(*TRAIN, workdir)
    assert again.returncode == 0
    after = sorted((path, path.stat().st_mtime_ns) for path in (workdir / "checkpoints").rglob("*") if path.is_file())
    assert before == after and (workdir / "metrics.jsonl").read_bytes() == lines


def test_ctrl_c_saves_first(tmp_path):
    command = [sys.executable, "-u", *TRAIN, str(tmp_path), "--config.train.num_epochs=500"]
    process = subprocess.Popen(command, cwd=ROOT, env=ONE_DEVICE, stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 200
    while not (tmp_path / "metrics.jsonl").exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=200)
    assert process.returncode == 128 + signal.SIGINT and "the same command continues" in output
    assert latest_state(tmp_path)[1] > 0


def test_images_without_labels_are_clustered_without_label_metrics(tmp_path, run_script):
    images = np.random.default_rng(0).integers(0, 255, (80, 16, 16, 3), dtype=np.uint8)
    np.savez(tmp_path / "mine.npz", images=images)
    workdir = tmp_path / "run"
    data = (
        "--config.data.name=npz",
        f"--config.data.path={tmp_path}/mine.npz",
        "--config.data.canvas=0",
        "--config.data.translation_px=0",
        "--config.data.test_fraction=0",
        "--config.evaluation.num_clusters=3",
        "--config.train.num_epochs=1",
        "--config.train.batch_size=40",
    )
    trained = run_script(*TRAIN, workdir, *data)
    assert trained.returncode == 0, trained.stderr
    evaluated = run_script("evaluate.py", "--workdir", workdir)
    assert evaluated.returncode == 0, evaluated.stderr
    assert "no labels: accuracy, NMI, AMI and ARI are left out" in evaluated.stdout
    results = json.loads((workdir / "eval" / "results.json").read_text())
    assert "accuracy" not in results["clustering"]["agglomerative"]
    assert results["clustering"]["kmeans"]["num_clusters"] == 3 and "rotation_correlation" in results["pose"]
    with np.load(workdir / "eval" / "embeddings.npz") as arrays:
        assert "label" not in arrays


def test_a_table_of_images_on_disk_is_learnt_from_and_its_columns_come_back(tmp_path, run_script):
    """Streamed, on white, some without a label, one file unreadable: all the way to clusters.csv."""
    rng = np.random.default_rng(0)
    rows = ["path,label,lot"]
    for i in range(60):
        pixels = np.full((12, 16), 255, np.uint8)
        pixels[3:9, 4 : 8 + i % 3] = rng.integers(0, 120, (6, 4 + i % 3))
        Image.fromarray(pixels).save(tmp_path / f"{i:02d}.png")
        rows.append(f"{i:02d}.png,{'abc'[i % 3] if i < 50 else ''},L{i // 10}")
    (tmp_path / "07.png").write_bytes(b"")
    (tmp_path / "wafers.csv").write_text("\n".join(rows))
    workdir = tmp_path / "run"
    data = {"name": "images", "path": tmp_path / "wafers.csv", "canvas": 0, "translation_px": 0, "test_fraction": 0}
    data |= {"memory_mb": 0, "max_unreadable": 0.05, "num_train": 0, "num_test": 0}
    flags = [f"--config.data.{key}={value}" for key, value in data.items()]
    trained = run_script(*TRAIN, workdir, *flags, "--config.train.batch_size=20", "--config.train.num_epochs=1")
    assert trained.returncode == 0, trained.stderr
    assert "07.png: it is empty" in trained.stdout and "streamed from disk" in trained.stdout
    assert json.loads((workdir / "data.json").read_text())["skipped"] == ["07.png: it is empty"]
    evaluated = run_script("evaluate.py", "--workdir", workdir, "--clusterers", "kmeans,scan")
    assert evaluated.returncode == 0, evaluated.stderr
    results = json.loads((workdir / "eval" / "results.json").read_text())
    assert results["data"]["num_images"] == 59 and results["data"]["num_labelled"] == 49
    for name in ("pixels_kmeans", "scan"):
        assert "expected images in memory" in results["clustering"][name]["skipped"]
    assert 0 <= results["clustering"]["kmeans"]["accuracy"] <= 1
    with (workdir / "eval" / "clusters.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["id"] for row in table][:8] == [f"{i:02d}.png" for i in (0, 1, 2, 3, 4, 5, 6, 8)]
    assert table[-1]["label"] == "" and table[-1]["lot"] == "L5" and table[0]["label"] == "a"


def test_a_damaged_newest_checkpoint_is_passed_over_aloud(finished, tmp_path, run_script):
    workdir = tmp_path / "copy"
    shutil.copytree(finished[0], workdir)
    largest = max((workdir / "checkpoints" / "8" / "state").rglob("*"), key=lambda path: path.stat().st_size)
    largest.write_bytes(largest.read_bytes()[:100])
    again = run_script(*TRAIN, workdir)
    assert again.returncode == 0, again.stderr
    assert "warning: checkpoint 8 is damaged" in again.stdout and "continuing at step 4 of 8" in again.stdout
    assert_same_bits(workdir, finished[0])
