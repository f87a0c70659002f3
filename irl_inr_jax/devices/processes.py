"""Several processes that train as one."""

import ctypes
import hashlib
import itertools
import os
import signal
import socket
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
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


HEARTBEAT_SECONDS = 30  # a process that is not heard of for so long counts as dead
SLURM = ("SLURM_JOB_ID", "SLURM_STEP_NODELIST", "SLURM_NTASKS", "SLURM_PROCID", "SLURM_LOCALID")


def is_one_of_many(
    mode: str,
    *,
    coordinator_address: str | None,
    num_processes: int | None,
    process_id: int | None,
    environment: Mapping[str, str],
) -> bool:
    """Whether this process has others to join: as the flags say or, in mode 'auto' without them, the environment.

    Raises InputError for flags that do not fit together.
    """
    flags = {"coordinator_address": coordinator_address, "num_processes": num_processes, "process_id": process_id}
    given = [f"--{name}" for name, value in flags.items() if value is not None]
    if not given:
        return mode == "on" or (mode == "auto" and sees_cluster(environment))
    if mode == "off":
        raise InputError(f"expected no {given[0]} with --distributed=off, found it; leave one of the two out")
    if len(given) < len(flags):
        missing = ", ".join(f"--{name}" for name, value in flags.items() if value is None)
        raise InputError(
            f"expected --coordinator_address, --num_processes and --process_id together, found only "
            f"{' and '.join(given)}; add {missing}"
        )
    host, _, port = coordinator_address.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise InputError(
            f"expected --coordinator_address as HOST:PORT, found {coordinator_address!r}; give the host of process 0 "
            f"and a port that is free there, such as 10.0.0.1:12321"
        )
    if num_processes < 1:
        raise InputError(f"expected --num_processes of at least 1, found {num_processes}; say how many are started")
    if not 0 <= process_id < num_processes:
        raise InputError(
            f"expected --process_id from 0 to {num_processes - 1} with --num_processes={num_processes}, found "
            f"{process_id}; number the processes from 0"
        )
    return True


def sees_cluster(environment: Mapping[str, str]) -> bool:
    """Whether Slurm has started several tasks in this step, or this is a host of a TPU pod.

    These are signs that `jax.distributed.initialize` goes by too. A single Slurm task stays on its own, whatever the
    size of the allocation that it runs in.
    """
    if all(name in environment for name in SLURM) and int(environment.get("SLURM_STEP_NUM_TASKS", "1")) > 1:
        return True
    if int(environment.get("MEGASCALE_NUM_SLICES") or 1) > 1:
        return True
    hosts = environment.get("TPU_PROCESS_ADDRESSES") or environment.get("TPU_WORKER_HOSTNAMES")
    if hosts:
        return "," in hosts
    # JAX sets the first on a TPU's host and the second where the host cannot be asked for its neighbours.
    return "TPU_ML_PLATFORM" in environment and "TPU_SKIP_MDS_QUERY" not in environment


def join(
    *, coordinator_address: str | None, num_processes: int | None, process_id: int | None, wait_seconds: int
) -> None:
    """Joins the other processes, which must come within `wait_seconds`; before any other call of JAX.

    Without the three arguments JAX finds them: from Slurm, the TPU's metadata, Open MPI. Raises InputError where there
    are none to be found, the coordinator cannot be reached, or its port is taken.
    """
    # It would take SIGTERM, with which we stop and save; Python's handler is not in place before it.
    jax.config.update("jax_enable_preemption_service", False)
    by_hand = coordinator_address is not None
    if by_hand:
        meet_coordinator(coordinator_address, is_ours=process_id == 0, wait_seconds=wait_seconds)
    place = f"at {coordinator_address}" if by_hand else "of the cluster"
    late = f"expected all processes {place} within {wait_seconds} s, found some missing; start them all, or raise"
    with abort_says(lambda: f"error: {late} --join_seconds", status=2):
        try:
            jax.distributed.initialize(
                coordinator_address,
                num_processes,
                process_id,
                # On a Slurm node a process started by hand would be given one of the devices only.
                cluster_detection_method="deactivate" if by_hand else None,
                initialization_timeout=wait_seconds,
                heartbeat_timeout_seconds=HEARTBEAT_SECONDS,
            )
        except (ValueError, RuntimeError, KeyError, OSError) as error:
            if by_hand:
                raise
            raise InputError(
                f"expected a cluster that JAX knows (Slurm, a TPU pod, Open MPI), found: {error}; give "
                f"--coordinator_address, --num_processes and --process_id, or --distributed=off to train alone"
            ) from None
        num_devices = Counter(device.process_index for device in jax.devices())
    if len(set(num_devices.values())) > 1:
        raise InputError(
            f"expected the same number of devices in every process, found {sorted(num_devices.items())} as (process, "
            f"devices); choose them with JAX_LOCAL_DEVICE_IDS or CUDA_VISIBLE_DEVICES"
        )


def meet_coordinator(address: str, *, is_ours: bool, wait_seconds: int) -> None:
    """Returns when the coordinator's port can be opened (where `is_ours`) or reached.

    Raises InputError otherwise. Without it JAX would end the process in the middle, or share the port with another run.
    """
    host, _, port = address.rpartition(":")
    if is_ours:
        try:
            socket.create_server(("", int(port))).close()
        except OSError as error:
            raise InputError(
                f"expected port {port} of --coordinator_address to be free in process 0, found: {error}; choose another"
            ) from None
        return
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
            return
        except OSError as error:
            if time.monotonic() > deadline:
                raise InputError(
                    f"expected process 0 at --coordinator_address={address} within {wait_seconds} s, found: {error}; "
                    f"start it, or give the address by which this host reaches it"
                ) from None
        time.sleep(0.2)
