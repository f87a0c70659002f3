"""Threads of BLAS and OpenMP in clustering and scoring on the host.

k-means, mixtures, and decompositions of tall matrices consist of many short parallel loops, and a thread that waits for
another spins. On two idle cores, two threads gain a third at most; beside other work at low priority (load 3) they take
many times as long as one:

    seconds                          one thread, two: idle    one thread, two: load 3
    k-means of 1,800 x 64, k = 10            0.02, 0.02               0.1, 0.6
    k-means of 10,000 x 16                   0.04, 0.03               0.2, 2.1
    k-means of 60,000 x 16                   0.21, 0.16               1.3, 4.5
    k-means of 10,000 x 2,500                 1.3, 1.1                 17, > 150
    PCA of 10,000 x 2,500                     3.1, 2.1                 12, 84

So they use one thread at every size, which also makes their results reproducible. A search for nearest neighbours by
brute force is one long loop: two threads halve its time even at load 12, so it is not bounded. Nor are JAX and Numba.
"""

import functools
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from threadpoolctl import ThreadpoolController

from irl_inr_jax.devices.shared_context import SharedContext


@functools.lru_cache(maxsize=1)
def _find_libraries(num_modules: int) -> ThreadpoolController:
    """Return the libraries with threads; the search takes ten milliseconds, and only a new import repeats it.

    A library that is loaded without an import, such as by its first call, is found after the next one.
    """
    return ThreadpoolController()


def _limit(user_api: str) -> AbstractContextManager:
    libraries = _find_libraries(len(sys.modules)).select(user_api=user_api)
    return libraries.limit(limits=1)  # restores the limits of this API alone


_single_blas_thread = SharedContext(lambda: _limit("blas"))


@contextmanager
def single_thread() -> Iterator[None]:
    """Bound the threads of BLAS and OpenMP to one within the block, or within the function that it decorates.

    The number of BLAS is one of the process, that of OpenMP one of each thread.
    """
    with _limit("openmp"), _single_blas_thread():
        yield
