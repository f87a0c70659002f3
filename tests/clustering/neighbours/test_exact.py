import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from irl_inr_jax.clustering.neighbours import exact
from irl_inr_jax.clustering.neighbours.exact import nearest_neighbours
from irl_inr_jax.clustering.neighbours.voting import agreement, vote
from irl_inr_jax.evaluation.memory import watch_memory


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def check_against_scikit_learn(queries, points, num_neighbours, *, leave_out_self):
    found, distances = nearest_neighbours(queries, points, num_neighbours, leave_out_self=leave_out_self)
    reference = NearestNeighbors(n_neighbors=num_neighbours, algorithm="brute").fit(points.astype(np.float64))
    expected = reference.kneighbors(None if leave_out_self else queries.astype(np.float64))[0]
    assert found.shape == distances.shape == (len(queries), num_neighbours)
    np.testing.assert_allclose(distances, expected, rtol=1e-4, atol=2e-3)
    # The rows are compared by how far they lie, since of equally near ones any will do.
    lengths = np.linalg.norm(points[found].astype(np.float64) - queries[:, None], axis=-1)
    np.testing.assert_allclose(lengths, expected, rtol=1e-4, atol=2e-3)
    assert all(len(set(row)) == num_neighbours for row in found.tolist())
    if leave_out_self:
        assert not np.any(found == np.arange(len(queries))[:, None])


@pytest.fixture(params=[(1024, 8192), (7, 16), (64, 5), (1, 3)], ids=str)
def blocks(request, monkeypatch):
    """Blocks that hold everything, and blocks of which the last ones are ragged or smaller than the exact."""
    monkeypatch.setattr(exact, "NUM_QUERIES", request.param[0])
    monkeypatch.setattr(exact, "NUM_POINTS", request.param[1])


@pytest.mark.parametrize("num_neighbours", [1, 9])
def test_agrees_with_scikit_learn_on_other_points(blocks, num_neighbours):
    check_against_scikit_learn(draw(33, 4), draw(50, 4, seed=1), num_neighbours, leave_out_self=False)


@pytest.mark.parametrize("num_neighbours", [1, 9, 49])
def test_agrees_with_scikit_learn_with_self_left_out(blocks, num_neighbours):
    points = draw(50, 4)
    check_against_scikit_learn(points, points, num_neighbours, leave_out_self=True)


def test_duplicates_are_each_others_neighbours_and_not_their_own(blocks):
    points = np.repeat(draw(12, 3), 4, axis=0)
    check_against_scikit_learn(points, points, 6, leave_out_self=True)
    found = nearest_neighbours(points, points, 3, leave_out_self=True)[0]
    np.testing.assert_array_equal(found // 4, np.repeat(np.arange(12), 4)[:, None].repeat(3, axis=1))


def test_an_offset_common_to_all_costs_no_precision():
    points = draw(50, 4)
    near = nearest_neighbours(points, points, 5, leave_out_self=True)[1]
    far = nearest_neighbours(points + 1000.0, points + 1000.0, 5, leave_out_self=True)[1]
    np.testing.assert_allclose(far, near, rtol=1e-3)


def test_by_angle_they_are_the_neighbours_of_the_directions(blocks):
    points = draw(50, 4) * np.exp(draw(50, 1, seed=1))
    points[7] = 0.0  # has no direction, and stays in the middle
    directions = points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-12)
    found, distances = nearest_neighbours(points, points, 5, leave_out_self=True, by_angle=True)
    expected, lengths = nearest_neighbours(directions, directions, 5, leave_out_self=True)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_allclose(distances, lengths, atol=1e-6)


def test_points_are_left_as_they_were_and_beside_them_there_is_one_copy():
    points = draw(100_000, 256)
    before = points.copy()
    nearest_neighbours(points[:8], points, 2, leave_out_self=False)  # compiles
    with watch_memory() as grown:
        nearest_neighbours(points[:8], points, 2, leave_out_self=False)
        assert grown() < 1.6 * points.nbytes / 1e6
    np.testing.assert_array_equal(points, before)


@pytest.mark.parametrize("num_neighbours", [0, 5])
def test_more_neighbours_than_there_are_or_none_are_refused(num_neighbours):
    points = draw(5, 2)
    with pytest.raises(ValueError, match=rf"from 1 to 4, found {num_neighbours}"):
        nearest_neighbours(points, points, num_neighbours, leave_out_self=True)


def test_the_commonest_cluster_wins_and_of_equals_the_nearest():
    clusters = np.array([0, 1, 2, 1])
    won, share = vote(clusters, np.array([[0, 1, 3, 2], [2, 0, 1, 3], [2, 2, 0, 0], [0, 2, 2, 0]]))
    np.testing.assert_array_equal(won, [1, 1, 2, 0])
    np.testing.assert_allclose(share, [0.5, 0.5, 0.5, 0.5])


def test_agreement_is_the_share_of_neighbours_in_ones_own_cluster():
    clusters = np.array([0, 0, 1])
    np.testing.assert_allclose(agreement(clusters, np.array([[1, 2], [0, 0], [0, 1]])), [0.5, 1.0, 0.0])
