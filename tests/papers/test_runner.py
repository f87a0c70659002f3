"""The runner, on scripts in the place of train.py and evaluate.py that only tell how they were called."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from irl_inr_jax.types import InputError
from papers import runner
from papers.records import Measure, Run
from papers.runner import Place, StoppedError, folder_of, measure_run, read_record, record_path, train_run
from tests.conftest import ONE_DEVICE, ROOT

# Both scripts: a line in LOG when they start and when they end, and what the test has laid out as a file in the
# repository makes them do otherwise: "fail" fails, "wait" waits until the file is gone, "stop" is a signal to the
# runner that is waited for.
SCRIPT = """
import json, os, signal, sys, time
from pathlib import Path

repository = Path(sys.argv[0]).resolve().parent
flags = dict(argument[2:].split("=", 1) for argument in sys.argv[1:])
workdir = Path(flags["workdir"])
name = Path(sys.argv[0]).stem


def log(what):
    with (repository / "log").open("a") as file:
        file.write(json.dumps([name, what, sys.argv[1:], os.getpid()]) + "\\n")


def save_and_stop(number, frame):
    workdir.mkdir(parents=True, exist_ok=True)
    (workdir / "saved").write_text(name)
    sys.exit(128 + number)


signal.signal(signal.SIGTERM, save_and_stop)
log("start")
if (repository / "fail").exists():
    sys.exit(3)
if (repository / "stop").exists():
    (repository / "stop").unlink()
    os.kill(os.getppid(), signal.SIGTERM)
    time.sleep(30)
while (repository / "wait").exists():
    time.sleep(0.01)
"""
TRAIN = """
workdir.mkdir(parents=True, exist_ok=True)
(workdir / "config.json").write_text("{}")
log("end")
"""
EVALUATE = """
clusterings = workdir / "eval" / "clusterings"
clusterings.mkdir(parents=True, exist_ok=True)
names = [clusterer for clusterer in flags["clusterers"].split(",") if clusterer]
scores = {}
for clusterer in names:
    kept = clusterings / clusterer
    scores[clusterer] = {"accuracy": 0.5, "kept": kept.exists(), "transductive": flags["transductive"]}
    kept.write_text("")
    if (repository / "die").exists():
        os.kill(os.getpid(), signal.SIGKILL)
(workdir / "eval" / "results.json").write_text(json.dumps({"clustering": scores, "pose": {}}))
log("end")
"""
RUN = Run("mnist_u", "irl_inr", (("loss.symmetry", 0.0),))


def clustered(name, *settings, transductive=True):
    return Measure(("clustering", name, "accuracy"), True, name, transductive, settings)


KMEANS, WARD = clustered("kmeans"), clustered("agglomerative")
SCAN = clustered("scan", transductive=False)
SCAN_TURNED = clustered("scan", ("clustering.scan.augment", "s1+r"), transductive=False)
POSE = Measure(("pose", "rotation_correlation"), False, transductive=True)


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A folder with the two scripts that the runner calls instead of ours."""
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "train.py").write_text(SCRIPT + TRAIN)
    (folder / "evaluate.py").write_text(SCRIPT + EVALUATE)
    monkeypatch.setattr(runner, "REPOSITORY", folder)
    return folder


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path / "work", "/data", "paper")


def calls(repository, what="start"):
    """[(script, arguments)] of all calls so far."""
    log = repository / "log"
    lines = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    return [(name, arguments) for name, event, arguments, _ in lines if event == what]


def clusterers_asked(repository):
    return [
        argument.partition("=")[2]
        for _, arguments in calls(repository)
        for argument in arguments
        if argument.startswith("--clusterers=")
    ]


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_locked(folder):
    with (folder / "lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_what_is_done_is_not_done_again(repository, place):
    first = train_run(place, RUN, 0)
    measure_run(place, RUN, 0, [KMEANS, POSE])
    assert first["done"] and 0 < first["seconds"] < 60
    assert train_run(place, RUN, 0) == first
    measure_run(place, RUN, 0, [POSE])
    measure_run(place, RUN, 0, [KMEANS])
    assert [script for script, _ in calls(repository)] == ["train", "evaluate", "evaluate"]
    assert read_record(place, RUN, 0, KMEANS)["clusterers"] == ["kmeans"]
    assert read_record(place, RUN, 0, POSE)["clusterers"] == []
    train_run(place, RUN, 1)
    train_run(place._replace(scale="small"), RUN, 0)
    assert [script for script, _ in calls(repository)] == ["train", "evaluate", "evaluate", "train", "train"]
    assert len({folder for folder in place.workdir.glob("*/*/run")}) == 3


def test_train_gets_the_configuration_the_seed_the_data_and_the_settings(repository, place):
    train_run(place, RUN, 7)
    [(_, arguments)] = calls(repository)
    assert arguments == [
        "--config=configs/mnist_u.py:paper",
        f"--workdir={folder_of(place, RUN, 7)}/run",
        "--config.seed=7",
        "--config.data.root=/data",
        "--config.loss.symmetry=0.0",
    ]
    train_run(place._replace(scale="small"), RUN, 7)
    small = calls(repository)[-1][1]
    assert small[0] == "--config=configs/mnist_u.py:paper,small" and small[-1] == "--config.loss.symmetry=0.0"
    assert [flag for flag in small if flag.startswith("--config.data.num_train=")]


def test_another_clusterer_of_a_kind_is_added_to_those_that_are_there(repository, place):
    measure_run(place, RUN, 0, [KMEANS])
    before = read_record(place, RUN, 0, KMEANS)
    assert read_record(place, RUN, 0, WARD) is None
    measure_run(place, RUN, 0, [WARD])
    after = read_record(place, RUN, 0, WARD)
    assert clusterers_asked(repository) == ["kmeans", "agglomerative,kmeans"]
    assert after == read_record(place, RUN, 0, KMEANS) and after["clusterers"] == ["agglomerative", "kmeans"]
    scores = after["results"]["clustering"]
    assert scores["kmeans"]["kept"] and not scores["agglomerative"]["kept"]
    assert after["seconds"] > before["seconds"] > 0


def test_measures_of_one_kind_come_from_one_call(repository, place):
    measure_run(place, RUN, 0, [WARD, KMEANS, POSE, WARD])
    assert clusterers_asked(repository) == ["agglomerative,kmeans", ""]
    reports = [argument for _, call in calls(repository) for argument in call if argument.startswith("--report=")]
    assert reports == ["--report=scores", "--report=numbers"]


def test_kinds_of_evaluation_have_their_own_record_and_their_own_clusterings(repository, place):
    """SCAN with other augmentations must neither be taken from the first one's clusterings nor replace them."""
    measure_run(place, RUN, 0, [SCAN, SCAN_TURNED, KMEANS])
    asked = [arguments for _, arguments in calls(repository)]
    assert clusterers_asked(repository) == ["scan", "scan", "kmeans"]
    assert [call.count("--set=clustering.scan.augment=s1+r") for call in asked] == [0, 1, 0]
    assert [[flag for flag in call if "transductive" in flag] for call in asked] == [
        ["--transductive=False"],
        ["--transductive=False"],
        ["--transductive=True"],
    ]
    for measure in (SCAN, SCAN_TURNED, KMEANS):
        record = read_record(place, RUN, 0, measure)
        assert list(record["results"]["clustering"]) == [measure.clusterer] == record["clusterers"]
        assert not record["results"]["clustering"][measure.clusterer]["kept"]
        kept = record_path(folder_of(place, RUN, 0), measure.evaluation).with_suffix("")
        assert [path.name for path in kept.iterdir()] == [measure.clusterer]
    measure_run(place, RUN, 0, [clustered("dec", transductive=False)])
    record = read_record(place, RUN, 0, SCAN)["results"]["clustering"]
    assert record["scan"]["kept"] and not record["dec"]["kept"]


def test_clusterings_made_before_a_kill_are_kept_and_those_made_by_hand_are_not_taken(repository, place):
    folder = folder_of(place, RUN, 0)
    by_hand = folder / "run" / "eval" / "clusterings"
    by_hand.mkdir(parents=True)
    (by_hand / "kmeans").write_text("")
    (repository / "die").touch()
    with pytest.raises(InputError, match="status -9"):
        measure_run(place, RUN, 0, [KMEANS, WARD])
    assert read_record(place, RUN, 0, WARD) is None
    (repository / "die").unlink()
    measure_run(place, RUN, 0, [KMEANS, WARD])
    scores = read_record(place, RUN, 0, WARD)["results"]["clustering"]
    assert scores["agglomerative"]["kept"] and not scores["kmeans"]["kept"]


def test_a_script_that_fails_is_an_error_with_its_status_and_call_and_is_tried_again(repository, place):
    (repository / "fail").touch()
    with pytest.raises(InputError, match=r"expected train\.py to succeed, found status 3.*--config\.loss\.symmetry=0"):
        train_run(place, RUN, 0)
    assert not is_locked(folder_of(place, RUN, 0))
    with pytest.raises(InputError, match=r"expected evaluate\.py to succeed, found status 3.*--clusterers=kmeans"):
        measure_run(place, RUN, 0, [KMEANS])
    assert read_record(place, RUN, 0, KMEANS) is None
    (repository / "fail").unlink()
    assert train_run(place, RUN, 0)["done"]
    measure_run(place, RUN, 0, [KMEANS])
    assert read_record(place, RUN, 0, KMEANS)["clusterers"] == ["kmeans"]


def test_a_signal_to_us_lets_the_script_save_and_notes_its_seconds(repository, place, monkeypatch):
    noted = folder_of(place, RUN, 0) / "training.json"
    handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    (repository / "stop").touch()
    with pytest.raises(StoppedError) as stopped:
        train_run(place, RUN, 0)
    assert stopped.value.status == 143 and (folder_of(place, RUN, 0) / "run" / "saved").read_text() == "train"
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == handlers
    first = json.loads(noted.read_text())
    assert not first["done"] and 0 < first["seconds"] < 25
    second = train_run(place, RUN, 0)
    assert second["done"] and second["seconds"] > first["seconds"]
    assert calls(repository)[0] == calls(repository)[1]
    (repository / "stop").touch()
    with pytest.raises(StoppedError):
        measure_run(place, RUN, 0, [KMEANS])
    assert (folder_of(place, RUN, 0) / "run" / "saved").read_text() == "evaluate"
    assert read_record(place, RUN, 0, KMEANS) is None and not is_locked(folder_of(place, RUN, 0))


def test_seconds_are_noted_while_the_script_runs(repository, place, monkeypatch):
    """Those of a runner that is killed would otherwise be missing from the cost of the run."""
    monkeypatch.setattr(runner, "SECONDS_BETWEEN_NOTES", 0.1)
    seen = []
    write_json = runner.write_json
    monkeypatch.setattr(runner, "write_json", lambda path, value: (seen.append(value), write_json(path, value)))
    (repository / "wait").touch()
    releasing = threading.Timer(0.7, (repository / "wait").unlink)
    releasing.start()
    done = train_run(place, RUN, 0)
    assert len(seen) > 2 and not any(note["done"] for note in seen[:-1]) and seen[-1] == done
    seconds = [note["seconds"] for note in seen]
    assert seconds == sorted(seconds) and 0.1 < seconds[0] < seconds[-1]


def test_of_two_at_one_run_the_second_waits_and_finds_it_done(repository, place, monkeypatch, capfd):
    """Two threads, since a lock belongs to an open file and not to a process; signals are for the main thread alone."""

    @contextmanager
    def no_signals():
        yield lambda: 0

    monkeypatch.setattr(runner, "stop_signals", no_signals)
    (repository / "wait").touch()
    found = []
    threads = [threading.Thread(target=lambda: found.append(train_run(place, RUN, 0))) for _ in range(2)]
    threads[0].start()
    wait_for(lambda: calls(repository))
    threads[1].start()
    said = ""

    def is_waiting():
        nonlocal said
        said += capfd.readouterr().out
        return f"waiting for another process that works in {folder_of(place, RUN, 0)}" in said

    wait_for(is_waiting)
    assert found == [] and len(calls(repository)) == 1
    (repository / "wait").unlink()
    for thread in threads:
        thread.join(60)
    assert found[0] == found[1] and found[0]["done"] and len(calls(repository)) == 1


def test_a_script_whose_runner_was_killed_keeps_the_next_one_waiting(repository, place):
    """Else two would write one folder. The next one then calls it again, which goes on from where it is."""
    (repository / "wait").touch()
    program = f"""
from pathlib import Path
from papers import runner
from papers.records import Run
runner.REPOSITORY = Path({str(repository)!r})
runner.train_run(runner.Place(Path({str(place.workdir)!r}), "/data", "paper"), {RUN!r}, 0)
"""
    killed = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, env=ONE_DEVICE)
    wait_for(lambda: calls(repository) or killed.poll() is not None)
    killed.kill()
    assert killed.wait(60) == -signal.SIGKILL
    assert is_locked(folder_of(place, RUN, 0)) and calls(repository, "end") == []
    releasing = threading.Timer(0.3, (repository / "wait").unlink)
    releasing.start()
    assert train_run(place, RUN, 0)["done"]
    events = [json.loads(line) for line in (repository / "log").read_text().splitlines()]
    assert [event for _, event, _, _ in events] == ["start", "end", "start", "end"]
    assert events[0][3] == events[1][3] != events[2][3] == events[3][3]
    assert not is_locked(folder_of(place, RUN, 0))


def test_a_record_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "new" / "a.json"
    runner.write_json(path, {"seconds": 1.5})
    with pytest.raises(TypeError):
        runner.write_json(path, {"seconds": object()})
    assert runner.read_json(path) == {"seconds": 1.5} and os.listdir(path.parent) == ["a.json"]
    assert runner.read_json(Path(tmp_path / "none.json")) is None
