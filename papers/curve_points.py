"""The points of a curve: evaluations of checkpoints that run beside the training."""

import math
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from irl_inr_jax.training.checkpoint import is_finished
from irl_inr_jax.training.stopping import stop_signals
from irl_inr_jax.types import InputError
from papers import runner
from papers.collection import find_value
from papers.runner import StoppedError, read_json, write_json

GROWTH = 1.2  # between the steps of two points, which are shown on a logarithmic axis
CLUSTERERS = ("kmeans", "agglomerative")
# Numbers of a point: name → keys that lead to it in results.json.
POINT_PATHS: dict[str, tuple[str, ...]] = {
    "kmeans": ("clustering", "kmeans", "accuracy"),
    "agglomerative": ("clustering", "agglomerative", "accuracy"),
    "neighbour_purity": ("latents", "neighbour_purity"),
    "rotation": ("pose_by_differences", "rotation_correlation"),
    "rotation_fisher_lee": ("pose", "rotation_correlation"),
    "rotation_error_deg": ("pose", "rotation_median_error_deg"),
    "translation": ("pose_by_differences", "translation_correlation"),
    "mse": ("reconstruction", "mse"),
}


class Place(NamedTuple):
    """The folder of a curve, the file descriptor of its lock, and the environment of its evaluations."""

    folder: Path
    lock: int
    environment: dict[str, str]


class Points:
    """The points of a curve in points.json, and the evaluation that runs beside the training, if one does."""

    def __init__(self, place: Place, description: dict):
        self._place, self._path = place, place.folder / "points.json"
        self.record = {"points": [], "final": None} | (read_json(self._path) or {}) | description
        self._process: subprocess.Popen | None = None
        self._tried, self._seconds = 0, 0.0

    def update(self, seconds: float) -> None:
        """Add the point of a finished evaluation, and start that of the newest checkpoint if it is due.

        seconds: of training so far. A failed evaluation is reported and not repeated for the same checkpoint.
        """
        if self._process is not None and self._process.poll() is not None:
            self._collect()
        step = newest_finished(self._place.folder / "run")
        if self._process is None and step >= max(GROWTH * self.last_step, self._tried + 1):
            self._start(step, seconds)

    def finish(self) -> None:
        """Wait for the evaluation that runs, and evaluate the last checkpoint if it has no point.

        Raises InputError if that fails.
        """
        seconds = (read_json(self._place.folder / "training.json") or {"seconds": 0.0})["seconds"]
        self._wait()
        step = newest_finished(self._place.folder / "run")
        if step > self.last_step:
            self._start(step, seconds)
            self._wait()
        if step > self.last_step:
            raise InputError(
                f"expected evaluate.py to succeed, found a failure; its message is at the end of "
                f"{self._place.folder / 'evaluations.log'}"
            )

    def stop(self) -> None:
        """End the evaluation that runs, if one does; the next call starts it again."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()

    @property
    def last_step(self) -> int:
        """The step of the last point, 0 without any."""
        return max((point["step"] for point in self.record["points"]), default=0)

    def _wait(self) -> None:
        if self._process is None:
            return
        with stop_signals() as received:
            while self._process.poll() is None:
                time.sleep(0.1)
                if received():
                    raise StoppedError(128 + received(), by_signal=True)
        self._collect()

    def _start(self, step: int, seconds: float) -> None:
        workdir = self._place.folder / "run"
        shutil.rmtree(workdir / "eval" / "clusterings", ignore_errors=True)  # of other latents
        (workdir / "eval" / "results.json").unlink(missing_ok=True)
        arguments = [f"--workdir={workdir}", f"--clusterers={','.join(CLUSTERERS)}", "--transductive"]
        self._tried, self._seconds = step, seconds
        with (self._place.folder / "evaluations.log").open("a") as log:
            self._process = subprocess.Popen(
                [sys.executable, "evaluate.py", *arguments, "--report=numbers"],
                cwd=runner.REPOSITORY,
                env=self._place.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=(self._place.lock,),
            )

    def _collect(self) -> None:
        assert self._process is not None
        status, self._process = self._process.returncode, None
        results = read_json(self._place.folder / "run" / "eval" / "results.json")
        if status or results is None:
            print(f"evaluation of step {self._tried} failed; see {self._place.folder / 'evaluations.log'}", flush=True)
            return
        point = make_point(results, self._seconds, self._place.folder / "run")
        kept = [other for other in self.record["points"] if other["step"] != point["step"]]
        self.record["points"] = sorted([*kept, point], key=lambda other: other["step"])
        write_json(self._path, self.record)
        print(describe_point(point), flush=True)


def newest_finished(workdir: Path) -> int:
    """Return the step of the newest complete checkpoint of a run, 0 without any."""
    folders = (workdir / "checkpoints").glob("[0-9]*")
    return max((int(path.name) for path in folders if path.name.isdigit() and is_finished(path)), default=0)


def make_point(results: dict, seconds: float, workdir: Path) -> dict:
    """Return a point from results.json: step, epochs, seconds of training, and the finite numbers of `POINT_PATHS`."""
    config = read_json(workdir / "config.json") or {}
    steps_per_epoch = results["data"]["num_train"] // config["train"]["batch_size"] or 1
    values = {name: find_value(results, path) for name, path in POINT_PATHS.items()}
    return {
        "step": results["step"],
        "epoch": results["step"] / steps_per_epoch,
        "seconds": seconds,
        "values": keep_finite(values),
        "images": [results["data"]["num_train"], results["data"]["num_images"]],
        "data_sha256": results["data"]["sha256"],
    }


def keep_finite(values: dict[str, float | list[float] | None]) -> dict[str, float | list[float]]:
    """Return the values that are finite; one for x and y only if both are."""
    return {
        name: value
        for name, value in values.items()
        if value is not None and all(math.isfinite(one) for one in (value if isinstance(value, list) else [value]))
    }


def describe_point(point: dict) -> str:
    """Return a line with the numbers of a point."""
    values = ", ".join(f"{name} {_format(value)}" for name, value in point["values"].items())
    return f"step {point['step']:,} (epoch {point['epoch']:g}): {values}"


def _format(value: float | list[float]) -> str:
    return " ".join(f"{number:.4g}" for number in (value if isinstance(value, list) else [value]))
