"""Several processes that train as one: start, barriers and agreement.

JAX starts them and monitors them afterwards: when one ends or hangs, the others lose its heartbeat or its connection,
and JAX ends them with a non-zero status.
"""

import hashlib
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import jax
import numpy as np
from jax.experimental import multihost_utils

from irl_inr_jax.types import InputError

HEARTBEAT_SECONDS = 30  # a process that sends no heartbeat for this long counts as dead
SHUTDOWN_SECONDS = 30  # time that a process which ends waits for the others to end
PREPARATION_SECONDS = 24 * 60 * 60  # time that the first process may take to download and prepare data

_FAILED = np.iinfo(np.int32).min  # in place of an answer

_barriers = itertools.count()


def start_processes(
    *, coordinator_address: str | None, num_processes: int | None, process_id: int | None, timeout_seconds: int
) -> None:
    """Connect this process to the others of its run; call before any other use of JAX.

    Arguments that are None are detected by JAX (Slurm, TPU pods, Open MPI, Kubernetes). Raises InputError for arguments
    that JAX refuses, and if it detects no cluster.
    """
    try:
        jax.distributed.initialize(
            coordinator_address,
            num_processes,
            process_id,
            # On a Slurm node, detection would restrict a process that was started by hand to one device.
            cluster_detection_method="deactivate" if coordinator_address else None,
            initialization_timeout=timeout_seconds,
            heartbeat_timeout_seconds=HEARTBEAT_SECONDS,
            shutdown_timeout_seconds=SHUTDOWN_SECONDS,
        )
    except Exception as error:  # of many types: of JAX, its cluster detection and the network
        raise InputError(
            f"expected processes that jax.distributed.initialize can connect, found: {error}; give "
            f"--coordinator_address=HOST:PORT, --num_processes and --process_id, or start inside a cluster that JAX "
            f"detects (Slurm, a TPU pod, Open MPI)"
        ) from error


def is_first_process() -> bool:
    """Return True in the process that writes logs and figures, and in a single process."""
    return jax.process_index() == 0


def wait_for_all() -> None:
    """Return once every process has made this call.

    The wait goes through the coordinator, so that no device is busy meanwhile.
    """
    if jax.process_count() == 1:
        return
    from orbax.checkpoint import multihost  # a slow import that a single process does not need

    barrier = multihost.get_barrier_sync_fn()
    barrier(key=f"wait_for_all {next(_barriers)}", timeout_ms=1000 * PREPARATION_SECONDS)


@contextmanager
def first_process_first() -> Iterator[None]:
    """Run the body in process 0 and then, even if it failed there, in the others; for filling a shared cache."""
    first = is_first_process()
    if not first:
        wait_for_all()
    try:
        yield
    finally:
        if first:
            wait_for_all()


def ask_first_process(question: Callable[[], int]) -> int:
    """Return the answer of process 0 in all processes; two may find a shared folder in different states.

    What the question raises in process 0 is raised there, and InputError in the others, which would wait for it.
    """
    if jax.process_count() == 1:
        return question()
    answer, error = _FAILED, None
    if is_first_process():
        try:
            answer = question()
        except Exception as raised:
            error = raised
    answer = int(multihost_utils.broadcast_one_to_all(np.int32(answer)))
    if error is not None:
        raise error
    if answer == _FAILED:
        raise InputError("expected process 0 to go on, found that it failed; see its message")
    return answer


def check_same_everywhere(text: str) -> None:
    """Raise InputError in all processes unless `text`, the run's workdir and configuration, is the same in all."""
    if jax.process_count() == 1:
        return
    digest = np.frombuffer(hashlib.sha256(text.encode()).digest(), np.uint8)
    digests = np.reshape(multihost_utils.process_allgather(digest), (-1, len(digest)))
    for process, other in enumerate(digests):
        if not np.array_equal(other, digests[0]):
            raise InputError(
                f"expected the same configuration and --workdir in every process, found another in process {process} "
                f"than in process 0; start all processes with the same command except for --process_id"
            )
