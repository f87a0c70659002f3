"""Outlier scores from an index agree with scikit-learn's local outlier factor."""

import numpy as np
import pytest
from sklearn.neighbors import LocalOutlierFactor

from irl_inr_jax.clustering.neighbours.search import nearest_neighbours
from irl_inr_jax.clustering.outlier_index import index_outliers, measure_isolation
from irl_inr_jax.clustering.outliers import NUM_NEIGHBOURS


def isolate(new, points):
    """Isolation of new points by a search for as many neighbours as there are."""
    found = nearest_neighbours(new, points, len(points), leave_out_self=False)
    return measure_isolation(found.rows, found.distances, index_outliers(points))


@pytest.mark.parametrize("num_points", [3, 15, 90])
def test_scores_are_those_of_scikit_learn(num_points):
    rng = np.random.default_rng(0)
    points, new = rng.normal(size=(num_points, 4)).astype(np.float32), rng.normal(size=(12, 4)).astype(np.float32)
    new[0] *= 30
    factor = LocalOutlierFactor(n_neighbors=min(NUM_NEIGHBOURS, num_points - 1), novelty=True).fit(points)
    found = isolate(new, points)
    np.testing.assert_allclose(found.outlier_score, -factor.score_samples(new), rtol=1e-3)
    squares = ((new[:, None].astype(np.float64) - points) ** 2).sum(-1)
    assert found.nearest.tolist() == squares.argmin(axis=1).tolist()
    np.testing.assert_allclose(found.distance, np.sqrt(squares.min(axis=1)), rtol=1e-3)
    assert found.outlier_score.argmax() == 0


@pytest.mark.parametrize("num_points", [1, 2])
def test_fewer_than_three_points_isolate_nothing(num_points):
    points = np.eye(4, dtype=np.float32)[:num_points]
    found = isolate(points + 5, points)
    assert found.outlier_score.tolist() == [1] * num_points
