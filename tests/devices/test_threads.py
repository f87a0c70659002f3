"""The bound on the threads of BLAS and OpenMP."""

from sklearn.cluster import KMeans  # noqa: F401  (loads the libraries that are bounded)
from threadpoolctl import threadpool_info, threadpool_limits

from irl_inr_jax.devices.threads import single_thread


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
