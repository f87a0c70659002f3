"""Carries out the runs that cells need: train.py and evaluate.py in processes of their own, once each, resumably.

A run's folder has `run/` (the workdir of train.py), `training.json` (seconds so far and whether it is done), and
`measured/*.json` (results.json of each kind of evaluation). What is there is not done again. After a process that was
killed the next one continues the training, and makes only those clusterings that are missing.
"""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import irl_inr_jax
from irl_inr_jax.training.stopping import stop_signals
from irl_inr_jax.types import InputError
from papers.records import Evaluation, Measure, Run
from papers.systems import evaluation_settings, training_settings, variants_of

REPOSITORY = Path(__file__).resolve().parents[1]
SECONDS_BETWEEN_NOTES = 10.0

OnWait = Callable[[float], None]  # told every few seconds how many have passed


class Place(NamedTuple):
    """workdir: of all tables. data_root: as config.data.root. scale: 'small' or 'paper'."""

    workdir: Path
    data_root: str
    scale: str


class StoppedError(Exception):
    """A signal asked for a stop, and the script saved what it had. status: to exit with."""

    def __init__(self, status: int):
        super().__init__(f"stopped with status {status}")
        self.status = status


def folder_of(place: Place, run: Run, seed: int) -> Path:
    """Where everything of a run with one seed is."""
    return place.workdir / place.scale / f"{run.name}-seed{seed}"


def train_run(place: Place, run: Run, seed: int) -> dict:
    """Trains unless that is done: {"seconds": of training, in all attempts, "done": True}.

    Raises InputError where train.py fails, and StoppedError where a signal stopped it.
    """
    folder = folder_of(place, run, seed)
    noted = folder / "training.json"
    with lock_folder(folder) as lock:
        before = read_json(noted) or {"seconds": 0.0, "done": False}
        if before["done"]:
            return before

        def note(seconds: float, done: bool = False) -> None:
            write_json(noted, {"seconds": before["seconds"] + seconds, "done": done})

        arguments = [
            f"--config=configs/{run.config}.py:{variants_of(run, place.scale)}",
            f"--workdir={folder / 'run'}",
            f"--config.seed={seed}",
            f"--config.data.root={place.data_root}",
            *(f"--config.{key}={value}" for key, value in training_settings(run, place.scale)),
        ]
        note(call_script("train.py", arguments, lock=lock, on_wait=note), True)
        return read_json(noted)


def measure_run(place: Place, run: Run, seed: int, measures: list[Measure]) -> None:
    """Makes those evaluations that a measure lacks; measures of one kind share a call of evaluate.py.

    Raises InputError where evaluate.py fails, and StoppedError where a signal stopped it.
    """
    folder = folder_of(place, run, seed)
    with lock_folder(folder) as lock:
        for kind in dict.fromkeys(measure.evaluation for measure in measures):
            wanted = {measure.clusterer for measure in measures if measure.evaluation == kind and measure.clusterer}
            path = record_path(folder, kind)
            known = read_json(path) or {"seconds": 0.0, "clusterers": []}
            if not path.exists() or not wanted <= set(known["clusterers"]):
                clusterers = sorted(wanted | set(known["clusterers"]))
                seconds = _evaluate(place, folder, kind, clusterers, lock)
                results = read_json(folder / "run" / "eval" / "results.json")
                record = {"seconds": known["seconds"] + seconds, "clusterers": clusterers, "results": results}
                write_json(path, record)


def read_record(place: Place, run: Run, seed: int, measure: Measure) -> dict | None:
    """{"seconds", "clusterers", "results"} of the evaluation that has the measure; None where it was not made."""
    record = read_json(record_path(folder_of(place, run, seed), measure.evaluation))
    if record is None or (measure.clusterer and measure.clusterer not in record["clusterers"]):
        return None
    return record


def record_path(folder: Path, kind: Evaluation) -> Path:
    """The file of one kind of evaluation of a run."""
    return folder / "measured" / f"{kind.name}.json"


def _evaluate(place: Place, folder: Path, kind: Evaluation, clusterers: list[str], lock: int) -> float:
    """Seconds of a call of evaluate.py, which finds and leaves its clusterings beside the record of this kind."""
    arguments = [
        f"--workdir={folder / 'run'}",
        f"--clusterers={','.join(clusterers)}",
        f"--transductive={kind.transductive}",
        f"--report={kind.report}",
        *(f"--set={key}={value}" for key, value in evaluation_settings(kind.settings, place.scale)),
    ]
    # A link, not a copy, so that what a killed evaluation had finished is there for the next.
    used, kept = folder / "run" / "eval" / "clusterings", record_path(folder, kind).with_suffix("")
    kept.mkdir(parents=True, exist_ok=True)
    used.parent.mkdir(parents=True, exist_ok=True)
    if used.is_symlink():
        used.unlink()
    else:  # left by a call of evaluate.py by hand
        shutil.rmtree(used, ignore_errors=True)
    used.symlink_to(os.path.relpath(kept, used.parent))
    return call_script("evaluate.py", arguments, lock=lock, on_wait=lambda _: None)


def call_script(script: str, arguments: list[str], *, lock: int, on_wait: OnWait) -> float:
    """Runs a script of the repository, its output going where ours goes; its seconds.

    A signal to us is passed on once, and the script given the time to save. It holds the lock as we do, so that nobody
    joins it in its folder if we are killed.
    """
    started = noted = time.monotonic()
    with stop_signals() as received:
        process = subprocess.Popen(
            [sys.executable, script, *arguments], cwd=REPOSITORY, start_new_session=True, pass_fds=(lock,)
        )
        passed_on = False
        while process.poll() is None:
            time.sleep(0.1)
            if received() and not passed_on:
                process.send_signal(received())
                passed_on = True
            if time.monotonic() - noted > SECONDS_BETWEEN_NOTES:
                noted = time.monotonic()
                on_wait(noted - started)
        if received():
            on_wait(time.monotonic() - started)
            raise StoppedError(128 + received())
    if process.returncode:
        raise InputError(
            f"expected {script} to succeed, found status {process.returncode}; its message is above. The call was: "
            f"python {script} {' '.join(arguments)}"
        )
    return time.monotonic() - started


@contextmanager
def lock_folder(folder: Path) -> Iterator[int]:
    """The folder, made if it is missing, for one process at a time; waits for others. Yields the lock to pass on."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"… waiting for another process that works in {folder}", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()


def read_json(path: Path) -> dict | None:
    """What `write_json` wrote; None where there is no file."""
    return json.loads(path.read_text()) if path.exists() else None


def write_json(path: Path, value: object) -> None:
    """Replaces the file in one step, so that no reader and no kill meets half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(value, indent=2) + "\n")
    partial.replace(path)
