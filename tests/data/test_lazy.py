import numpy as np
import pytest

from irl_inr_jax.data.lazy import LazyImages, in_chunks, rows_within
from irl_inr_jax.types import InputError

STORED = np.random.default_rng(0).integers(0, 256, (40, 3, 3, 2), np.uint8)


@pytest.fixture
def reads():
    """The number of images in each call."""
    return []


@pytest.fixture
def lazy(reads):
    def read(rows):
        reads.append(len(rows))
        return STORED[rows]

    return LazyImages(read, (3, 3, 2), np.dtype(np.uint8), np.arange(40))


@pytest.mark.parametrize(
    "rows", [np.array([7, 2, 2, 39]), slice(3, 30, 4), np.arange(40) % 3 == 0, [5, 1], slice(None)]
)
def test_indexing_is_that_of_the_array(lazy, rows):
    np.testing.assert_array_equal(lazy[rows], STORED[rows])
    np.testing.assert_array_equal(lazy[11], STORED[11])
    assert lazy.shape == STORED.shape and lazy.nbytes == STORED.nbytes and lazy.ndim == 4 and len(lazy) == 40


def test_take_composes_and_reads_nothing(lazy, reads):
    part = lazy.take(np.arange(10, 30)).take(np.array([5, 0]))
    assert reads == [] and part.shape == (2, 3, 3, 2)
    np.testing.assert_array_equal(part[:], STORED[[15, 10]])
    assert reads == [2]


def test_load_and_chunks_read_every_image_once_and_never_all_at_once(lazy, reads):
    np.testing.assert_array_equal(lazy.load(chunk=16), STORED)
    assert reads == [16, 16, 8]
    np.testing.assert_array_equal(np.concatenate(list(in_chunks(lazy, 15))), STORED)


def test_large_images_are_read_a_few_at_once(lazy, reads, monkeypatch):
    monkeypatch.setattr("irl_inr_jax.data.lazy.CHUNK_BYTES", 7 * 18)
    assert lazy.image_bytes == 18
    np.testing.assert_array_equal(lazy.load(), STORED)
    np.testing.assert_array_equal(np.concatenate(list(in_chunks(lazy))), STORED)
    assert max(reads) == 7 and sum(reads) == 80
    assert rows_within(10, 20, most=5) == 1 and rows_within(100, 0, most=5) == 5


def test_conversion_to_one_array_is_an_error(lazy):
    with pytest.raises(InputError, match=r"expected images in memory, found 0 MB .*config\.data\.memory_mb"):
        np.asarray(lazy)
