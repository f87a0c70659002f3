"""One training, and one evaluation, in a folder at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from irl_inr_jax.types import InputError

LOCKS = {"training": ".training.lock", "evaluation": ".evaluation.lock"}


@contextmanager
def lock_workdir(workdir: Path, activity: str, *, writes: bool) -> Iterator[None]:
    """Hold a lock of a run's folder within the block; the operating system releases that of a process that ends.

    activity: a key of `LOCKS`; corrections change the files of an evaluation. writes: False in a process that follows
    one which holds the lock. Raises InputError if another process has the lock.
    """
    if not writes:
        yield
        return
    lock = FileLock(workdir / LOCKS[activity], timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise InputError(
            f"expected no other {activity} in {workdir}, found a process that has its lock; wait for it to end, stop "
            f"it, or choose another folder"
        ) from None
    try:
        yield
    finally:
        lock.release()
