"""Curves with a stand-in for the training and a script that takes the place of evaluate.py."""

import json

import pytest

from irl_inr_jax.config.storage import to_json
from irl_inr_jax.types import InputError
from papers import curve_points, runner
from papers.curve_run import Limits, describe_curve, follow_curve
from papers.curves import CURVES, curve_config, with_settings
from papers.runner import StoppedError, Workspace, read_json
from tests.papers.curve_records import STEPS_PER_EPOCH, results_at

# Evaluates the newest checkpoint, as evaluate.py does. "fail" and "wait" in the repository change what it does.
EVALUATE = """
import json, os, sys, time
from pathlib import Path

repository = Path(sys.argv[0]).resolve().parent
workdir = Path(next(word for word in sys.argv if word.startswith("--workdir=")).partition("=")[2])
with (repository / "calls").open("a") as file:
    stored = workdir / "eval" / "clusterings"
    before = sorted(path.name for path in stored.glob("*"))
    file.write(json.dumps([*sys.argv[1:], f"stored={before}", os.environ.get("JAX_PLATFORMS", "")]) + "\\n")
if (repository / "fail").exists():
    sys.exit("no room")
while (repository / "wait").exists():
    time.sleep(0.01)
step = max(int(path.name) for path in (workdir / "checkpoints").iterdir() if (path / "sha256.json").exists())
results = json.loads((repository / "results.json").read_text()) | {"step": step}
stored.mkdir(parents=True, exist_ok=True)
(stored / str(step)).touch()
(workdir / "eval" / "results.json").write_text(json.dumps(results))
"""


FOLDER = "work/curves/spatial_vae-long"


class Training:
    """Stand-in for `runner.call_script` of train.py, which saves checkpoints and calls `on_wait` after each.

    config: of the run. steps: of the checkpoints that a call saves. stops: whether a signal ends it. settle: whether
    evaluations end before the next checkpoint.
    """

    def __init__(self, call_script):
        self.steps, self.stops, self.settle = [10, 11, 20, 22], False, True
        self.arguments, self.seconds, self._call_script = [], 0.0, call_script
        self.limit_seen = False

    def call(self, script, arguments, *, lock, on_wait):
        if script != "train.py":
            return self._call_script(script, arguments, lock=lock, on_wait=on_wait)
        self.arguments.append(arguments)
        workdir = runner.Path(next(flag for flag in arguments if flag.startswith("--workdir=")).partition("=")[2])
        workdir.mkdir(exist_ok=True)
        (workdir / "config.json").write_text(to_json(self.config))
        seconds = 0.0
        for step in self.steps:
            checkpoint = workdir / "checkpoints" / str(step)
            checkpoint.mkdir(parents=True, exist_ok=True)
            seconds += 100.0
            on_wait(seconds)  # incomplete: no checksums yet
            (checkpoint / "sha256.json").write_text("{}")
            self.limit_seen = on_wait(seconds) is True
            while self.settle and self.process is not None and self.process.poll() is None:
                pass
            self.limit_seen = on_wait(seconds) is True or self.limit_seen
            if self.stops or self.limit_seen:
                raise StoppedError(143, by_signal=self.stops)
        return seconds

    config = process = None


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A folder with a script in place of evaluate.py."""
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "evaluate.py").write_text(EVALUATE)
    (folder / "results.json").write_text(json.dumps(results_at(0)))
    monkeypatch.setattr(runner, "REPOSITORY", folder)
    return folder


@pytest.fixture
def training(repository, monkeypatch):
    """The stand-in for train.py."""
    stand_in = Training(runner.call_script)
    monkeypatch.setattr(runner, "call_script", stand_in.call)
    start = curve_points.subprocess.Popen

    def popen(*arguments, **options):
        stand_in.process = start(*arguments, **options)
        return stand_in.process

    monkeypatch.setattr(curve_points.subprocess, "Popen", popen)
    return stand_in


@pytest.fixture
def follow(tmp_path, training):
    """Follow the curve of Spatial-VAE, or another."""

    def call(name="spatial_vae", *, num_epochs=3, hours=0.0, with_final=False, settings=(), trained=(), **options):
        workspace = Workspace(tmp_path / "work", options.get("root", "/data"), "long")
        training.config = curve_config(workspace, with_settings(CURVES[name], trained), num_epochs)
        return follow_curve(
            workspace,
            CURVES[name],
            trained,
            limits=Limits(num_epochs, hours),
            on_cpu=options.get("on_cpu", False),
            with_final=with_final,
            evaluation_settings=settings,
        )

    return call


def calls_of(repository):
    path = repository / "calls"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def steps_of(record):
    return [point["step"] for point in record["points"]]


def test_checkpoints_are_evaluated_when_steps_have_grown_and_the_last_one_always(follow, repository, tmp_path):
    record = follow()
    assert steps_of(record) == [10, 20, 22] and len(calls_of(repository)) == 3
    assert record == read_json(tmp_path / FOLDER / "points.json")
    first = record["points"][0]
    assert first["seconds"] == 100.0 and record["points"][-1]["seconds"] == 400.0
    assert first["epoch"] == 10 / STEPS_PER_EPOCH
    assert first["values"]["kmeans"] == 0.25 and first["values"]["translation"] == [0.9, 0.8]
    assert "rotation" not in first["values"]  # not measured, as without known poses


def test_finished_training_and_points_are_not_repeated_and_more_epochs_go_on(follow, repository, training, capsys):
    first = follow()
    assert "finished at" not in capsys.readouterr().out
    assert follow() == first and len(training.arguments) == 1 and len(calls_of(repository)) == 3
    assert capsys.readouterr().out.startswith("finished at step 22 (epoch 0.44): kmeans 0.25")
    training.steps = [40]
    longer = follow(num_epochs=9)
    assert steps_of(longer) == [10, 20, 22, 40] and longer["points"][-1]["seconds"] == 500.0
    assert "--config.train.num_epochs=9" in training.arguments[-1]


def test_a_limit_ends_the_training_and_a_signal_is_passed_on(follow, training, tmp_path):
    assert steps_of(follow(hours=0.04)) == [10, 11]
    assert training.limit_seen and read_json(tmp_path / FOLDER / "training.json")["epochs_done"] == 0
    training.steps, training.stops = [30], True
    with pytest.raises(StoppedError):
        follow()
    training.stops, training.steps = False, [31, 60]
    record = follow()
    assert steps_of(record) == [10, 11, 30, 60] and record["points"][-1]["seconds"] == 500.0


def test_a_stopped_call_ends_its_evaluation(follow, repository, training):
    (repository / "wait").touch()
    training.stops, training.settle = True, False
    with pytest.raises(StoppedError):
        follow()
    assert training.process.poll() is not None


def test_a_failed_evaluation_does_not_end_the_training_and_is_made_up_for(follow, repository, capfd):
    (repository / "fail").touch()
    with pytest.raises(InputError, match=r"expected evaluate\.py to succeed.*evaluations\.log"):
        follow()
    assert "evaluation of step 10 failed" in capfd.readouterr().out
    (repository / "fail").unlink()
    assert steps_of(follow()) == [22]


def test_evaluations_use_the_backend_that_was_requested(follow, repository, monkeypatch):
    monkeypatch.delenv("JAX_PLATFORMS", raising=False)
    follow(on_cpu=True)
    assert {call[-1] for call in calls_of(repository)} == {"cpu"}
    flags = calls_of(repository)[0]
    assert "--transductive" in flags and "--clusterers=kmeans,agglomerative" in flags and "--report=numbers" in flags


def test_the_final_cell_is_measured_once_per_state_and_setting(follow, repository, training, capsys):
    record = follow("simclr", hours=0.02)
    assert record["final"] is None
    settings = (("clustering.scan.num_epochs", 2),)
    record = follow("simclr", hours=0.02, with_final=True, settings=settings)
    assert record["final"]["value"] == 0.75 and record["final"]["row"] == "SimCLR + SCAN"
    scans = [call for call in calls_of(repository) if "--clusterers=scan" in call]
    assert len(scans) == 1 and "--transductive=False" in scans[0]
    assert "--set=clustering.scan.num_epochs=2" in scans[0] and "--set=clustering.scan.neighbours=latents" in scans[0]
    follow("simclr", with_final=True, settings=settings)
    follow("simclr", with_final=True, settings=settings)
    assert len([call for call in calls_of(repository) if "--clusterers=scan" in call]) == 2
    assert "SimCLR + SCAN: 75.0 %" in capsys.readouterr().out


def test_settings_that_json_changes_are_those_of_the_measurement_before(follow, repository, training):
    training.steps = [10]
    settings = (("clustering.scan.hidden", (8, 4)),)
    for _ in range(2):
        record = follow("simclr", with_final=True, settings=settings)
    assert record["final"]["settings"] == [["clustering.scan.hidden", [8, 4]]]
    assert len([call for call in calls_of(repository) if "--clusterers=scan" in call]) == 1


def test_clusterings_of_other_latents_are_removed_before_an_evaluation(follow, repository, training):
    training.steps = [10, 20]
    follow()
    assert [word for call in calls_of(repository) for word in call if word.startswith("stored=")] == ["stored=[]"] * 2


def test_runs_that_differ_in_a_setting_are_two_runs_whose_records_say_so(follow, repository, training):
    training.steps = [10]
    one = follow(trained=(("data.translation_px", 3),))
    two = follow(trained=(("views.translation_px", 3),))
    assert len(calls_of(repository)) == 2
    assert one["set"] == [["data.translation_px", 3]] and two["set"] == [["views.translation_px", 3]]


def test_a_record_says_which_settings_its_run_has(tmp_path):
    workspace = Workspace(tmp_path, "/data", "long")
    own = describe_curve(workspace, CURVES["spatial_vae"], ())
    other = describe_curve(workspace, CURVES["spatial_vae"], (("data.num_test", 500), ("seed", 4)))
    assert (own["seed"], own["settings"], own["set"]) == (0, ["num_test=2000"], [])
    assert (other["seed"], other["settings"], other["set"]) == (4, [], [["data.num_test", 500], ["seed", 4]])


def test_a_folder_of_other_data_or_settings_is_refused_also_when_it_is_finished(follow, repository, training, tmp_path):
    training.steps = [10]
    follow()
    with pytest.raises(InputError, match=r"config\.data\.root is '/data' there and '/other' here"):
        follow(root="/other")
    path = tmp_path / FOLDER / "points.json"
    stored = read_json(path)
    path.write_text(json.dumps(stored | {"set": [["seed", 4]]}))
    with pytest.raises(InputError, match=r"expected .*points\.json of set \[\], found \[\['seed', 4\]\]"):
        follow()
    path.write_text(json.dumps(stored))
    config = json.loads((tmp_path / FOLDER / "run" / "config.json").read_text())
    (tmp_path / FOLDER / "run" / "config.json").write_text(json.dumps(config | {"seed": 4}))
    with pytest.raises(InputError, match=r"config\.seed is 4 there and 0 here"):
        follow()
    assert len(calls_of(repository)) == 1
