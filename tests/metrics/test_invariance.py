import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ortho_group

from irl_inr_jax.metrics.invariance import invariance


def test_latents_independent_of_the_rotation_have_ratio_zero():
    latents = np.repeat(np.random.default_rng(0).normal(size=(5, 1, 3)), 4, axis=1)
    assert invariance(latents)["ratio"] == pytest.approx(0, abs=1e-12)


def test_distances_by_hand():
    # Image means (0, 0) and (6, 8): each 5 from their mean. Rotations are 1 and 3 from the mean of their image.
    latents = np.array([[[1.0, 0], [-1, 0]], [[6, 11], [6, 5]]])
    result = invariance(latents)
    assert result["within"] == pytest.approx(math.sqrt((1 + 9) / 2))
    assert result["between"] == pytest.approx(5)
    assert result["ratio"] == pytest.approx(math.sqrt(5) / 5)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.01, 100), st.floats(-100, 100))
def test_ratio_does_not_change_when_latents_are_scaled_shifted_or_rotated(seed, scale, shift):
    latents = np.random.default_rng(seed).normal(size=(6, 3, 4))
    rotated = latents @ ortho_group.rvs(4, random_state=seed)
    expected = invariance(latents)
    transformed = invariance(scale * rotated + shift)
    assert transformed["ratio"] == pytest.approx(expected["ratio"])
    assert transformed["within"] == pytest.approx(scale * expected["within"])


def test_shuffling_latents_among_images_raises_the_ratio():
    rng = np.random.default_rng(0)
    latents = rng.normal(size=(50, 1, 8)) + 0.1 * rng.normal(size=(50, 10, 8))
    shuffled = rng.permutation(latents.reshape(500, 8)).reshape(50, 10, 8)
    assert invariance(latents)["ratio"] < 0.15
    assert invariance(shuffled)["ratio"] > 2


@pytest.mark.parametrize("shape", [(4, 3, 2), (1, 3, 2)])
def test_equal_images_have_an_undefined_ratio_without_a_warning(shape):
    one_image = np.random.default_rng(0).normal(size=(1, *shape[1:])) + 0.1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = invariance(np.broadcast_to(one_image, shape).astype(np.float32))
    assert math.isnan(result["ratio"])
    assert result["within"] > 0
