"""One training process in a folder at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from irl_inr_jax.types import InputError

LOCK = ".training.lock"


@contextmanager
def lock_workdir(workdir: Path, *, writes: bool) -> Iterator[None]:
    """Hold the lock of a run's folder within the block; the operating system releases that of a process that ends.

    writes: False in a process that follows one which holds the lock. Raises InputError if another process trains there.
    """
    if not writes:
        yield
        return
    lock = FileLock(workdir / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise InputError(
            f"expected no other training in {workdir}, found a process that has its lock; wait for it to end, stop it, "
            f"or choose another folder"
        ) from None
    try:
        yield
    finally:
        lock.release()
