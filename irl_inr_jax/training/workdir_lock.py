"""One training, and one evaluation, in a folder at a time, and one process that writes a table."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from irl_inr_jax.config.storage import create_workdir
from irl_inr_jax.types import InputError

LOCKS = {"training": ".training.lock", "evaluation": ".evaluation.lock"}


@contextmanager
def lock_workdir(workdir: Path, activity: str) -> Iterator[None]:
    """Hold a lock of a run's folder within the block; the operating system releases that of a process that ends.

    activity: a key of `LOCKS`; corrections change the files of an evaluation. The folder is created. Raises InputError
    if another process has the lock, and for a folder that cannot be written.
    """
    create_workdir(workdir)
    refusal = (
        f"expected no other {activity} in {workdir}, found a process that has its lock; wait for it to end, stop it, "
        f"or choose another folder"
    )
    with hold_lock(workdir / LOCKS[activity], refusal=refusal):
        yield


@contextmanager
def hold_lock(path: Path, *, refusal: str) -> Iterator[None]:
    """Hold the lock of a file within the block. Raises InputError with `refusal` if another process has it."""
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise InputError(refusal) from None
    try:
        yield
    finally:
        lock.release()
