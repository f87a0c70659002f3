"""The bound on the threads of BLAS and OpenMP."""

import os
import subprocess
import sys

import pytest
from sklearn.cluster import KMeans  # noqa: F401  (loads the libraries that are bounded)
from threadpoolctl import threadpool_info, threadpool_limits

from irl_inr_jax.devices.threads import single_thread
from tests.conftest import ROOT


def num_threads():
    return [library["num_threads"] for library in threadpool_info()]


def test_there_is_one_thread_within_the_block_and_as_many_as_before_after_it():
    bounded = single_thread()(num_threads)
    with threadpool_limits(2):
        before = num_threads()
        with single_thread():
            assert set(num_threads()) == {1}
        assert num_threads() == before and 2 in before
        assert set(bounded()) == {1} and num_threads() == before


# Libraries with threads that a later import loads, after a search for them.
LATER = """
import sys
import numpy
from irl_inr_jax.devices.threads import single_thread
from threadpoolctl import threadpool_info

with single_thread():
    known = len(threadpool_info())
import sklearn.cluster
libraries = threadpool_info()
assert len(libraries) > known and max(library["num_threads"] for library in libraries) > 1, libraries
with single_thread():
    assert {library["num_threads"] for library in threadpool_info()} == {1}
"""


@pytest.mark.slow
def test_libraries_that_are_loaded_later_are_bounded():
    environment = os.environ | {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}
    command = [sys.executable, "-c", LATER]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
