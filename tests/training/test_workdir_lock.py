"""Two processes in one folder."""

import subprocess
import sys

import pytest

from irl_inr_jax.training.workdir_lock import LOCKS, lock_workdir
from irl_inr_jax.types import InputError


def test_a_second_training_is_refused_and_a_later_one_is_not(tmp_path):
    with lock_workdir(tmp_path, "training"):
        second = lock_workdir(tmp_path, "training")
        with pytest.raises(InputError, match=r"no other training in .*, found a process that has its lock"), second:
            pytest.fail("the lock was given twice")
        with lock_workdir(tmp_path, "evaluation"):
            pass
    with lock_workdir(tmp_path, "training"):
        pass


def test_a_process_that_was_killed_leaves_no_lock(tmp_path):
    code = (
        "import os, signal, filelock, sys; lock = filelock.FileLock(sys.argv[1]); lock.acquire(); "
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / LOCKS["training"])])
    assert done.returncode == -9
    with lock_workdir(tmp_path, "training"):
        pass
