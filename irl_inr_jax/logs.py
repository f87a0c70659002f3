"""What a run says while it goes on: metrics.jsonl, TensorBoard events, and a bar or plain lines on the console."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


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


class ConsoleProgress:
    """Time left, images per second and the loss: a bar on a terminal, a line now and then elsewhere."""

    seconds_between_lines = 10.0

    def __init__(self, *, total_steps: int, start_step: int, what: str):
        self.total_steps, self.start_step, self.what = total_steps, start_step, what
        self.started = self.last_line = time.monotonic()
        self.bar = None
        if sys.stdout.isatty():
            self.bar = Progress(
                TextColumn(what),
                MofNCompleteColumn(),
                BarColumn(),
                TimeRemainingColumn(),
                TextColumn("left  {task.fields[note]}"),
                console=Console(),
            )
            self.task = self.bar.add_task("", total=total_steps, completed=start_step, note="compiling")
            self.bar.start()

    def update(self, step: int, note: str) -> None:
        """`step` steps are done; `note` is shown behind the time left."""
        if self.bar is not None:
            self.bar.update(self.task, completed=step, note=note)
            return
        now = time.monotonic()
        if now - self.last_line >= self.seconds_between_lines or step == self.total_steps:
            self.last_line = now
            left = (now - self.started) / max(step - self.start_step, 1) * (self.total_steps - step)
            print(f"{self.what} {step}/{self.total_steps}  {format_seconds(left)} left  {note}", flush=True)

    def say(self, line: str) -> None:
        """A line above the bar."""
        if self.bar is not None:
            self.bar.console.print(line, highlight=False, markup=False)
        else:
            print(line, flush=True)

    def close(self) -> None:
        if self.bar is not None:
            self.bar.stop()


@contextmanager
def show_progress(what: str, total: int) -> Iterator[Callable[[int, str], None]]:
    """Progress of `total` things called `what`, as update(done, note), for as long as it lasts."""
    console = ConsoleProgress(total_steps=total, start_step=0, what=what)
    try:
        yield console.update
    finally:
        console.close()


def format_seconds(seconds: int | float) -> str:
    """As people say it: 42 s, 3 min 20 s, 2 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
