"""Balanced assignment."""

import numpy as np
import pytest

from irl_inr_jax.clustering.balance import balance_assignment, check_sizes
from irl_inr_jax.types import InputError


def squared_distances(counts, seed=0):
    """Squared distances to the corners of a simplex, of `counts` points near each corner."""
    corners = 2 * np.eye(len(counts))
    labels = np.repeat(np.arange(len(counts)), counts)
    points = corners[labels] + 0.7 * np.random.default_rng(seed).normal(size=(len(labels), len(counts)))
    return ((points[:, None] - corners) ** 2).sum(-1)


def test_sizes_become_those_of_the_prior():
    squares = squared_distances([80, 40, 20])
    for sizes, expected in (("uniform", [1 / 3] * 3), ("5,1,4", [0.5, 0.4, 0.1])):
        probabilities = balance_assignment(squares, sizes)
        np.testing.assert_allclose(probabilities.sum(1), 1)
        np.testing.assert_allclose(probabilities.mean(0), expected, atol=2e-4)


def test_without_a_prior_each_image_keeps_its_nearest_mean():
    squares = squared_distances([80, 40, 20])
    np.testing.assert_array_equal(balance_assignment(squares, "none").argmax(1), squares.argmin(1))


def test_damped_sizes_are_between_those_found_and_equal_ones():
    squares = squared_distances([80, 40, 20])
    found = balance_assignment(squares, "none").mean(0)
    expected = np.sqrt(found) / np.sqrt(found).sum()
    np.testing.assert_allclose(balance_assignment(squares, "damped").mean(0), expected, atol=2e-4)


def test_balancing_adds_one_offset_per_cluster_to_the_logits():
    squares = squared_distances([80, 40, 20])
    logits = [np.log(balance_assignment(squares, sizes)) for sizes in ("none", "uniform")]
    offsets = logits[1] - logits[0]
    offsets -= offsets[:, :1]
    np.testing.assert_allclose(offsets, np.broadcast_to(offsets[:1], offsets.shape), atol=1e-8)


def test_copies_of_one_image_and_one_cluster_are_supported():
    squares = np.concatenate([np.tile([[0.0, 4.0]], (9, 1)), [[5.0, 1.0]]])
    assert np.isfinite(balance_assignment(squares, "uniform")).all()
    np.testing.assert_array_equal(balance_assignment(np.ones((3, 1)), "damped"), np.ones((3, 1)))


def test_another_number_of_shares_is_refused():
    with pytest.raises(InputError, match=r"expected 3 shares in config.clustering.sizes.*found 2"):
        check_sizes("0.5,0.5", 3)
    for sizes in ("none", "uniform", "damped", "1,1,2"):
        check_sizes(sizes, 3)
