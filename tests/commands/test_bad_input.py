"""What a user can get wrong: one clear line, status 2, no traceback, nothing written."""

import json
import shutil

import pytest

TINY = ("train.py", "--config", "configs/tiny.py")


def assert_one_line(run, *words):
    assert run.returncode == 2, run.stdout + run.stderr
    assert "Traceback" not in run.stderr and "Traceback" not in run.stdout
    lines = [line for line in run.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, run.stderr
    for word in words:
        assert word in lines[0]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--config.train.batchsize=3",), ("batchsize", "batch_size")),
        (("--config.train.batch_size=many",), ("batch_size", "many")),
        (("--config.data.name=mnst_u",), ("mnst_u", "mnist_u")),
        (("--config.data.name=mnist_u", "--config.data.root=/nowhere/at/all"), ("train-images-idx3-ubyte",)),
        (("--config.data.name=npz", "--config.data.canvas=0", "--config.data.path=none.npz"), ("none.npz",)),
        (("--config.data.name=folder", "--config.data.canvas=0", "--config.data.path=none"), ("none",)),
        (("--config.train.batch_size=4096",), ("at most the 256 training images", "4096")),
        (("--config.model.pose.form=c21",), ("closed_form, moment, centre", "c21")),
        (("--wrkdir=x",), ("wrkdir", "workdir")),
        (("surplus",), ("surplus",)),
    ],
)
def test_train(run_script, tmp_path, flags, words):
    workdir = tmp_path / "run"
    # Set here, so that no network is looked for: a proxy that refuses at once.
    run = run_script(
        *TINY, "--workdir", workdir, "--config.data.translation_px=0", *flags, https_proxy="http://127.0.0.1:9"
    )
    assert_one_line(run, *words)
    assert not workdir.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("train.py",), ("--config", "--workdir")),
        (("train.py", "--config", "configs/nothing.py", "--workdir", "x"), ("configs/nothing.py",)),
        (("train.py", "--config", "configs/mnist_u.py:papre", "--workdir", "x"), ("papre", "paper")),
        (("evaluate.py",), ("--workdir",)),
        (("evaluate.py", "--workdir", "/nowhere/at/all"), ("config.json", "train")),
        (("evaluate.py", "--workdir", "x", "--clusterers", "kmean"), ("kmean", "kmeans")),
        (("evaluate.py", "--workdir", "x", "--split", "valid"), ("valid", "train")),
    ],
)
def test_arguments(run_script, arguments, words):
    assert_one_line(run_script(*arguments), *words)


def test_help_teaches_and_succeeds(run_script):
    for script in ("train.py", "evaluate.py"):
        run = run_script(script, "--help")
        assert run.returncode == 0 and "--workdir" in run.stdout and f"python {script}" in run.stdout


def test_a_workdir_of_another_run_is_left_alone(run_script, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"seed": 1}))
    (tmp_path / "metrics.jsonl").write_text("precious")
    assert_one_line(run_script(*TINY, "--workdir", tmp_path), "another", "choose another --workdir")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "metrics.jsonl"]
    assert (tmp_path / "metrics.jsonl").read_text() == "precious"


def test_a_nan_stops_the_run_and_names_term_and_step(run_script, tmp_path):
    run = run_script(
        *TINY,
        "--workdir",
        tmp_path,
        "--config.train.learning_rate=1e30",
        "--config.train.warmup_steps=0",
        "--config.train.clip_norm=0",
        "--config.train.num_epochs=20",
    )
    assert_one_line(run, "nan at step", "learning_rate")
    metrics = tmp_path / "metrics.jsonl"
    assert not metrics.exists() or "NaN" not in metrics.read_text()
    assert not list((tmp_path / "checkpoints").glob("[0-9]*"))


def test_only_damaged_checkpoints_end_the_run(run_script, tmp_path):
    assert run_script(*TINY, "--workdir", tmp_path).returncode == 0
    for folder in (tmp_path / "checkpoints").glob("[0-9]*"):
        shutil.rmtree(folder / "state" / "d")
    before = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    for command in (TINY, ("evaluate.py",)):
        assert_one_line(run_script(*command, "--workdir", tmp_path), "damaged", "remove that folder")
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == before
