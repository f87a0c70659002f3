"""The runner with in-process stand-ins for train.py and evaluate.py."""

import json
import os

import pytest

from irl_inr_jax.config.storage import write_config
from irl_inr_jax.types import InputError
from papers import runner, systems
from papers.records import Measure, TrainingSpec
from papers.runner import Workspace, measure_run, read_record, record_path, run_folder, train_run
from papers.systems import resolve_config

SPEC = TrainingSpec("mnist_u", "irl_inr", (("loss.symmetry", 0.0),))


def clustered(name, *settings, transductive=True):
    return Measure(("clustering", name, "accuracy"), True, name, transductive, settings)


KMEANS, WARD = clustered("kmeans"), clustered("agglomerative")
SCAN = clustered("scan", transductive=False)
SCAN_WITH_ROTATIONS = clustered("scan", ("clustering.scan.augment", "s1+r"), transductive=False)
POSE = Measure(("pose", "rotation_correlation"), False, transductive=True)
SECONDS = 0.25  # of each call of a stand-in


class Scripts:
    """Stand-in for `runner.call_script` that records the calls and writes the files that the scripts would write."""

    def __init__(self):
        self.calls, self.is_killed = [], False

    def call(self, script, arguments, *, lock, on_wait):
        self.calls.append((script, arguments))
        flags = dict(argument[2:].split("=", 1) for argument in arguments)
        workdir = runner.Path(flags["workdir"])
        if not (workdir / "config.json").exists():
            workdir.mkdir(parents=True, exist_ok=True)
            write_config(workdir / "config.json", resolve_config(SPEC, workdir.parents[1].name))
        if script == "evaluate.py":
            settings = [argument.removeprefix("--set=") for argument in arguments if argument.startswith("--set=")]
            self.evaluate(workdir, flags | {"set": settings})
        return SECONDS

    def evaluate(self, workdir, flags):
        """Store a file per clustering, as evaluate.py does; after a kill the first one remains."""
        clusterings, scores = workdir / "eval" / "clusterings", {}
        for clusterer in filter(None, flags["clusterers"].split(",")):
            kept = clusterings / clusterer
            scores[clusterer] = {"accuracy": 0.5, "kept": kept.exists()}
            kept.write_text("")
            if self.is_killed:
                raise InputError("expected evaluate.py to succeed, found status -9")
        results = {"clustering": scores, "pose": {}, "options": {"set": flags["set"]}}
        (workdir / "eval" / "results.json").write_text(json.dumps(results))

    @property
    def clusterers(self):
        """The value of --clusterers of each call of evaluate.py."""
        flags = [argument for _, arguments in self.calls for argument in arguments]
        return [flag.partition("=")[2] for flag in flags if flag.startswith("--clusterers=")]


@pytest.fixture
def scripts(monkeypatch):
    """Replace the two scripts by a stand-in."""
    stand_in = Scripts()
    monkeypatch.setattr(runner, "call_script", stand_in.call)
    return stand_in


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path / "work", "/data", "paper")


def test_finished_work_is_not_repeated(scripts, workspace):
    first = train_run(workspace, SPEC, 0)
    measure_run(workspace, SPEC, 0, [KMEANS, POSE])
    assert first == {"seconds": SECONDS, "done": True} == train_run(workspace, SPEC, 0)
    measure_run(workspace, SPEC, 0, [POSE])
    measure_run(workspace, SPEC, 0, [KMEANS])
    assert [script for script, _ in scripts.calls] == ["train.py", "evaluate.py", "evaluate.py"]
    assert read_record(workspace, SPEC, 0, KMEANS)["clusterers"] == ["kmeans"]
    assert read_record(workspace, SPEC, 0, POSE)["clusterers"] == []
    train_run(workspace, SPEC, 1)
    train_run(workspace._replace(scale="quick"), SPEC, 0)
    assert [script for script, _ in scripts.calls[3:]] == ["train.py", "train.py"]
    assert len(list(workspace.workdir.glob("*/*/training.json"))) == 3


def test_results_of_other_settings_are_measured_again(scripts, workspace, monkeypatch):
    workspace = workspace._replace(scale="quick")
    ward = clustered("agglomerative", transductive=False)
    measure_run(workspace, SPEC, 0, [SCAN, ward])
    monkeypatch.setattr(systems, "QUICK_CLUSTERING", (("clustering.scan.num_epochs", 8),))
    measure_run(workspace, SPEC, 0, [ward])
    assert len(scripts.calls) == 1
    measure_run(workspace, SPEC, 0, [SCAN])
    assert scripts.clusterers[1] == "agglomerative,scan" and "--set=clustering.scan.num_epochs=8" in scripts.calls[1][1]
    measure_run(workspace, SPEC, 0, [SCAN])
    assert len(scripts.calls) == 2


def test_evaluations_have_the_present_settings_and_not_those_of_the_training(scripts, workspace):
    config = resolve_config(SPEC, "paper")
    config.clustering.scan.num_epochs = 3
    run = run_folder(workspace, SPEC, 0) / "run"
    run.mkdir(parents=True)
    write_config(run / "config.json", config)
    measure_run(workspace, SPEC, 0, [SCAN])
    expected = resolve_config(SPEC, "paper").clustering.scan.num_epochs
    assert f"--set=clustering.scan.num_epochs={expected}" in scripts.calls[0][1]


def test_results_of_an_earlier_version_are_measured_again(scripts, workspace):
    measure_run(workspace, SPEC, 0, [KMEANS])
    path = record_path(run_folder(workspace, SPEC, 0), KMEANS.evaluation)
    record = json.loads(path.read_text())
    del record["results"]["options"]
    path.write_text(json.dumps(record))
    measure_run(workspace, SPEC, 0, [KMEANS])
    assert len(scripts.calls) == 2


def test_results_of_an_earlier_training_are_refused(scripts, workspace):
    """After training.json was removed, say."""
    measure_run(workspace, SPEC, 0, [KMEANS])
    with pytest.raises(InputError, match="expected no results of a run that is not trained"):
        train_run(workspace, SPEC, 0)


def test_a_finished_run_without_its_configuration_is_refused(scripts, workspace):
    train_run(workspace, SPEC, 0)
    (run_folder(workspace, SPEC, 0) / "run" / "config.json").unlink()
    with pytest.raises(InputError, match="expected the configuration of a finished run"):
        train_run(workspace, SPEC, 0)


def test_a_damaged_record_is_refused(workspace):
    path = record_path(run_folder(workspace, SPEC, 0), KMEANS.evaluation)
    path.parent.mkdir(parents=True)
    path.write_text('{"seconds": 1.0, "clus')
    with pytest.raises(InputError, match="found it edited or damaged"):
        read_record(workspace, SPEC, 0, KMEANS)


@pytest.mark.parametrize(("key", "value"), [("loss.recon", 3.0), ("train.num_epochs", 1)])
def test_a_finished_run_of_other_settings_is_refused(scripts, workspace, key, value):
    """Those of a name change with the presets; its old values would be reported as the new ones."""
    train_run(workspace, SPEC, 0)
    path = run_folder(workspace, SPEC, 0) / "run" / "config.json"
    config = resolve_config(SPEC, "paper")
    config.update_from_flattened_dict({"seed": 0, "data.root": "/data"})
    write_config(path, config)
    train_run(workspace, SPEC, 0)
    config.update_from_flattened_dict({key: value})
    write_config(path, config)
    with pytest.raises(InputError, match=key.rpartition(".")[2].removeprefix("num_")):
        train_run(workspace, SPEC, 0)
    assert len(scripts.calls) == 1


def test_train_gets_the_configuration_the_seed_the_data_and_the_settings(scripts, workspace):
    train_run(workspace, SPEC, 7)
    [(_, arguments)] = scripts.calls
    assert arguments == [
        "--config=configs/mnist_u.py:paper",
        f"--workdir={run_folder(workspace, SPEC, 7)}/run",
        "--config.seed=7",
        "--config.data.root=/data",
        "--config.loss.symmetry=0.0",
    ]
    train_run(workspace._replace(scale="quick"), SPEC, 7)
    quick = scripts.calls[-1][1]
    assert quick[0] == "--config=configs/mnist_u.py:paper,small" and quick[-1] == "--config.loss.symmetry=0.0"
    assert [flag for flag in quick if flag.startswith("--config.data.num_train=")]


def test_another_clusterer_of_an_evaluation_is_added_to_the_existing_ones(scripts, workspace):
    measure_run(workspace, SPEC, 0, [KMEANS])
    assert read_record(workspace, SPEC, 0, KMEANS)["seconds"] == SECONDS
    assert read_record(workspace, SPEC, 0, WARD) is None
    measure_run(workspace, SPEC, 0, [WARD])
    after = read_record(workspace, SPEC, 0, WARD)
    assert scripts.clusterers == ["kmeans", "agglomerative,kmeans"]
    assert after == read_record(workspace, SPEC, 0, KMEANS) and after["clusterers"] == ["agglomerative", "kmeans"]
    scores = after["results"]["clustering"]
    assert scores["kmeans"]["kept"] and not scores["agglomerative"]["kept"]
    assert after["seconds"] == 2 * SECONDS


def test_measures_of_one_evaluation_share_one_call(scripts, workspace):
    measure_run(workspace, SPEC, 0, [WARD, KMEANS, POSE, WARD])
    assert scripts.clusterers == ["agglomerative,kmeans", ""]
    reports = [flag for _, arguments in scripts.calls for flag in arguments if flag.startswith("--report=")]
    assert reports == ["--report=scores", "--report=numbers"]


def test_each_evaluation_has_its_own_record_and_clusterings(scripts, workspace):
    """SCAN with other augmentations must neither reuse nor replace the clusterings of the first evaluation."""
    measure_run(workspace, SPEC, 0, [SCAN, SCAN_WITH_ROTATIONS, KMEANS])
    calls = [arguments for _, arguments in scripts.calls]
    assert scripts.clusterers == ["scan", "scan", "kmeans"]
    assert [call.count("--set=clustering.scan.augment=s1+r") for call in calls] == [0, 1, 0]
    assert [[flag for flag in call if "transductive" in flag] for call in calls] == [
        ["--transductive=False"],
        ["--transductive=False"],
        ["--transductive=True"],
    ]
    for measure in (SCAN, SCAN_WITH_ROTATIONS, KMEANS):
        record = read_record(workspace, SPEC, 0, measure)
        assert list(record["results"]["clustering"]) == [measure.clusterer] == record["clusterers"]
        assert not record["results"]["clustering"][measure.clusterer]["kept"]
        kept = record_path(run_folder(workspace, SPEC, 0), measure.evaluation).with_suffix("")
        assert [path.name for path in kept.iterdir()] == [measure.clusterer]
    measure_run(workspace, SPEC, 0, [clustered("dec", transductive=False)])
    record = read_record(workspace, SPEC, 0, SCAN)["results"]["clustering"]
    assert record["scan"]["kept"] and not record["dec"]["kept"]


def test_clusterings_of_a_killed_evaluation_are_reused_and_those_of_a_manual_call_are_not(scripts, workspace):
    manual = run_folder(workspace, SPEC, 0) / "run" / "eval" / "clusterings"
    manual.mkdir(parents=True)
    (manual / "kmeans").write_text("")
    scripts.is_killed = True
    with pytest.raises(InputError, match="status -9"):
        measure_run(workspace, SPEC, 0, [KMEANS, WARD])
    assert read_record(workspace, SPEC, 0, WARD) is None
    scripts.is_killed = False
    measure_run(workspace, SPEC, 0, [KMEANS, WARD])
    scores = read_record(workspace, SPEC, 0, WARD)["results"]["clustering"]
    assert scores["agglomerative"]["kept"] and not scores["kmeans"]["kept"]


def test_json_files_are_written_completely_or_not_at_all(tmp_path):
    path = tmp_path / "new" / "a.json"
    runner.write_json(path, {"seconds": 1.5})
    with pytest.raises(TypeError):
        runner.write_json(path, {"seconds": object()})
    assert runner.read_json(path) == {"seconds": 1.5} and os.listdir(path.parent) == ["a.json"]
    assert runner.read_json(tmp_path / "none.json") is None
