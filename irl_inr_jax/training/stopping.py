"""Requests to stop a run at the next step at which its state can be saved."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import jax


@contextmanager
def watch_for_stop(reached_preemption: Callable[[int], bool]) -> Iterator[Callable[[int], int]]:
    """Yield stop_signal(steps done): the signal that requests a stop, or 0; the same in all processes of a run.

    A single process stops after SIGTERM or Ctrl-C. Several stop after a SIGTERM to any of them, at the step on which
    JAX's preemption service makes them agree, or before the first step if it arrives earlier. reached_preemption:
    `CheckpointManager.reached_preemption`.
    """
    if jax.process_count() == 1:
        with stop_signals() as received_signal:
            yield lambda done: received_signal()
        return
    tested, agreed = 0, 0

    def stop_signal(done: int) -> int:
        nonlocal tested, agreed
        # The processes agree on the number after the largest that any of them has tested, which is 1 before the first
        # call, and a call may take several steps: test every number once, also those before the first step.
        if any([reached_preemption(step) for step in range(tested + 1, done + 1)]):
            agreed = signal.SIGTERM
        tested = max(tested, done)
        return agreed

    yield stop_signal


@contextmanager
def stop_signals() -> Iterator[Callable[[], int]]:
    """Defer SIGTERM and Ctrl-C within the block; yield a function that returns the signal received, or 0.

    A second signal of the same kind acts at once. In another than the main thread, which gets no signals, nothing is
    deferred.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: 0
        return
    received = []

    def record(number, frame):
        received.append(number)
        signal.signal(number, previous[number])

    previous = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    for number in previous:
        signal.signal(number, record)
    try:
        yield lambda: received[0] if received else 0
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
