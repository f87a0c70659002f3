"""Threads of BLAS and OpenMP in clustering and scoring on the host.

The loops of scikit-learn's k-means and searches are short, and a thread that waits for another spins. With other work
on the cores, two threads take 3 to 10 times as long as one for up to some 10^6 numbers; only large matrix products gain
from more. JAX's own threads are not affected.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits

MIN_NUMBERS = 10_000_000  # in an array from which more than one thread is of use


@contextmanager
def bounded_threads(num_numbers: int) -> Iterator[None]:
    """Bound the threads of BLAS and OpenMP to one within the block for an array of few numbers."""
    if num_numbers >= MIN_NUMBERS:
        yield
        return
    with threadpool_limits(1):
        yield
