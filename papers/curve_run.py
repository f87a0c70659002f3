"""Train a published method long, evaluate its checkpoints while it is trained, and measure the last one.

A curve's folder contains `run/` (the workdir of train.py), `training.json` (seconds and epochs so far), `points.json`
(one point per evaluated checkpoint) and `evaluations.log`. The same call continues all of it.
"""

import json
import os
from pathlib import Path
from typing import NamedTuple

from irl_inr_jax.config.storage import find_earlier_run
from irl_inr_jax.types import InputError
from papers import runner
from papers.collection import find_value
from papers.curve_points import Place, Points, describe_point, newest_finished
from papers.curves import Curve, curve_config, curve_folder, training_arguments, with_settings
from papers.records import Settings, describe_settings
from papers.runner import StoppedError, Workspace, lock_folder, read_json, write_json
from papers.systems import describe_differences, resolve_settings

IDENTITY = ("curve", "scale", "set")  # of a record: what its folder is for


class Limits(NamedTuple):
    """num_epochs: of the whole run, 0 for those of the scale. hours: of training in this call, 0 for no limit."""

    num_epochs: int
    hours: float


def follow_curve(
    workspace: Workspace,
    curve: Curve,
    settings: Settings,
    *,
    limits: Limits,
    on_cpu: bool,
    with_final: bool,
    evaluation_settings: Settings,
) -> dict:
    """Train, evaluate what is missing, and return the record of the curve.

    settings: of training, on top of the curve's own. on_cpu: the points are evaluated with JAX's CPU backend, so that
    an accelerator only trains; the final measurement uses the accelerator. with_final: measure `curve.final` on the
    last checkpoint. evaluation_settings: of that measurement.
    Raises InputError if the folder has a run with other settings or a script fails, and StoppedError if a signal
    stopped one.
    """
    environment = {**os.environ, **({"JAX_PLATFORMS": "cpu"} if on_cpu else {})}
    folder = curve_folder(workspace, curve, settings)
    with lock_folder(folder) as lock:
        check_folder(workspace, curve, settings, folder, num_epochs=limits.num_epochs)
        place = Place(folder, lock, environment)
        points = Points(place, describe_curve(workspace, curve, settings))
        try:
            is_trained = train_curve(workspace, with_settings(curve, settings), place, points, limits)
            points.finish()
        finally:
            points.stop()
        if not is_trained and points.record["points"]:
            print(f"finished at {describe_point(points.record['points'][-1])}", flush=True)
        if with_final and curve.final is not None:
            measure_final(curve, place, points.record, evaluation_settings)
        return points.record


def check_folder(workspace: Workspace, curve: Curve, settings: Settings, folder: Path, *, num_epochs: int) -> None:
    """Raise InputError if the folder has the points or the run of another configuration or other data."""
    path, description = folder / "points.json", describe_curve(workspace, curve, settings)
    stored = read_json(path) or {}
    for key in IDENTITY:
        if key in stored and stored[key] != description[key]:
            raise InputError(
                f"expected {path} of {key} {description[key]!r}, found {stored[key]!r}; choose another --workdir"
            )
    find_earlier_run(folder / "run", curve_config(workspace, with_settings(curve, settings), num_epochs))


def describe_curve(workspace: Workspace, curve: Curve, settings: Settings) -> dict:
    """Return what the record of a curve says of its run; set: the `settings` on top of the curve's own."""
    training = with_settings(curve, settings).training
    config = resolve_settings(training, workspace.scale)
    own = tuple((key, value) for key, value in curve.training.settings if key not in dict(settings))
    return {
        "curve": curve.name,
        "title": curve.title,
        "scale": workspace.scale,
        "seed": config["seed"],
        "settings": describe_settings(own),
        "set": to_json_pairs(settings),
        "differs": describe_differences(training, workspace.scale),
        "num_epochs": config["train.num_epochs"],
    }


def to_json_pairs(settings: Settings) -> list:
    """Return settings as JSON gives them back, with lists in place of tuples."""
    return json.loads(json.dumps(settings))


def train_curve(workspace: Workspace, curve: Curve, place: Place, points: Points, limits: Limits) -> bool:
    """Train up to the limits; return whether there was anything to train."""
    path = place.folder / "training.json"
    before = read_json(path) or {"seconds": 0.0, "epochs_done": 0}
    num_epochs = limits.num_epochs or points.record["num_epochs"]
    if before["epochs_done"] >= num_epochs:
        return False

    def note(seconds: float) -> bool:
        write_json(path, before | {"seconds": before["seconds"] + seconds})
        points.update(before["seconds"] + seconds)
        return 0 < 3600 * limits.hours <= seconds

    arguments = training_arguments(workspace, curve, place.folder, limits.num_epochs)
    try:
        seconds = runner.call_script("train.py", arguments, lock=place.lock, on_wait=note)
    except StoppedError as stopped:
        if stopped.by_signal:
            raise
        return True
    write_json(path, {"seconds": before["seconds"] + seconds, "epochs_done": num_epochs})
    return True


def measure_final(curve: Curve, place: Place, record: dict, settings: Settings) -> None:
    """Measure the final cell of a curve on the last checkpoint, unless that is done, and write it to points.json."""
    assert curve.final is not None
    step = newest_finished(place.folder / "run")
    requested = to_json_pairs(settings)
    if record["final"] is not None and (record["final"]["step"], record["final"]["settings"]) == (step, requested):
        return
    measure = curve.final.measure
    arguments = [
        f"--workdir={place.folder / 'run'}",
        f"--clusterers={measure.clusterer}",
        f"--transductive={measure.transductive}",
        "--report=scores",
        *(f"--set={key}={value}" for key, value in (*measure.settings, *settings)),
    ]
    seconds = runner.call_script("evaluate.py", arguments, lock=place.lock, on_wait=lambda _: None)
    results = read_json(place.folder / "run" / "eval" / "results.json")
    assert results is not None
    record["final"] = {
        "row": curve.final.row,
        "step": results["step"],
        "settings": requested,
        "seconds": seconds,
        "value": find_value(results, measure.path),
    }
    write_json(place.folder / "points.json", record)
    print(f"{curve.final.row}: {100 * record['final']['value']:.1f} %", flush=True)
