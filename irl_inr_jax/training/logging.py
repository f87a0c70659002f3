"""Metrics of a run in metrics.jsonl and TensorBoard."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from irl_inr_jax.config.storage import write_in_one_step


class MetricsLog:
    """Append scalars to DIR/metrics.jsonl and DIR/tensorboard, after lines of steps after `start_step` are dropped.

    Such lines remain from a run that was killed after its last checkpoint; the steps will be taken again.
    """

    def __init__(self, workdir: Path, *, start_step: int):
        from tensorboardX import SummaryWriter  # slow if PyTorch is installed, which it then imports

        self.path = workdir / "metrics.jsonl"
        if self.path.exists():
            kept = [line for line in _read_lines(self.path) if _step_of(line) <= start_step]
            write_in_one_step(self.path, "".join(f"{line}\n" for line in kept))
        self.tensorboard = SummaryWriter(str(workdir / "tensorboard"), purge_step=start_step + 1)

    def write(self, step: int, scalars: dict[str, float]) -> None:
        """Write one line {"step": ..., name: value, ...} and one TensorBoard point per scalar."""
        with self.path.open("a") as file:
            file.write(json.dumps({"step": step, **scalars}) + "\n")
        for name, value in scalars.items():
            self.tensorboard.add_scalar(name, value, step)

    def write_image(self, step: int, name: str, path: Path) -> None:
        """Add an image file to TensorBoard."""
        with Image.open(path) as image:
            self.tensorboard.add_image(name, np.asarray(image.convert("RGB")), step, dataformats="HWC")

    def close(self) -> None:
        """Close the TensorBoard file."""
        self.tensorboard.close()


def read_metrics(workdir: Path) -> list[dict]:
    """Return the complete lines of DIR/metrics.jsonl, or none without the file."""
    path = workdir / "metrics.jsonl"
    lines = _read_lines(path) if path.exists() else []
    return [json.loads(line) for line in lines if _step_of(line) != float("inf")]


def _read_lines(path: Path) -> list[str]:
    """Return the lines; damaged bytes become characters that no valid line has."""
    return path.read_text(encoding="utf-8", errors="replace").split("\n")


def _step_of(line: str) -> int | float:
    """Return the step of a line; infinity for an incomplete or damaged line."""
    try:
        scalars = json.loads(line)
        is_intact = isinstance(scalars["step"], int) and all(isinstance(x, int | float) for x in scalars.values())
    except (ValueError, KeyError, TypeError, AttributeError):
        return float("inf")
    return scalars["step"] if is_intact else float("inf")


def read_metric(workdir: Path, name: str, *, until: int) -> list[float]:
    """Return the values of one metric in metrics.jsonl, in order, at the steps up to `until`."""
    return [scalars[name] for scalars in read_metrics(workdir) if name in scalars and scalars["step"] <= until]
