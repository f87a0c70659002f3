"""Progress on the console: a bar on a terminal and in a notebook, plain lines otherwise."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.util import find_spec

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

# Off within `hide_progress`; a context variable, so that fits in several threads have their own.
_is_shown: ContextVar[bool] = ContextVar("is_shown", default=True)


class ConsoleProgress:
    """Steps done, time left and a note: a bar on a terminal or in a notebook, otherwise a line every few seconds."""

    seconds_between_lines = 10.0

    def __init__(self, *, total_steps: int, start_step: int, what: str):
        self.total_steps, self.start_step, self.what = total_steps, start_step, what
        self.started = self.last_line = time.monotonic()
        self.bar, self.is_shown = None, _is_shown.get()
        console = Console()
        if self.is_shown and (sys.stdout.isatty() or shows_widgets(console)):
            self.bar = Progress(
                TextColumn(what),
                MofNCompleteColumn(),
                BarColumn(),
                TimeRemainingColumn(),
                TextColumn("left  {task.fields[note]}"),
                console=console,
            )
            self.task = self.bar.add_task("", total=total_steps, completed=start_step, note="")
            self.bar.start()

    def update(self, step: int, note: str) -> None:
        """Show that `step` steps are done; `note` follows the time left."""
        if self.bar is not None:
            self.bar.update(self.task, completed=step, note=note)
            return
        now = time.monotonic()
        if not self.is_shown:
            return
        if now - self.last_line >= self.seconds_between_lines or step == self.total_steps:
            self.last_line = now
            left = (now - self.started) / max(step - self.start_step, 1) * (self.total_steps - step)
            print(f"{self.what} {step}/{self.total_steps}  {format_seconds(left)} left  {note}", flush=True)

    def close(self) -> None:
        """Remove the bar."""
        if self.bar is not None:
            self.bar.stop()


def shows_widgets(console: Console) -> bool:
    """Return True in a notebook that has ipywidgets, without which a bar would print every change below the last."""
    return console.is_jupyter and find_spec("ipywidgets") is not None


@contextmanager
def hide_progress(*, hide: bool = True) -> Iterator[None]:
    """Show no progress within the block, unless `hide` is False."""
    token = _is_shown.set(not hide)
    try:
        yield
    finally:
        _is_shown.reset(token)


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
