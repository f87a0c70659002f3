import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from irl_inr_jax.metrics.circular import (
    align_within_classes,
    angle_difference,
    circular_correlation,
    mean_direction_correlation,
    median_angle_error_deg,
)


def direct_correlation(alpha, beta):
    """The defining sums over all pairs, O(n^2), float64."""
    i, j = np.triu_indices(len(alpha), k=1)
    sines_alpha, sines_beta = np.sin(alpha[i] - alpha[j]), np.sin(beta[i] - beta[j])
    return np.sum(sines_alpha * sines_beta) / np.sqrt(np.sum(sines_alpha**2) * np.sum(sines_beta**2))


def random_angles(seed, n=40, noise=0.5):
    rng = np.random.default_rng(seed)
    alpha = rng.uniform(0, 2 * np.pi, n)
    return alpha, alpha + noise * rng.normal(size=n)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 60), st.floats(0, 4))
def test_the_closed_form_equals_the_sum_over_pairs(seed, n, noise):
    alpha, beta = random_angles(seed, n, noise)
    assert circular_correlation(alpha, beta) == pytest.approx(direct_correlation(alpha, beta), abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.floats(-10, 10))
def test_a_constant_offset_gives_one_and_a_mirrored_circle_minus_one(seed, offset):
    alpha, _ = random_angles(seed)
    assert circular_correlation(alpha, alpha + offset) == pytest.approx(1)
    assert circular_correlation(alpha, offset - alpha) == pytest.approx(-1)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.floats(-10, 10))
def test_the_correlation_is_invariant_to_offsets_and_windings_and_changes_sign_with_a_flip(seed, offset):
    alpha, beta = random_angles(seed)
    expected = circular_correlation(alpha, beta)
    windings = 2 * np.pi * np.random.default_rng(seed).integers(-3, 4, len(alpha))
    assert circular_correlation(alpha + offset, beta) == pytest.approx(expected)
    assert circular_correlation(alpha, beta + windings) == pytest.approx(expected)
    assert circular_correlation(beta, alpha) == pytest.approx(expected)
    assert circular_correlation(alpha, -beta) == pytest.approx(-expected)


def concentrated_angles(seed, n=40, spread=0.8):
    """Angles concentrated around a random direction, so that the mean direction is well defined."""
    rng = np.random.default_rng(seed)
    return rng.uniform(-9, 9) + spread * rng.normal(size=n)


def about_the_mean_direction(alpha, beta):
    """Compute Jammalamadaka and Sarma's coefficient from sums and arc tangents, in Python floats."""
    sines = []
    for angles in (alpha.tolist(), beta.tolist()):
        mean = math.atan2(math.fsum(map(math.sin, angles)), math.fsum(map(math.cos, angles)))
        sines.append([math.sin(angle - mean) for angle in angles])
    norms = [math.sqrt(math.fsum(sine**2 for sine in side)) for side in sines]
    return math.fsum(a * b for a, b in zip(*sines, strict=True)) / (norms[0] * norms[1])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(3, 60), st.floats(0, 3))
def test_correlation_about_mean_directions_follows_its_formula(seed, n, noise):
    alpha = concentrated_angles(seed, n)
    beta = alpha + noise * np.random.default_rng(seed + 1).normal(size=n)
    assert mean_direction_correlation(alpha, beta) == pytest.approx(about_the_mean_direction(alpha, beta), abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.floats(-10, 10))
def test_correlation_about_mean_directions_is_one_for_an_offset_and_minus_one_for_a_mirror(seed, offset):
    alpha = concentrated_angles(seed)
    windings = 2 * np.pi * np.random.default_rng(seed).integers(-3, 4, len(alpha))
    assert mean_direction_correlation(alpha, alpha + offset + windings) == pytest.approx(1)
    assert mean_direction_correlation(alpha, offset - alpha) == pytest.approx(-1)


def test_correlation_about_mean_directions_of_uniform_angles_may_be_near_zero_for_a_near_perfect_prediction():
    """The reason why Table 1 has both coefficients: the two mean directions are independent noise."""
    alpha = 2 * np.pi * np.arange(1000) / 1000
    lean = 0.02 * np.cos(alpha)
    towards_x, towards_y = alpha - 0.02 * np.sin(alpha), alpha + lean
    assert abs(mean_direction_correlation(towards_x, towards_y)) < 0.05
    assert circular_correlation(towards_x, towards_y) > 0.999


@pytest.mark.parametrize("n", [0, 1, 2, 1000])
def test_correlation_about_mean_directions_of_constant_input_is_nan_without_a_warning(n):
    constant, varied = np.full(n, 1.234), np.linspace(0, 2, n)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(mean_direction_correlation(constant, varied))
        assert np.isnan(mean_direction_correlation(varied, constant))


def test_correlation_about_mean_directions_of_float32_angles_is_that_of_float64():
    alpha = concentrated_angles(3, n=20_000)
    beta = alpha + 0.01 * np.random.default_rng(0).normal(size=20_000)
    single = mean_direction_correlation(alpha.astype(np.float32), beta.astype(np.float32))
    assert single == pytest.approx(mean_direction_correlation(alpha, beta), abs=1e-6)


def test_independent_angles_are_uncorrelated():
    rng = np.random.default_rng(0)
    alpha, beta = rng.uniform(0, 2 * np.pi, (2, 20_000))
    assert abs(circular_correlation(alpha, beta)) < 0.02


def test_float32_angles_are_summed_in_float64():
    alpha, beta = random_angles(3, n=20_000, noise=0.01)
    single = circular_correlation(alpha.astype(np.float32), beta.astype(np.float32))
    assert single == pytest.approx(circular_correlation(alpha, beta), abs=1e-6)


@pytest.mark.parametrize("value", [0.0, 1.234])
@pytest.mark.parametrize("n", [0, 1, 2, 1000])
def test_constant_input_is_nan_without_a_warning(value, n):
    constant, varied = np.full(n, value), np.linspace(0, 6, n)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(circular_correlation(constant, varied))
        assert np.isnan(circular_correlation(varied, constant))


def test_angles_that_differ_by_multiples_of_two_pi_and_rounding_are_constant():
    windings = 1.234 + 2 * np.pi * np.arange(-500, 500)
    assert np.ptp(np.cos(windings)) > 0
    assert np.isnan(circular_correlation(windings, np.linspace(0, 6, 1000)))


def test_barely_varying_angles_still_have_a_correlation():
    alpha = 1 + 1e-4 * np.linspace(-1, 1, 50)
    assert circular_correlation(alpha, 2 * alpha) == pytest.approx(1, abs=1e-6)


@settings(max_examples=100, deadline=None)
@given(st.floats(-50, 50), st.floats(-50, 50))
def test_difference_is_in_the_half_open_interval_and_inverts_the_rotation(a, b):
    difference = float(angle_difference(np.array([a]), np.array([b]))[0])
    assert -np.pi < difference <= np.pi
    assert np.exp(1j * (b + difference)) == pytest.approx(np.exp(1j * a), abs=1e-9)


def test_differences_by_hand():
    a = np.radians([10.0, 350.0, 0.0, 180.0, 0.0, 730.0])
    b = np.radians([350.0, 10.0, 0.0, 0.0, 180.0, 0.0])
    np.testing.assert_allclose(np.degrees(angle_difference(a, b)), [20, -20, 0, 180, 180, 10], atol=1e-9)


def test_a_difference_that_rounds_to_minus_pi_is_plus_pi():
    above_pi = np.array([np.nextafter(np.pi, 4)])
    assert angle_difference(above_pi, np.zeros(1))[0] == np.pi


def test_median_error_is_the_smaller_angle_and_robust_to_outliers():
    true = np.radians([0.0, 90.0, 359.0, 10.0, 200.0])
    predicted = np.radians([1.0, 88.0, 2.0, 190.0, 204.0])
    assert median_angle_error_deg(true, predicted) == pytest.approx(3)


def test_alignment_subtracts_one_offset_per_class_only():
    rng = np.random.default_rng(0)
    true, labels = rng.uniform(0, 2 * np.pi, 300), rng.integers(0, 3, 300)
    noise = rng.normal(0, 0.05, 300)
    predicted = true + np.array([0.0, 2.0, -3.0])[labels] + noise
    aligned = align_within_classes(true, predicted, labels)
    for label in range(3):
        residual = angle_difference(aligned, true)[labels == label]
        assert abs(residual.mean()) < 1e-3
        np.testing.assert_allclose(
            residual - residual.mean(), (noise - noise[labels == label].mean())[labels == label], atol=1e-3
        )
    assert median_angle_error_deg(true, aligned) < 3 < median_angle_error_deg(true, predicted)
