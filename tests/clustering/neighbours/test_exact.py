"""Exact neighbours against scikit-learn."""

import jax
import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from irl_inr_jax.clustering.neighbours import exact
from irl_inr_jax.clustering.neighbours.exact import exact_neighbours


def sample(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def check_against_scikit_learn(queries, points, num_neighbours, *, leave_out_self):
    found, distances = exact_neighbours(queries, points, num_neighbours, leave_out_self=leave_out_self)
    reference = NearestNeighbors(n_neighbors=num_neighbours, algorithm="brute").fit(points.astype(np.float64))
    expected = reference.kneighbors(None if leave_out_self else queries.astype(np.float64))[0]
    assert found.shape == distances.shape == (len(queries), num_neighbours)
    np.testing.assert_allclose(distances, expected, rtol=1e-4, atol=2e-3)
    # Rows are compared by their distance, since the order of equally near ones is arbitrary.
    lengths = np.linalg.norm(points[found].astype(np.float64) - queries[:, None], axis=-1)
    np.testing.assert_allclose(lengths, expected, rtol=1e-4, atol=2e-3)
    assert all(len(set(row)) == num_neighbours for row in found.tolist())
    if leave_out_self:
        assert not np.any(found == np.arange(len(queries))[:, None])


@pytest.fixture(params=[(1024, 8192), (7, 16), (64, 5), (5, 3)], ids=str)
def blocks(request, monkeypatch):
    """One block for all rows, and blocks of which the last is incomplete or smaller than the number of neighbours."""
    monkeypatch.setattr(exact, "NUM_QUERIES", request.param[0])
    monkeypatch.setattr(exact, "NUM_POINTS", request.param[1])


def test_agrees_with_scikit_learn_on_other_points(blocks):
    for num_neighbours in (1, 9):
        check_against_scikit_learn(sample(33, 4), sample(50, 4, seed=1), num_neighbours, leave_out_self=False)


def test_agrees_with_scikit_learn_with_self_excluded(blocks):
    points = sample(50, 4)
    for num_neighbours in (1, 9, 49):
        check_against_scikit_learn(points, points, num_neighbours, leave_out_self=True)


def test_duplicates_are_neighbours_of_each_other_and_not_of_themselves(blocks):
    points = np.repeat(sample(12, 3), 4, axis=0)
    check_against_scikit_learn(points, points, 6, leave_out_self=True)
    found = exact_neighbours(points, points, 3, leave_out_self=True)[0]
    np.testing.assert_array_equal(found // 4, np.repeat(np.arange(12), 4)[:, None].repeat(3, axis=1))


def test_a_common_offset_does_not_reduce_the_precision():
    points = sample(50, 4)
    near = exact_neighbours(points, points, 5, leave_out_self=True)[1]
    far = exact_neighbours(points + 1000.0, points + 1000.0, 5, leave_out_self=True)[1]
    np.testing.assert_allclose(far, near, rtol=1e-3)


def test_neighbours_by_angle_are_those_of_the_normalised_rows(blocks):
    points = sample(50, 4) * np.exp(sample(50, 1, seed=1))
    points[7] = 0.0  # has no direction and stays at the origin
    directions = points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-12)
    found, distances = exact_neighbours(points, points, 5, leave_out_self=True, by_angle=True)
    expected, lengths = exact_neighbours(directions, directions, 5, leave_out_self=True)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_allclose(distances, lengths, atol=1e-6)


def test_memory_is_one_copy_of_the_points_and_one_block_of_distances(monkeypatch):
    """The largest arrays that the search transfers and computes, read from its compiled program."""
    monkeypatch.setattr(exact, "NUM_POINTS", 512)
    points = sample(4096, 64)
    before = points.copy()
    exact_neighbours(points[:8], points, 2, leave_out_self=False)
    np.testing.assert_array_equal(points, before)
    shapes = [jax.ShapeDtypeStruct(shape, "float32") for shape in ((8, 64), (8, 512, 64))]
    own = jax.ShapeDtypeStruct((8,), "int32")
    memory = exact._search.lower(shapes[0], own, shapes[1], 4096, 2).compile().memory_analysis()
    assert memory.argument_size_in_bytes < 1.1 * points.nbytes
    assert memory.temp_size_in_bytes < 10 * 8 * 512 * 4 + 512 * 64 * 4 * 2


@pytest.mark.parametrize("num_neighbours", [0, 5])
def test_zero_neighbours_or_more_than_points_are_refused(num_neighbours):
    points = sample(5, 2)
    with pytest.raises(ValueError, match=rf"from 1 to 4, found {num_neighbours}"):
        exact_neighbours(points, points, num_neighbours, leave_out_self=True)
