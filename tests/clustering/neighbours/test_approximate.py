"""Approximate neighbours against exact ones: recall, distances, copies, and the same result twice."""

import numpy as np
import pytest

from irl_inr_jax.clustering.neighbours import approximate
from irl_inr_jax.clustering.neighbours.approximate import ApproximateIndex
from irl_inr_jax.clustering.neighbours.exact import exact_neighbours


def sample_clusters(num_points, dim, seed=0):
    rng = np.random.default_rng(seed)
    centres = 3 * rng.normal(size=(8, dim))
    return (centres[rng.integers(8, size=num_points)] + rng.normal(size=(num_points, dim))).astype(np.float32)


def test_later_searches_take_as_many_lists_as_the_first():
    points = sample_clusters(3000, 8)
    index = ApproximateIndex(points)
    rows, distances, recall = index.search(points, 6, leave_out_self=True)
    few = index.search(points[:5], 6, leave_out_self=True)
    np.testing.assert_array_equal(few[0], rows[:5])
    np.testing.assert_array_equal(few[1], distances[:5])
    assert few[2] == recall < 1


@pytest.mark.parametrize("leave_out_self", [True, False])
def test_the_recall_is_that_of_all_queries_within_sampling_and_reaches_the_target(leave_out_self):
    points = sample_clusters(1500, 6)
    queries = points if leave_out_self else sample_clusters(700, 6, seed=1)
    rows, distances, recall = ApproximateIndex(points).search(queries, 10, leave_out_self=leave_out_self)
    exact, _ = exact_neighbours(queries, points, 10, leave_out_self=leave_out_self)
    measured = np.mean([np.isin(ours, others).mean() for ours, others in zip(rows, exact, strict=True)])
    assert recall >= approximate.TARGET_RECALL and abs(measured - recall) < 0.02
    lengths = np.linalg.norm(points[rows].astype(np.float64) - queries[:, None], axis=-1)
    np.testing.assert_allclose(distances, lengths, rtol=1e-4, atol=1e-4)
    assert np.all(np.diff(distances, axis=1) >= 0) and all(len(set(row)) == 10 for row in rows.tolist())
    assert not leave_out_self or not np.any(rows == np.arange(len(points))[:, None])


def test_the_result_is_the_same_twice_and_does_not_depend_on_blocks_or_on_a_common_offset(monkeypatch):
    points = sample_clusters(600, 5)
    first = ApproximateIndex(points).search(points, 6, leave_out_self=True)
    again = ApproximateIndex(points).search(points, 6, leave_out_self=True)
    np.testing.assert_array_equal(first[0], again[0])
    monkeypatch.setattr(approximate, "BLOCK_ROWS", 77)
    blocks = ApproximateIndex(points).search(points, 6, leave_out_self=True)
    np.testing.assert_array_equal(first[0], blocks[0])
    shifted = ApproximateIndex(points + 1000.0).search(points + 1000.0, 6, leave_out_self=True)
    np.testing.assert_allclose(shifted[1], first[1], rtol=2e-2)


def test_an_index_answers_each_search_as_a_new_one_would():
    points, others = sample_clusters(600, 5), sample_clusters(80, 5, seed=1)
    index = ApproximateIndex(points)
    for queries, own in ((points, True), (others, False), (points, True)):
        for ours, fresh in zip(
            index.search(queries, 6, leave_out_self=own),
            ApproximateIndex(points).search(queries, 6, leave_out_self=own),
            strict=True,
        ):
            np.testing.assert_array_equal(ours, fresh)


def test_no_point_is_its_own_neighbour_among_more_copies_than_neighbours():
    points = np.concatenate([np.zeros((40, 3), np.float32), sample_clusters(300, 3)])
    rows, distances, _ = ApproximateIndex(points).search(points, 5, leave_out_self=True)
    assert not np.any(rows == np.arange(340)[:, None])
    np.testing.assert_array_equal(distances[:40], 0)


def test_queries_whose_lists_have_too_few_points_get_all_their_neighbours():
    points = sample_clusters(200, 3)
    points[0] += 1e4  # alone in its list
    rows, _, _ = ApproximateIndex(points).search(points, 30, leave_out_self=True)
    np.testing.assert_array_equal(
        np.sort(rows[0]), np.sort(exact_neighbours(points, points, 30, leave_out_self=True)[0][0])
    )
    assert rows.min() >= 0
