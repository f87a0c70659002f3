"""Votes of neighbours, by hand."""

import numpy as np

from irl_inr_jax.clustering.neighbours.voting import agreement, vote


def test_the_most_common_cluster_wins_and_ties_go_to_the_nearer_neighbour():
    clusters = np.array([0, 1, 2, 1])
    won, share = vote(clusters, np.array([[0, 1, 3, 2], [2, 0, 1, 3], [2, 2, 0, 0], [0, 2, 2, 0]]))
    np.testing.assert_array_equal(won, [1, 1, 2, 0])
    np.testing.assert_allclose(share, [0.5, 0.5, 0.5, 0.5])


def test_agreement_is_the_share_of_neighbours_in_the_same_cluster():
    clusters = np.array([0, 0, 1])
    np.testing.assert_allclose(agreement(clusters, np.array([[1, 2], [0, 0], [0, 1]])), [0.5, 1.0, 0.0])
