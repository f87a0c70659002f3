"""A setting of the process that several threads change at once."""

import warnings
from contextlib import contextmanager

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from irl_inr_jax.clustering.library_warnings import without_library_warnings
from irl_inr_jax.devices.shared_context import SharedContext
from irl_inr_jax.devices.threads import single_thread


def overlap(context):
    """Enter a context twice and leave it in the order of entry, as two threads may."""
    first, second = context(), context()
    for each in (first, second):
        each.__enter__()
    for each in (first, second):
        each.__exit__(None, None, None)


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


def test_overlapping_blocks_leave_blas_and_the_filters_of_warnings_as_they_were():
    with threadpool_limits(2):
        threads = [(each["filepath"], each["num_threads"]) for each in threadpool_info() if each["user_api"] == "blas"]
        filters = list(warnings.filters)
        overlap(single_thread)
        overlap(without_library_warnings)
        assert warnings.filters == filters and threads
        assert threads == [
            (each["filepath"], each["num_threads"]) for each in threadpool_info() if each["user_api"] == "blas"
        ]
