"""Progress on the console: a bar on a terminal, plain lines otherwise."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class ConsoleProgress:
    """Steps done, time left and a note: a bar on a terminal, otherwise a line every few seconds."""

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
            self.task = self.bar.add_task("", total=total_steps, completed=start_step, note="")
            self.bar.start()

    def update(self, step: int, note: str) -> None:
        """Show that `step` steps are done; `note` follows the time left."""
        if self.bar is not None:
            self.bar.update(self.task, completed=step, note=note)
            return
        now = time.monotonic()
        if now - self.last_line >= self.seconds_between_lines or step == self.total_steps:
            self.last_line = now
            left = (now - self.started) / max(step - self.start_step, 1) * (self.total_steps - step)
            print(f"{self.what} {step}/{self.total_steps}  {format_seconds(left)} left  {note}", flush=True)

    def close(self) -> None:
        """Remove the bar."""
        if self.bar is not None:
            self.bar.stop()


@contextmanager
def show_progress(what: str, total: int) -> Iterator[Callable[[int, str], None]]:
    """Show the progress of `total` items called `what` within the block; yield update(done, note)."""
    console = ConsoleProgress(total_steps=total, start_step=0, what=what)
    try:
        yield console.update
    finally:
        console.close()


def format_seconds(seconds: int | float) -> str:
    """Return a duration as text, such as 42 s, 3 min 20 s or 2 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
