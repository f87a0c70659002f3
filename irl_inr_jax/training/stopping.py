"""A stop that is asked for, and made at the next good moment."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def stop_signals() -> Iterator[Callable[[], int]]:
    """While it lasts, SIGTERM and Ctrl-C ask for a stop instead of making one; yields a function: which signal, or 0.

    A second signal of the kind acts at once.
    """
    received = []

    def note(number, frame):
        received.append(number)
        signal.signal(number, previous[number])

    previous = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    for number in previous:
        signal.signal(number, note)
    try:
        yield lambda: received[0] if received else 0
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
