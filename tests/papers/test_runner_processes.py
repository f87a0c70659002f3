"""The runner with scripts in place of train.py and evaluate.py that log their calls: failures, signals, locks."""

import fcntl
import json
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest

from irl_inr_jax.config.storage import write_config
from irl_inr_jax.types import InputError
from papers import runner
from papers.records import Measure, TrainingSpec
from papers.runner import StoppedError, Workspace, measure_run, read_record, run_folder, train_run
from papers.systems import resolve_config
from tests.conftest import ONE_DEVICE, ROOT

# Both scripts write a line to `log` when they start and when they end. A file of that name in the repository changes
# what they do: "fail" exits with an error, "wait" waits until the file is gone, "stop" sends a signal to the runner.
SCRIPT = """
import json, os, signal, sys, time
from pathlib import Path

repository = Path(sys.argv[0]).resolve().parent
flags = dict(argument[2:].split("=", 1) for argument in sys.argv[1:])
workdir = Path(flags["workdir"])
name = Path(sys.argv[0]).stem


def log(event):
    with (repository / "log").open("a") as file:
        file.write(json.dumps([name, event, sys.argv[1:], os.getpid()]) + "\\n")


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
(workdir / "config.json").write_text((repository / "config.json").read_text())
log("end")
"""
EVALUATE = """
(workdir / "eval").mkdir(parents=True, exist_ok=True)
(workdir / "eval" / "results.json").write_text(json.dumps({"clustering": {}, "pose": {}, "options": {"set": []}}))
log("end")
"""
SPEC = TrainingSpec("mnist_u", "irl_inr", (("loss.symmetry", 0.0),))
KMEANS = Measure(("clustering", "kmeans", "accuracy"), True, "kmeans", True)


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A folder with two scripts that the runner calls in place of train.py and evaluate.py."""
    folder = tmp_path / "repository"
    folder.mkdir()
    write_config(folder / "config.json", resolve_config(SPEC, "paper"))
    (folder / "train.py").write_text(SCRIPT + TRAIN)
    (folder / "evaluate.py").write_text(SCRIPT + EVALUATE)
    monkeypatch.setattr(runner, "REPOSITORY", folder)
    return folder


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path / "work", "/data", "paper")


def logged_calls(repository, event="start"):
    """[(script, arguments)] of all calls so far."""
    log = repository / "log"
    lines = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    return [(name, arguments) for name, kind, arguments, _ in lines if kind == event]


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


@pytest.mark.slow
def test_a_failed_script_raises_its_status_and_call_and_can_be_repeated(repository, workspace):
    (repository / "fail").touch()
    with pytest.raises(InputError, match=r"expected train\.py to succeed, found status 3.*--config\.loss\.symmetry=0"):
        train_run(workspace, SPEC, 0)
    assert not is_locked(run_folder(workspace, SPEC, 0))
    with pytest.raises(InputError, match=r"expected evaluate\.py to succeed, found status 3.*--clusterers=kmeans"):
        measure_run(workspace, SPEC, 0, [KMEANS])
    assert read_record(workspace, SPEC, 0, KMEANS) is None
    (repository / "fail").unlink()
    assert train_run(workspace, SPEC, 0)["done"]
    measure_run(workspace, SPEC, 0, [KMEANS])
    assert read_record(workspace, SPEC, 0, KMEANS)["clusterers"] == ["kmeans"]


@pytest.mark.slow
def test_a_signal_lets_the_script_save_and_its_seconds_are_recorded(repository, workspace):
    path = run_folder(workspace, SPEC, 0) / "training.json"
    handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    (repository / "stop").touch()
    with pytest.raises(StoppedError) as stopped:
        train_run(workspace, SPEC, 0)
    assert stopped.value.status == 143 and (run_folder(workspace, SPEC, 0) / "run" / "saved").read_text() == "train"
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == handlers
    first = json.loads(path.read_text())
    assert not first["done"] and 0 < first["seconds"] < 25
    second = train_run(workspace, SPEC, 0)
    assert second["done"] and second["seconds"] > first["seconds"]
    assert logged_calls(repository)[0] == logged_calls(repository)[1]
    (repository / "stop").touch()
    with pytest.raises(StoppedError):
        measure_run(workspace, SPEC, 0, [KMEANS])
    assert (run_folder(workspace, SPEC, 0) / "run" / "saved").read_text() == "evaluate"
    assert read_record(workspace, SPEC, 0, KMEANS) is None and not is_locked(run_folder(workspace, SPEC, 0))


@pytest.mark.slow
def test_seconds_are_recorded_while_the_script_runs(repository, workspace, monkeypatch):
    """The time of a killed runner would otherwise be missing from the cost of the run."""
    monkeypatch.setattr(runner, "SECONDS_BETWEEN_NOTES", 0.1)
    records = []
    write_json = runner.write_json
    monkeypatch.setattr(runner, "write_json", lambda path, value: (records.append(value), write_json(path, value)))
    (repository / "wait").touch()
    releasing = threading.Timer(0.7, (repository / "wait").unlink)
    releasing.start()
    done = train_run(workspace, SPEC, 0)
    assert len(records) > 2 and not any(record["done"] for record in records[:-1]) and records[-1] == done
    seconds = [record["seconds"] for record in records]
    assert seconds == sorted(seconds) and 0.1 < seconds[0] < seconds[-1]


@pytest.mark.slow
def test_a_caller_can_stop_a_script_that_then_saves(repository, workspace, monkeypatch):
    monkeypatch.setattr(runner, "SECONDS_BETWEEN_NOTES", 0.1)
    (repository / "wait").touch()
    workdir = workspace.workdir / "run"
    waits = []

    def stop_at_the_third(seconds):
        waits.append(seconds)
        return len(waits) == 3

    with runner.lock_folder(workspace.workdir) as lock, pytest.raises(StoppedError) as stopped:
        runner.call_script("train.py", [f"--workdir={workdir}"], lock=lock, on_wait=stop_at_the_third)
    assert stopped.value.status == 143 and not stopped.value.by_signal
    assert (workdir / "saved").read_text() == "train" and len(waits) >= 4


@pytest.mark.slow
def test_a_signal_is_told_apart_even_if_the_caller_would_stop_too(repository, workspace):
    """The caller's limit may pass while the script saves after a signal."""
    (repository / "stop").touch()
    arguments = [f"--workdir={workspace.workdir / 'run'}"]
    with runner.lock_folder(workspace.workdir) as lock, pytest.raises(StoppedError) as stopped:
        runner.call_script("train.py", arguments, lock=lock, on_wait=lambda seconds: True)
    assert stopped.value.status == 143 and stopped.value.by_signal


@pytest.mark.slow
def test_the_second_of_two_concurrent_runners_waits_and_finds_the_run_done(repository, workspace, monkeypatch, capfd):
    """Threads suffice, since a lock belongs to an open file; only the main thread may handle signals."""

    @contextmanager
    def no_signals():
        yield lambda: 0

    monkeypatch.setattr(runner, "stop_signals", no_signals)
    (repository / "wait").touch()
    found = []
    threads = [threading.Thread(target=lambda: found.append(train_run(workspace, SPEC, 0))) for _ in range(2)]
    threads[0].start()
    wait_for(lambda: logged_calls(repository))
    threads[1].start()
    printed = ""

    def is_waiting():
        nonlocal printed
        printed += capfd.readouterr().out
        return f"waiting for another process that uses {run_folder(workspace, SPEC, 0)}" in printed

    wait_for(is_waiting)
    assert found == [] and len(logged_calls(repository)) == 1
    (repository / "wait").unlink()
    for thread in threads:
        thread.join(60)
    assert found[0] == found[1] and found[0]["done"] and len(logged_calls(repository)) == 1


@pytest.mark.slow
def test_the_script_of_a_killed_runner_makes_the_next_runner_wait(repository, workspace):
    """Two scripts must not write to one folder; the next runner calls the script again, which continues."""
    (repository / "wait").touch()
    program = f"""
from pathlib import Path
from papers import runner
from papers.records import TrainingSpec
runner.REPOSITORY = Path({str(repository)!r})
runner.train_run(runner.Workspace(Path({str(workspace.workdir)!r}), "/data", "paper"), {SPEC!r}, 0)
"""
    killed = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, env=ONE_DEVICE)
    wait_for(lambda: logged_calls(repository) or killed.poll() is not None)
    killed.kill()
    assert killed.wait(60) == -signal.SIGKILL
    assert is_locked(run_folder(workspace, SPEC, 0)) and logged_calls(repository, "end") == []
    releasing = threading.Timer(0.3, (repository / "wait").unlink)
    releasing.start()
    assert train_run(workspace, SPEC, 0)["done"]
    events = [json.loads(line) for line in (repository / "log").read_text().splitlines()]
    assert [event for _, event, _, _ in events] == ["start", "end", "start", "end"]
    assert events[0][3] == events[1][3] != events[2][3] == events[3][3]
    assert not is_locked(run_folder(workspace, SPEC, 0))
