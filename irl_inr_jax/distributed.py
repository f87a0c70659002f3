"""Several processes that train as one: what they agree on, and how they end when one of them does.

They have met in joining.py. All run the same program and call the functions below in the same order; process 0 is the
coordinator, through which the others know each other, and the one that writes. A process on its own is process 0.
"""

import ctypes
import hashlib
import itertools
import os
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import jax
import numpy as np
from jax.experimental import multihost_utils

from irl_inr_jax.types import InputError

LEAVING_SECONDS = 10
LOST_PROCESS_STATUS = 1
PREPARING_MS = 24 * 60 * 60 * 1000
# What is said of a process that went away: by the CPU's collectives, the GPU's, and JAX's coordination service.
SIGNS_OF_LOSS = ("Gloo", "NCCL", "by peer", "coordination service", "CoordinationService", "heartbeat", "Barrier")

_barriers = itertools.count()


def is_first_process() -> bool:
    """Whether this is the process that writes figures and logs; so is one on its own."""
    return jax.process_index() == 0


def say(text: str) -> None:
    """A line on stdout, from the first process alone."""
    if is_first_process():
        print(text, flush=True)


def wait_for_all(name: str = "", *, timeout_ms: int = PREPARING_MS) -> None:
    """Returns when every process has come here.

    Through the coordinator, so that no device waits busily. name: for a place where the number of the earlier calls
    may differ between processes; used once.
    """
    if jax.process_count() == 1:
        return
    from orbax.checkpoint import multihost  # takes a second, which a process on its own need not wait

    multihost.get_barrier_sync_fn()(key=f"wait_for_all {name or next(_barriers)}", timeout_ms=timeout_ms)


@contextmanager
def first_process_first() -> Iterator[None]:
    """The body runs in process 0 and then, also if it failed there, in the others: for what fills a shared cache."""
    first = is_first_process()
    if not first:
        wait_for_all()
    try:
        yield
    finally:
        if first:
            wait_for_all()


def ask_first_process(question: Callable[[], int]) -> int:
    """The answer of process 0, in all; the others are not asked. Two may see a shared folder differently."""
    answer = question() if is_first_process() else 0
    if jax.process_count() == 1:
        return answer
    return int(multihost_utils.broadcast_one_to_all(np.int32(answer)))


def check_same_everywhere(text: str) -> None:
    """Raises InputError, in all processes, if the run's workdir and configuration, as text, are not the same in all."""
    digest = np.frombuffer(hashlib.sha256(text.encode()).digest(), np.uint8)
    digests = np.reshape(multihost_utils.process_allgather(digest), (-1, len(digest)))
    for process, other in enumerate(digests):
        if not np.array_equal(other, digests[0]):
            raise InputError(
                f"expected the same configuration and --workdir in every process, found another in process {process} "
                f"than in process 0; start them all with the same command but for --process_id, or, if they are not "
                f"one run, with --distributed=off"
            )


def agree_on_signal(signal_received: Callable[[], int], *, every: int) -> Callable[[], int]:
    """`signal_received` of which all processes give the same answer at the same call: the signal that any has, or 0.

    They ask each other at every `every`-th call, so that most steps wait for nobody; a process on its own answers at
    once.
    """
    if jax.process_count() == 1:
        return signal_received
    calls, agreed = itertools.count(), 0

    def agreed_signal() -> int:
        nonlocal agreed
        if not agreed and next(calls) % every == 0:
            agreed = int(np.max(multihost_utils.process_allgather(np.int32(signal_received()))))
        return agreed

    return agreed_signal


@contextmanager
def ends_with_the_others(continues_from: Callable[[], str]) -> Iterator[None]:
    """Ends this process with one line and `LOST_PROCESS_STATUS` when another of the run has ended in the body.

    continues_from: where the run goes on when it is started again, for that line. Other exceptions than InputError end
    the process too, with their traceback: the others would wait for it otherwise. A process on its own is left alone.
    """
    if jax.process_count() == 1:
        yield
        return

    def last_words(reason: str = "") -> str:
        return (
            f"error: another process of this run ended{reason}; start all of them again with the same command to "
            f"continue from {continues_from()}"
        )

    with abort_says(last_words, status=LOST_PROCESS_STATUS):
        try:
            yield
        except InputError:
            raise
        except BaseException as error:
            if is_sign_of_loss(error):
                end_process(LOST_PROCESS_STATUS, last_words(f" ({' '.join(str(error).split())[:200]})"))
            traceback.print_exc()
            leave(130 if isinstance(error, KeyboardInterrupt) else 1)


def is_sign_of_loss(error: BaseException) -> bool:
    """Whether an exception, or one that led to it, comes from a process that went away."""
    seen = []
    while error is not None and error not in seen:
        seen.append(error)
        if isinstance(error, Exception) and any(sign in str(error) for sign in SIGNS_OF_LOSS):
            return True
        error = error.__cause__ or error.__context__
    return False


@contextmanager
def abort_says(last_words: Callable[[], str], *, status: int) -> Iterator[None]:
    """A last line and an exit status of our own when JAX aborts the process in the body.

    Its client does so, from a thread of its own and without an exception, when the coordinator or a heartbeat is lost.
    Python's signal handlers come too late for an abort, hence one in C.
    """

    @ctypes.CFUNCTYPE(None, ctypes.c_int)
    def handle(number):
        end_process(status, last_words())

    libc = ctypes.CDLL(None)
    libc.signal.restype, libc.signal.argtypes = ctypes.c_void_p, (ctypes.c_int, ctypes.c_void_p)
    before = libc.signal(signal.SIGABRT, ctypes.cast(handle, ctypes.c_void_p))
    try:
        yield
    finally:
        libc.signal(signal.SIGABRT, before)


def leave(status: int) -> int:
    """`status`, or the end of this process with it where it has joined others.

    At a normal exit JAX waits for minutes for the others, who wait for us. They are given a moment, since most errors
    are met by all and the coordinator's end would cut off what they say.
    """
    if not jax.distributed.is_initialized():
        return status
    with suppress(Exception):  # it raises if the others are still at work, or gone
        wait_for_all("leaving", timeout_ms=1000 * LEAVING_SECONDS)
    end_process(status)


def end_process(status: int, last_words: str = "") -> None:
    """Ends the process without the exit handlers of JAX and orbax, which would wait for those that are gone.

    What is on its way to stdout is lost, so lines there are flushed as they are printed.
    """
    os.write(2, f"{last_words}\n".encode() if last_words else b"")
    os._exit(status)
