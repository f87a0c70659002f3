"""Train and evaluate the runs that cells require: train.py and evaluate.py in subprocesses, once each, resumable.

A run's folder contains `run/` (the workdir of train.py), `training.json` (seconds so far and whether training is done)
and `measured/*.json` (results.json of each evaluation). Finished work is not repeated. After a killed process the next
call continues the training and fits only the missing clusterers.
"""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from irl_inr_jax.config.checked_files import write_in_one_step
from irl_inr_jax.training.stopping import stop_signals
from irl_inr_jax.types import InputError
from papers.measured_settings import assign_present, check_trained, list_changes
from papers.records import EvaluationSpec, Measure, TrainingSpec
from papers.systems import list_variants, training_settings

REPOSITORY = Path(__file__).resolve().parents[1]
SECONDS_BETWEEN_NOTES = 10.0


class Workspace(NamedTuple):
    """workdir: of all tables. data_root: config.data.root. scale: one of `SCALES`."""

    workdir: Path
    data_root: str
    scale: str


class StoppedError(Exception):
    """A script was stopped after it had saved its state.

    status: the exit status. by_signal: by a signal to this process, not by `on_wait`.
    """

    def __init__(self, status: int, *, by_signal: bool):
        super().__init__(f"stopped with status {status}")
        self.status, self.by_signal = status, by_signal


def run_folder(workspace: Workspace, spec: TrainingSpec, seed: int) -> Path:
    """Return the folder of a run with one seed."""
    return workspace.workdir / workspace.scale / f"{spec.name}-seed{seed}"


def train_run(workspace: Workspace, spec: TrainingSpec, seed: int) -> dict:
    """Train unless that is done; return {"seconds": training time of all attempts, "done": True}.

    Raises InputError if train.py fails or the finished run has other settings, and StoppedError if a signal stopped it.
    """
    folder = run_folder(workspace, spec, seed)
    path = folder / "training.json"
    with lock_folder(folder) as lock:
        before = read_json(path) or {"seconds": 0.0, "done": False}
        if before["done"]:
            check_trained(folder, spec, workspace.scale)
            return before
        if any((folder / "measured").glob("*.json")):
            raise InputError(
                f"expected no results of a run that is not trained, found {folder / 'measured'}; move it away"
            )

        def note(seconds: float, done: bool = False) -> None:
            write_json(path, {"seconds": before["seconds"] + seconds, "done": done})

        arguments = [
            f"--config=configs/{spec.config}.py:{list_variants(spec, workspace.scale)}",
            f"--workdir={folder / 'run'}",
            f"--config.seed={seed}",
            f"--config.data.root={workspace.data_root}",
            *(f"--config.{key}={value}" for key, value in training_settings(spec, workspace.scale)),
        ]
        seconds = call_script("train.py", arguments, lock=lock, on_wait=note)
        note(seconds, done=True)
        return {"seconds": before["seconds"] + seconds, "done": True}


def measure_run(workspace: Workspace, spec: TrainingSpec, seed: int, measures: list[Measure]) -> None:
    """Run the evaluations that a measure lacks or that were made with other settings.

    Measures of one evaluation share a call of evaluate.py. Raises InputError if evaluate.py fails and StoppedError if a
    signal stopped it.
    """
    folder = run_folder(workspace, spec, seed)
    with lock_folder(folder) as lock:
        for evaluation in dict.fromkeys(measure.evaluation for measure in measures):
            wanted = [measure for measure in measures if measure.evaluation == evaluation]
            path = record_path(folder, evaluation)
            record = read_json(path)
            if record is not None and all(_is_measured(folder, record, spec, each, workspace.scale) for each in wanted):
                continue
            record = record or {"seconds": 0.0, "clusterers": []}
            clusterers = sorted({each.clusterer for each in wanted if each.clusterer} | set(record["clusterers"]))
            settings = assign_present(folder / "run", spec, evaluation, workspace.scale)
            seconds = _evaluate(folder, evaluation, settings, clusterers, lock)
            results = read_json(folder / "run" / "eval" / "results.json")
            write_json(path, {"seconds": record["seconds"] + seconds, "clusterers": clusterers, "results": results})


def _is_measured(folder: Path, record: dict, spec: TrainingSpec, measure: Measure, scale: str) -> bool:
    """Return whether a record has a measure, with the present settings."""
    has_clusterer = not measure.clusterer or measure.clusterer in record["clusterers"]
    return has_clusterer and not list_changes(folder / "run", record["results"], spec, measure, scale)


def read_record(workspace: Workspace, spec: TrainingSpec, seed: int, measure: Measure) -> dict | None:
    """Return {"seconds", "clusterers", "results"} of the measure's evaluation, or None if it is missing."""
    record = read_json(record_path(run_folder(workspace, spec, seed), measure.evaluation))
    if record is None or (measure.clusterer and measure.clusterer not in record["clusterers"]):
        return None
    return record


def record_path(folder: Path, evaluation: EvaluationSpec) -> Path:
    """Return the file of one evaluation of a run."""
    return folder / "measured" / f"{evaluation.name}.json"


def _evaluate(folder: Path, evaluation: EvaluationSpec, settings: list[str], clusterers: list[str], lock: int) -> float:
    """Call evaluate.py, with its clusterings stored next to the record of this evaluation; return its seconds."""
    arguments = [
        f"--workdir={folder / 'run'}",
        f"--clusterers={','.join(clusterers)}",
        f"--transductive={evaluation.transductive}",
        f"--report={evaluation.report}",
        *(f"--set={assignment}" for assignment in settings),
    ]
    # A link rather than a copy: clusterings that a killed evaluation had finished remain for the next.
    used, kept = folder / "run" / "eval" / "clusterings", record_path(folder, evaluation).with_suffix("")
    kept.mkdir(parents=True, exist_ok=True)
    used.parent.mkdir(parents=True, exist_ok=True)
    if used.is_symlink():
        used.unlink()
    else:  # from a manual call of evaluate.py
        shutil.rmtree(used, ignore_errors=True)
    used.symlink_to(os.path.relpath(kept, used.parent))
    return call_script("evaluate.py", arguments, lock=lock, on_wait=lambda _: None)


def call_script(script: str, arguments: list[str], *, lock: int, on_wait: Callable[[float], object]) -> float:
    """Run a script of the repository with our stdout and stderr; return its seconds.

    `on_wait(seconds)` is called every few seconds; True stops the script as SIGTERM does. A signal is forwarded once,
    and the script is given time to save. The script inherits the lock, so that no other process can enter its folder
    if this one is killed.
    """
    started = noted = time.monotonic()
    with stop_signals() as received:
        process = subprocess.Popen(
            [sys.executable, script, *arguments], cwd=REPOSITORY, start_new_session=True, pass_fds=(lock,)
        )
        sent = 0
        while process.poll() is None:
            time.sleep(0.1)
            requested = received()
            if time.monotonic() - noted > SECONDS_BETWEEN_NOTES:
                noted = time.monotonic()
                requested = requested or (signal.SIGTERM if on_wait(noted - started) is True else 0)
            if requested and not sent:
                process.send_signal(requested)
                sent = requested
        if sent or received():
            on_wait(time.monotonic() - started)
            raise StoppedError(128 + (sent or received()), by_signal=bool(received()))
    if process.returncode:
        raise InputError(
            f"expected {script} to succeed, found status {process.returncode}; its message is above. The call was: "
            f"python {script} {' '.join(arguments)}"
        )
    return time.monotonic() - started


@contextmanager
def lock_folder(folder: Path) -> Iterator[int]:
    """Create the folder if needed and lock it for one process, waiting for others; yield the lock's file descriptor."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"expected a folder that can be written for --workdir, found {folder}: {error}") from None
    with (folder / "lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"… waiting for another process that uses {folder}", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()


def read_json(path: Path) -> dict | None:
    """Return the content of a file of `write_json`, or None if it does not exist.

    Raises InputError for a damaged file.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"expected {path} as it was written, found it edited or damaged ({error}); restore it, or move the folder "
            f"of its run away"
        ) from None


def write_json(path: Path, value: object) -> None:
    """Write a file of JSON in one step, and its folder if needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_in_one_step(path, json.dumps(value, indent=2) + "\n")
