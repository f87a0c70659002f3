"""A setting of the process that several threads change at once."""

import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from irl_inr_jax.clustering.library_warnings import without_library_warnings
from irl_inr_jax.devices.shared_context import SharedContext
from irl_inr_jax.devices.threads import single_thread


def overlap(context, observe=lambda: None):
    """Enter a context in two threads, leave it in the order of entry, and return what each saw before and after."""
    barrier = threading.Barrier(2)

    def take_part(is_first):
        before = observe()
        barrier.wait()
        if not is_first:
            barrier.wait()
        with context():
            if is_first:
                barrier.wait()
            barrier.wait()
            if not is_first:
                barrier.wait()
        if is_first:
            barrier.wait()
        barrier.wait()
        return before, observe()

    with ThreadPoolExecutor(2) as threads:
        return list(threads.map(take_part, (True, False)))


def test_the_last_to_leave_changes_back_once():
    events = []

    @contextmanager
    def recorded():
        events.append("changed")
        yield
        events.append("changed back")

    context = SharedContext(recorded)
    overlap(context)
    assert events == ["changed", "changed back"]
    with pytest.raises(ValueError, match="of the body"), context():
        raise ValueError("of the body")
    assert events == ["changed", "changed back"] * 2


def test_overlapping_blocks_leave_blas_and_openmp_as_they_were():
    def num_threads():
        return {each["filepath"]: each["num_threads"] for each in threadpool_info()}

    with threadpool_limits(2):
        seen = overlap(single_thread, num_threads)
    assert all(before == after for before, after in seen) and 2 in seen[0][0].values()


def test_overlapping_blocks_leave_the_filters_of_warnings_as_they_were():
    filters = list(warnings.filters)
    overlap(without_library_warnings)
    assert warnings.filters == filters
