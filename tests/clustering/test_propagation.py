"""Laws of the propagation of corrections and of the list of images to look at."""

import numpy as np
import pytest

from irl_inr_jax.clustering.propagation import (
    NUM_STEPS,
    SPREAD,
    WEIGHT,
    choose_clusters,
    choose_informative,
    measure_uncertainty,
    propagate_clusters,
)

COUNT, DEGREE = 24, 5


@pytest.fixture
def groups():
    """Neighbours in three groups of images on rings, without an edge between groups, and the group of each image."""
    group = np.repeat(np.arange(3), COUNT)
    place = np.tile(np.arange(COUNT), 3)
    offsets = np.array([1, -1, 2, -2, 3])
    neighbours = group[:, None] * COUNT + (place[:, None] + offsets) % COUNT
    return neighbours.astype(np.int32), group.astype(np.int32)


def spread(neighbours, clusters, corrected=(), left_out=()):
    masks = [np.isin(np.arange(len(clusters)), rows) for rows in (corrected, left_out)]
    return propagate_clusters(neighbours, clusters, corrected=masks[0], left_out=masks[1], num_clusters=4)


def test_the_shares_solve_the_equation_of_zhou_et_al(groups):
    neighbours, clusters = groups
    rng = np.random.default_rng(0)
    others = [np.delete(np.arange(72), row) for row in range(72)]
    neighbours = np.stack([rng.permutation(row)[:DEGREE] for row in others])  # a graph without groups
    corrected = np.isin(np.arange(72), [3, 50])
    found = spread(neighbours, clusters, [3, 50])
    member = np.eye(72)
    member[np.repeat(np.arange(72), DEGREE), neighbours.reshape(-1)] = 1
    directed = member - np.eye(72)
    weights = (directed + directed.T) * (member @ member.T)
    degree = weights.sum(axis=1)
    walk = weights / np.sqrt(degree[:, None] * degree)
    stated = np.eye(4)[clusters] * np.where(corrected, 1, WEIGHT)[:, None]
    exact = np.linalg.solve(np.eye(72) - SPREAD * walk, (1 - SPREAD) * stated)
    exact /= exact.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found[~corrected], exact[~corrected], atol=5 * SPREAD**NUM_STEPS)
    assert found[[3, 50]].tolist() == np.eye(4)[clusters[[3, 50]]].tolist()


def test_without_corrections_groups_keep_their_cluster(groups):
    neighbours, clusters = groups
    found, confidence = choose_clusters(spread(neighbours, clusters))
    assert found.tolist() == clusters.tolist() and (confidence > 0.999).all()


def test_a_few_corrections_change_their_group_and_no_other(groups):
    neighbours, clusters = groups
    given = clusters.copy()
    given[[24, 32, 40]] = 3
    found, confidence = choose_clusters(spread(neighbours, given, [24, 32, 40]))
    assert (found[24:48] == 3).mean() > 0.9
    assert found[:24].tolist() == [0] * 24 and found[48:].tolist() == [2] * 24
    assert (confidence[[24, 32, 40]] == 1).all() and confidence[28] < 1


def test_renumbering_the_clusters_renumbers_the_shares_and_reordering_the_images_reorders_them(groups):
    neighbours, clusters = groups
    given = np.where(np.arange(72) % 5 == 0, (clusters + 1) % 3, clusters)
    found, order = spread(neighbours, given, [5, 30]), np.array([2, 0, 1, 3])
    np.testing.assert_allclose(spread(neighbours, order[given], [5, 30])[:, order], found, atol=1e-12)
    rows = np.random.default_rng(0).permutation(72)
    place = np.argsort(rows)
    moved = spread(place[neighbours[rows]], given[rows], place[[5, 30]])
    np.testing.assert_allclose(moved, found[rows], atol=1e-12)


def test_junk_and_corrected_noise_neither_have_nor_pass_on_a_cluster(groups):
    neighbours, clusters = groups
    given = np.where(np.arange(72) < 24, -1, clusters)
    given[0] = 0
    found, confidence = choose_clusters(spread(neighbours, given, left_out=range(1, 24)))
    assert found[1:24].tolist() == [-1] * 23 and (confidence[1:24] == 0).all() and found[0] == 0
    given[0] = -1
    found, _ = choose_clusters(spread(neighbours, given, corrected=[0]))
    assert (found[:24] == -1).all() and found[24:].tolist() == clusters[24:].tolist()


def test_listed_images_are_uncertain_distinct_unknown_and_spread_out(groups):
    neighbours, _ = groups
    shares = np.tile([1.0, 0, 0, 0], (72, 1))
    shares[24:48] = [0.5, 0.5, 0, 0]
    shares[60] = [0.6, 0.4, 0, 0]
    known = np.isin(np.arange(72), [24, 25])
    listed = choose_informative(shares, neighbours, known=known, count=10)
    assert len(set(listed.tolist())) == 10 and not known[listed].any()
    assert set(listed.tolist()) <= {*range(26, 48), 60}
    first, second = listed[:2]
    assert second not in neighbours[first] and 24 not in neighbours[first]
    assert len(choose_informative(shares, neighbours, known=known, count=500)) == 70


def test_uncertainty_is_one_less_the_margin():
    shares = np.array([[0.5, 0.5, 0], [0.2, 0.1, 0.7], [1, 0, 0], [0, 0, 0]])
    np.testing.assert_allclose(measure_uncertainty(shares), [1, 0.5, 0, 1])
    np.testing.assert_allclose(measure_uncertainty(shares[:, :1]), [0.5, 0.8, 0, 1])
