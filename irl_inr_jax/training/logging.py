"""Metrics of a run in metrics.jsonl and TensorBoard."""

import json
from pathlib import Path

import numpy as np
from PIL import Image


class MetricsLog:
    """Appends scalars to DIR/metrics.jsonl and DIR/tensorboard; lines of steps after `start_step` are dropped first.

    Those lines are left by a run that was killed after its last checkpoint, and will be written again.
    """

    def __init__(self, workdir: Path, *, start_step: int):
        from tensorboardX import SummaryWriter  # takes seconds where PyTorch is installed, which it then imports

        self.path = workdir / "metrics.jsonl"
        if self.path.exists():
            kept = [line for line in self.path.read_text().splitlines() if _step_of(line) <= start_step]
            self.path.write_text("".join(f"{line}\n" for line in kept))
        self.tensorboard = SummaryWriter(str(workdir / "tensorboard"), purge_step=start_step + 1)

    def write(self, step: int, scalars: dict[str, float]) -> None:
        """One line {"step": ..., name: value, ...} and one point a scalar."""
        with self.path.open("a") as file:
            file.write(json.dumps({"step": step, **scalars}) + "\n")
        for name, value in scalars.items():
            self.tensorboard.add_scalar(name, value, step)

    def write_picture(self, step: int, name: str, path: Path) -> None:
        """A picture file, for TensorBoard."""
        with Image.open(path) as picture:
            self.tensorboard.add_image(name, np.asarray(picture.convert("RGB")), step, dataformats="HWC")

    def close(self) -> None:
        self.tensorboard.close()


def _step_of(line: str) -> int | float:
    """The step of a line; infinity for one that was cut short."""
    try:
        return json.loads(line)["step"]
    except (json.JSONDecodeError, KeyError):
        return float("inf")
