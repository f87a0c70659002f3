"""The choice of the search: exact up to a number of pairs, then approximate."""

import numpy as np
import pytest

from irl_inr_jax.clustering.neighbours import search
from irl_inr_jax.clustering.neighbours.exact import exact_neighbours
from irl_inr_jax.clustering.neighbours.search import nearest_neighbours, recall_notes


@pytest.fixture
def points():
    return np.random.default_rng(0).normal(size=(400, 4)).astype(np.float32)


def test_the_search_is_exact_up_to_the_number_of_pairs_and_not_above(points, monkeypatch):
    monkeypatch.setattr(search, "MAX_PAIRS", 400 * 400)
    found = nearest_neighbours(points, points, 5, leave_out_self=True)
    rows, distances = exact_neighbours(points, points, 5, leave_out_self=True)
    np.testing.assert_array_equal(found.rows, rows)
    np.testing.assert_array_equal(found.distances, distances)
    assert found.recall is None and recall_notes(found) == ()
    indexed, index = [], search.ApproximateIndex
    monkeypatch.setattr(search, "ApproximateIndex", lambda points: (indexed.append(1), index(points))[1])
    monkeypatch.setattr(search, "MAX_PAIRS", 400 * 400 - 1)
    found = nearest_neighbours(points, points, 5, leave_out_self=True)
    assert indexed == [1]
    for recall, text in ((0.98, "0.980"), (1.0, "1.000")):
        assert recall_notes(found._replace(recall=recall)) == (f"approximate neighbours, recall@5 {text}",)
    assert np.mean([np.isin(ours, others).mean() for ours, others in zip(found.rows, rows, strict=True)]) > 0.95


def test_neighbours_by_angle_do_not_depend_on_the_lengths_of_the_rows(points, monkeypatch):
    monkeypatch.setattr(search, "MAX_PAIRS", 0)
    lengths = np.exp2(np.random.default_rng(1).integers(-2, 3, (400, 1))).astype(np.float32)
    options = {"leave_out_self": True, "by_angle": True}
    found, scaled = (nearest_neighbours(rows, rows, 5, **options) for rows in (points, lengths * points))
    np.testing.assert_array_equal(found.rows, scaled.rows)


def test_more_neighbours_than_points_are_refused_by_either_search(points, monkeypatch):
    for max_pairs in (0, 1_000_000):
        monkeypatch.setattr(search, "MAX_PAIRS", max_pairs)
        with pytest.raises(ValueError, match="from 1 to 399, found 400"):
            nearest_neighbours(points, points, 400, leave_out_self=True)
