"""Test `irl-inr train`: refused inputs, and in the slow tests whole runs."""

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

TINY = ("train", "--config", "tiny", "--workdir")


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


def files_below(folder):
    return sorted((path, path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file())


def start_training(workdir, *flags):
    """Start train.py in a process and return it when its first line of metrics is written."""
    command = [sys.executable, "-u", "train.py", "--config", "tiny", "--workdir", str(workdir), *flags]
    process = subprocess.Popen(command, cwd=ROOT, env=ONE_DEVICE, stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 200
    while not (workdir / "metrics.jsonl").exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.01)
    return process


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--config.train.batchsize=3",), ("batchsize", "batch_size")),
        (("--config.train.batch_size=many",), ("batch_size", "many")),
        (("--config.data.name=mnst_u",), ("mnst_u", "mnist_u")),
        (("--config.data.name=mnist_u", "--config.data.root=/nowhere/at/all"), ("train-images-idx3-ubyte",)),
        (("--config.data.name=images", "--config.data.canvas=0", "--config.data.path=none.npz"), ("none.npz",)),
        (("--config.data.name=images", "--config.data.canvas=0", "--config.data.path=nowhere"), ("nowhere",)),
        (("--config.train.batch_size=4096",), ("at most the 256 training images", "4096")),
        (("--config.evaluation.clusterers=('kmean',)",), ("evaluation.clusterers", "'kmean'", "kmeans")),
        (("--config.model.pose.form=c21",), ("closed_form, moment, centre", "c21")),
        (("--wrkdir=x",), ("wrkdir", "workdir")),
        (("surplus",), ("surplus",)),
    ],
)
def test_mistakes_are_refused_and_nothing_is_written(refused, tmp_path, monkeypatch, flags, words):
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # a proxy that refuses, instead of the network
    refused([*TINY, tmp_path / "run", "--config.data.translation_px=0", *flags], words)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ((), ("--config", "--workdir")),
        (("--config", "configs/nothing.py", "--workdir", "x"), ("configs/nothing.py",)),
        (("--config", "nothing", "--workdir", "x"), ("a preset among digits_u", "'nothing'")),
        (("--config", "mnist_u:papre", "--workdir", "x"), ("error: expected variants", "papre", "paper")),
    ],
)
def test_incomplete_flags_and_unknown_files_are_refused(refused, flags, words):
    refused(["train", *flags], words)


def test_a_configuration_file_that_raises_is_one_line(refused, tmp_path):
    (tmp_path / "mine.py").write_text("def get_config():\n    raise TypeError('no such thing')\n")
    refused(["train", "--config", tmp_path / "mine.py", "--workdir", tmp_path / "run"], ["TypeError: no such thing"])


def test_a_workdir_of_another_run_is_left_unchanged(refused, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"seed": 1}))
    (tmp_path / "metrics.jsonl").write_text("precious")
    refused([*TINY, tmp_path], ["another", "choose another --workdir"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "metrics.jsonl"]
    assert (tmp_path / "metrics.jsonl").read_text() == "precious"


@pytest.mark.slow
def test_a_nan_stops_the_run_and_is_reported_with_term_and_step(refused, tmp_path):
    flags = ("train.learning_rate=1e30", "train.warmup_steps=0", "train.clip_norm=0", "train.num_epochs=20")
    refused([*TINY, tmp_path, *(f"--config.{flag}" for flag in flags)], ["nan at step", "learning_rate"])
    metrics = tmp_path / "metrics.jsonl"
    assert not metrics.exists() or "NaN" not in metrics.read_text()
    assert not list((tmp_path / "checkpoints").glob("[0-9]*"))


@pytest.mark.slow
def test_only_damaged_checkpoints_end_training_and_evaluation(refused, finished, tmp_path):
    workdir = tmp_path / "copy"
    shutil.copytree(finished.workdir, workdir)
    for folder in (workdir / "checkpoints").glob("[0-9]*"):
        shutil.rmtree(folder / "state" / "d")
    before = sorted(path.name for path in (workdir / "checkpoints").iterdir())
    for command in (TINY, ("evaluate", "--workdir")):
        refused([*command, workdir], ["damaged", "remove that folder"])
    assert sorted(path.name for path in (workdir / "checkpoints").iterdir()) == before


@pytest.mark.slow
def test_a_run_writes_its_files(finished):
    workdir = finished.workdir
    config = json.loads((workdir / "config.json").read_text())
    assert config["train"]["num_epochs"] == 2 and config["data"]["name"] == "digits_u"
    data = json.loads((workdir / "data.json").read_text())
    assert data["num_train"] == 256 and data["scaling"]["scale"] == 1 / 255 and len(data["classes"]["test"]) == 10
    lines = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [2, 4, 6, 8]
    assert {"loss", "cross", "symmetry", "images_per_second"} <= set(lines[0])
    assert list((workdir / "tensorboard").glob("events.out.tfevents*"))
    assert latest_state(workdir)[1] == 8
    with Image.open(workdir / "pictures" / "epoch_0002.png") as picture:
        assert picture.width > 300
    for words in ("256 training images", "step 8/8", "images/s", f"irl-inr evaluate --workdir {workdir}"):
        assert words in finished.trained


@pytest.mark.slow
def test_neighbours_are_searched_once_and_are_a_term_of_the_loss(irl_inr, tmp_path):
    flags = ("model.encoder.trunk=polar", "loss.neighbours=0.1", "loss.num_neighbours=5", "train.num_epochs=1")
    command = (*TINY, tmp_path, *(f"--config.{flag}" for flag in flags))
    first = irl_inr(*command)
    assert first.status == 0 and "searching for the neighbours of 256 training images" in first.out
    with np.load(tmp_path / "neighbours.npz") as stored:
        assert stored["neighbours"].shape == (256, 5) and stored["neighbours"].dtype == np.int32
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert all(0 < line["neighbours"] < 2 * np.log(127) for line in lines)
    again = irl_inr(*command)
    assert again.status == 0 and "searching" not in again.out and "continuing at step 4 of 4" in again.out
    evaluated = irl_inr("evaluate", "--workdir", tmp_path, "--clusterers", "kmeans", "--report", "scores")
    assert evaluated.status == 0 and "searching" not in evaluated.out


@pytest.mark.slow
def test_a_stopped_run_continues_to_the_same_bits(irl_inr, tmp_path):
    """SIGTERM somewhere in a run that is long enough for it to arrive in time, then the same command again."""
    epochs, workdir, whole = "--config.train.num_epochs=20", tmp_path / "stopped", tmp_path / "whole"
    process = start_training(workdir, epochs)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=200)
    assert process.returncode == 128 + signal.SIGTERM and "stopped and saved at step" in output
    stopped = latest_state(workdir)[1]
    assert 0 < stopped < 80
    again = irl_inr(*TINY, workdir, epochs)
    assert again.status == 0 and f"continuing at step {stopped} of 80" in again.out
    assert irl_inr(*TINY, whole, epochs).status == 0
    assert_same_bits(workdir, whole)
    steps = [json.loads(line)["step"] for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    assert steps == sorted(set(steps)) and steps[-1] == 80


@pytest.mark.slow
def test_ctrl_c_saves_first(tmp_path):
    process = start_training(tmp_path, "--config.train.num_epochs=500")
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=200)
    assert process.returncode == 128 + signal.SIGINT and "the same command continues" in output
    assert latest_state(tmp_path)[1] > 0


@pytest.mark.slow
def test_several_steps_per_call_have_the_same_losses_and_may_change_between_runs(finished, irl_inr, tmp_path):
    assert irl_inr(*TINY, tmp_path, "--config.speed.steps_per_call=2").status == 0
    lines, others = (
        [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
        for workdir in (tmp_path, finished.workdir)
    )
    assert [line["step"] for line in lines] == [line["step"] for line in others]
    np.testing.assert_allclose([line["loss"] for line in lines], [line["loss"] for line in others], rtol=1e-4)
    again = irl_inr(*TINY, tmp_path)
    assert again.status == 0 and "continuing at step 8 of 8" in again.out
    assert json.loads((tmp_path / "config.json").read_text())["speed"]["steps_per_call"] == 0


@pytest.mark.slow
def test_the_same_command_after_the_end_changes_nothing(finished, irl_inr, tmp_path):
    workdir = tmp_path / "copy"
    shutil.copytree(finished.workdir, workdir)
    before, lines = files_below(workdir / "checkpoints"), (workdir / "metrics.jsonl").read_bytes()
    assert irl_inr(*TINY, workdir).status == 0
    assert files_below(workdir / "checkpoints") == before and (workdir / "metrics.jsonl").read_bytes() == lines


@pytest.mark.slow
def test_more_epochs_continue_a_finished_run_and_fewer_are_refused(finished, irl_inr, refused, tmp_path):
    workdir = tmp_path / "copy"
    shutil.copytree(finished.workdir, workdir)
    more = irl_inr(*TINY, workdir, "--config.train.num_epochs=3")
    assert more.status == 0, more.err
    assert "3 epochs instead of 2" in more.out and "continuing at step 8 of 12" in more.out and "step 12/12" in more.out
    assert latest_state(workdir)[1] == 12
    steps = [json.loads(line)["step"] for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    assert steps == [2, 4, 6, 8, 10, 12]
    refused([*TINY, workdir], ["config.train.num_epochs of at least 3", "found 2"])


@pytest.mark.slow
def test_training_ends_when_the_loss_on_held_out_images_no_longer_falls(irl_inr, tmp_path):
    """Without a learning rate it never falls: the first value counts, and two more end the run."""
    flags = ("train.learning_rate=0.0", "train.num_epochs=50", "train.holdout=0.1", "train.picture_every_epochs=0")
    command = (*TINY, tmp_path, *(f"--config.{flag}" for flag in flags))
    ended = irl_inr(*command, "--config.train.patience=2")
    assert ended.status == 0 and not ended.err
    assert "230 training images, 26 held out" in ended.out and "training ended at step 9 of 150" in ended.out
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    losses = [line["heldout_loss"] for line in lines if "heldout_loss" in line]
    assert len(losses) == 3 and len(set(losses)) == 1 and latest_state(tmp_path)[1] == 9
    again = irl_inr(*command, "--config.train.patience=2")
    assert again.status == 0 and "training ended at step 9" in again.out and "compiling" not in again.out
    patient = irl_inr(*command, "--config.train.patience=4")
    assert patient.status == 0 and "training ended at step 15 of 150" in patient.out


@pytest.mark.slow
def test_a_damaged_newest_checkpoint_is_skipped_with_a_warning(finished, irl_inr, tmp_path):
    workdir = tmp_path / "copy"
    shutil.copytree(finished.workdir, workdir)
    largest = max((workdir / "checkpoints" / "8" / "state").rglob("*"), key=lambda path: path.stat().st_size)
    largest.write_bytes(largest.read_bytes()[:100])
    again = irl_inr(*TINY, workdir)
    assert again.status == 0, again.err
    assert "warning: checkpoint 8 is damaged" in again.out and "continuing at step 4 of 8" in again.out
    assert_same_bits(workdir, finished.workdir)
