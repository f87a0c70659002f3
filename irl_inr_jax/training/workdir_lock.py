"""One training, and one evaluation, in a folder at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from irl_inr_jax.types import InputError

LOCKS = {"training": ".training.lock", "evaluation": ".evaluation.lock"}


@contextmanager
def lock_workdir(workdir: Path, activity: str) -> Iterator[None]:
    """Hold a lock of a run's folder within the block; the operating system releases that of a process that ends.

    activity: a key of `LOCKS`; corrections change the files of an evaluation. The folder is created. Raises InputError
    if another process has the lock, and for a folder that cannot be written.
    """
    if workdir.exists() and not workdir.is_dir():
        raise InputError(f"expected --workdir to name a folder, found the file {workdir}")
    try:
        workdir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"expected --workdir {workdir} to be writable: {error}") from None
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
