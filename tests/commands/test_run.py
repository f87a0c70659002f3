"""Test `irl-inr run`: refused requests, and in the slow tests whole runs."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from irl_inr_jax.commands.run import describe_end
from irl_inr_jax.commands.run_choice import describe_images
from irl_inr_jax.training.checkpoint import newest_step
from irl_inr_jax.training.workdir_lock import lock_workdir
from tests.conftest import ONE_DEVICE, ROOT

TINY = (
    "data.resize=12",
    "model.encoder.polar.widths=(8,8,8)",
    "model.encoder.polar.num_angles=16",
    "model.encoder.polar.num_radii=6",
    "model.hypernet.widths=(16,)",
    "model.inr.widths=(16,16)",
    "model.inr.num_frequencies=16",
    "loss.num_pixels=32",
    "train.num_epochs=20",
    "train.save_every_epochs=2",
    "train.holdout=0.1",
    "evaluation.clusterers=('kmeans','agglomerative')",
    "evaluation.upsample_side=32",
)


def write_images(folder, num_images=80, num_classes=2):
    """Images of bars and discs, or without classes, at random rotations."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[-10:11, -10:11]
    for number in range(num_images):
        angle, kind = rng.uniform(0, np.pi), number % 2
        along, across = (
            rows * np.cos(angle) + columns * np.sin(angle),
            rows * np.sin(angle) - columns * np.cos(angle),
        )
        inside = (abs(along) < 8) & (abs(across) < 2) if kind else np.hypot(rows, columns - 2) < 5
        path = folder / (("disc", "bar")[kind] if num_classes else ".") / f"{number:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((inside * 200 + rng.integers(0, 20, inside.shape)).astype(np.uint8)).save(path)
    return folder


def command(images, out, *more):
    return ("run", images, "--out", out, *(f"--config.{setting}" for setting in TINY), *more)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["in"], ["expected --out RESULTS"]),
        (["nowhere", "--out", "RESULTS"], ["config.data.path", "nowhere"]),
        (["--out", "RESULTS"], ["config.data.path"]),
        (["a", "b", "--out", "RESULTS"], ["expected only flags", "found 'b'"]),
        (["in", "--out", "RESULTS", "--num-clusters", "0"], ["a number of at least 1, or auto", "'0'"]),
        (["in", "--out", "RESULTS", "--budget", "-1"], ["budget"]),
        (["in", "--out", "RESULTS", "--data.croop=1"], ["config.data.croop", "config.data.crop"]),
        (["in", "--out", "RESULTS", "--config", "nothing"], ["a preset among", "'nothing'"]),
    ],
)
def test_mistakes_are_refused_and_nothing_is_written(refused, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    refused(["run", *arguments], words)
    assert not list(tmp_path.iterdir())


def test_the_folder_of_a_training_run_is_refused(refused, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    refused(["run", "in", "--out", tmp_path], ["found a run of irl-inr train"])


def test_the_end_has_the_paths_with_the_report_first(tmp_path):
    lines = describe_end(tmp_path, tmp_path / "report.html").splitlines()
    assert lines[0].startswith(f"{tmp_path / 'report.html'}: ") and len(lines) == 3
    assert str(tmp_path / "eval" / "clusters.csv") in lines[1]


def test_the_images_are_described_in_one_line():
    facts = {"num_train": 1200, "num_test": 34, "classes": {}, "notes": ["longer side 8 px", "pixels: uint8"]}
    assert describe_images(facts) == "  1,234 images, no labels; longer side 8 px; pixels: uint8"
    assert "2 classes" in describe_images(facts | {"classes": {"train": {"a": 1, "b": 2}}})


@pytest.mark.slow
def test_a_run_goes_from_a_folder_to_clusters_and_is_repeated_without_work(irl_inr, refused, tmp_path):
    images, out = write_images(tmp_path / "in"), tmp_path / "out"
    first = irl_inr(*command(images, out))
    assert first.status == 0, first.err
    assert not first.err
    for words in ("1/5 inspect", "2/5 settings", "3/5 train", "compiled in", "4/5 cluster", "pixels_kmeans"):
        assert words in first.out
    assert "80 images of 12 px:" in first.out and "8 held out" in first.out
    results = json.loads((out / "eval" / "results.json").read_text())
    assert results["data"]["num_images"] == 80 and results["num_clusters"]["used"] == 2
    plan = json.loads((out / "plan.json").read_text())
    assert plan["num_images"] == 80 and plan["settings"]["loss.num_neighbours"] == 4
    assert plan["settings"]["train.patience"] == 5 and "train.num_epochs" not in plan["settings"]
    assert (out / "inspect" / "contact_sheet.png").exists()
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert sum("heldout_loss" in line for line in lines) == len({line["step"] for line in lines}) // 2

    files = {path: path.stat().st_mtime_ns for path in (out / "eval").rglob("*")}
    again = irl_inr(*command(images, out))
    assert again.status == 0 and "1/5 inspect: done earlier" in again.out and "4/5 cluster: done earlier" in again.out
    assert "compiling" not in again.out and "accuracy" in again.out
    assert {path: path.stat().st_mtime_ns for path in (out / "eval").rglob("*")} == files
    refused(command(images, out, "--config.seed=9"), ["plan.json", "no --config.seed", "found --config.seed 9"])
    refused(command(images, images / "out"), ["outside the folder of the images"])
    before = (out / "plan.json").read_bytes()
    with lock_workdir(out, "training"):
        refused(command(images, out, "--budget=60"), ["expected no other training in"])
    assert (out / "plan.json").read_bytes() == before
    steps = newest_step(out / "checkpoints")
    other = irl_inr(*command(images, out, "--num-clusters", "3"))
    assert other.status == 0, other.err
    results = json.loads((out / "eval" / "results.json").read_text())
    assert results["num_clusters"]["used"] == 3 and newest_step(out / "checkpoints") == steps
    write_images(images, num_images=82)
    refused(command(images, out), ["expected the 80 images", "found 82", "choose another --out"])


@pytest.mark.slow
def test_a_killed_run_continues_to_the_same_results(irl_inr, tmp_path):
    """Killed without warning while it trains, and again while it clusters."""
    images = write_images(tmp_path / "in", num_classes=0)
    whole = irl_inr(*command(images, tmp_path / "whole"))
    assert whole.status == 0, whole.err
    out = tmp_path / "out"
    for is_reached in (
        lambda: any((out / "checkpoints").glob("[0-9]*/sha256.json")),
        lambda: any((out / "eval" / "clusterings").glob("*.npz")),
    ):
        arguments = [sys.executable, "-m", "irl_inr_jax", *map(str, command(images, out))]
        process = subprocess.Popen(arguments, cwd=ROOT, env=ONE_DEVICE, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 200
        while not is_reached() and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert process.returncode == -signal.SIGKILL
    last = irl_inr(*command(images, out))
    assert last.status == 0 and "1/5 inspect: done earlier" in last.out, last.err
    expected, found = (
        json.loads((folder / "eval" / "results.json").read_text()) for folder in (tmp_path / "whole", out)
    )
    for name in ("num_clusters", "latents", "reconstruction", "step"):
        assert found[name] == expected[name], name
    assert (out / "eval" / "clusters.csv").read_bytes() == (tmp_path / "whole" / "eval" / "clusters.csv").read_bytes()
