"""Test the dies that are read from an image against the map it was made from, and the filters against convolutions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from irl_inr_jax.config import base
from irl_inr_jax.data.datasets.wm811k import LEVELS
from irl_inr_jax.data.resize import resize_image
from irl_inr_jax.geometry.wafers import (
    Dies,
    detect_lines,
    disc_coverage,
    failed_share,
    failure_densities,
    make_map_filters,
    pattern_strength,
    read_dies,
)

LEVEL = float(LEVELS[1]) / 255
SHAPE = {"scales": (2.0, 4.0), "line_length": 5.0, "line_width": 0.9, "num_orientations": 8}
FILTERS = make_map_filters(32, **SHAPE)
read = jax.jit(read_dies, static_argnames="pass_level")
measure = jax.jit(lambda dies: failure_densities(dies, FILTERS))
detect = jax.jit(lambda dies, background: detect_lines(dies, FILTERS, background))


def wafer_map(side, share_failed, seed=0):
    """A map of `side` dies a side: 0 outside the disc, 1 passed, 2 failed."""
    y, x = (np.indices((side, side)) + 0.5) / side * 2 - 1
    failed = np.random.default_rng(seed).random((side, side)) < share_failed
    return np.where(x**2 + y**2 <= 1, 1 + failed, 0)


def test_the_level_of_a_die_that_passed_is_that_of_the_data_set():
    assert base.get_config().wafers.pass_level == LEVEL


@pytest.mark.parametrize("share_failed", [0.0, 0.2, 1.0])
def test_dies_of_an_unresized_map_are_exact_inside_and_consistent_at_the_border(share_failed):
    dies = wafer_map(24, share_failed)
    images = jnp.asarray(LEVELS[dies] / 255, jnp.float32)[None, ..., None]
    failed, present = (np.asarray(part[0]) for part in read(images, pass_level=LEVEL))
    inside = disc_coverage(24, 24) == 1
    np.testing.assert_allclose(failed[inside], dies[inside] == 2, atol=1e-6)
    np.testing.assert_allclose(present[inside], 1, atol=1e-6)
    np.testing.assert_allclose(LEVEL * (present - failed) + failed, images[0, ..., 0], atol=1e-6)
    assert (failed >= 0).all() and (failed <= present).all() and (present <= 1).all()


def test_a_resized_map_has_the_share_of_failed_dies_of_its_map():
    for share, seed in ((0.1, 1), (0.6, 2)):
        dies = wafer_map(51, share, seed)
        image = resize_image(LEVELS[dies][..., None], 16, 16, method="area")
        found = read(jnp.asarray(image, jnp.float32)[None] / 255, pass_level=LEVEL)
        expected = (dies == 2).sum() / (dies > 0).sum()
        assert float(found.failed.sum() / found.present.sum()) == pytest.approx(expected, abs=0.01)


def test_the_coverage_of_the_disc_is_its_area():
    assert disc_coverage(10, 14).mean() == pytest.approx(np.pi / 4, abs=2e-3)
    assert disc_coverage(10, 14).max() == 1 and disc_coverage(10, 14)[0, 0] == 0


def test_densities_are_those_of_gaussian_filters_with_nothing_outside():
    rng = np.random.default_rng(0)
    present = np.pad(np.ones((20, 20)), 6)
    failed = present * (rng.random((32, 32)) < 0.3)
    dies = Dies(jnp.asarray(failed, jnp.float32)[None], jnp.asarray(present, jnp.float32)[None])
    densities = measure(dies)
    assert densities.shape == (1, 2, 32, 32)
    for density, scale in zip(np.asarray(densities[0]), SHAPE["scales"], strict=True):
        sigma = scale * 32 / 64
        blurred = [ndimage.gaussian_filter(part, sigma, mode="constant", truncate=8) for part in (failed, present)]
        expected = blurred[0] / np.maximum(blurred[1], 0.05)
        # A Gaussian of one pixel differs from its samples by the part above the highest frequency.
        np.testing.assert_allclose(density[6:26, 6:26], expected[6:26, 6:26], atol=0.03 if sigma < 1.5 else 1e-3)


def test_a_full_wafer_has_density_1_up_to_its_border_and_no_line():
    dies = read(jnp.asarray(LEVELS[wafer_map(32, 1.0)] / 255, jnp.float32)[None, ..., None], pass_level=LEVEL)
    inside = disc_coverage(32, 32) == 1
    np.testing.assert_allclose(np.asarray(measure(dies))[0][:, inside], 1, atol=1e-4)
    np.testing.assert_allclose(np.asarray(detect(dies, jnp.ones(1)))[0][inside], 0, atol=1e-5)


def test_a_line_of_any_direction_is_detected_and_a_blob_is_not():
    y, x = np.indices((32, 32)) - 15.5
    responses = []
    for angle in np.arange(5) * np.pi / 7:
        across, along = x * np.sin(angle) - y * np.cos(angle), x * np.cos(angle) + y * np.sin(angle)
        line = (np.abs(across) < 0.6) & (np.abs(along) < 9)
        responses.append(peak(line))
    blob = peak(x**2 + y**2 < 9)
    assert min(responses) > 1.5 * blob and np.ptp(responses) < 0.35 * max(responses)


def peak(failed):
    dies = Dies(jnp.asarray(failed, jnp.float32)[None], jnp.ones((1, 32, 32)))
    return float(detect(dies, jnp.zeros(1))[0, 12:20, 12:20].max())


def test_strength_agrees_with_blurs_in_space_and_does_not_change_under_quarter_rotations():
    # No pixel of these maps is near the border, where the padded transform and the reflected one would differ.
    rng, failed, present = np.random.default_rng(0), np.zeros((3, 32, 32)), np.zeros((3, 32, 32))
    present[:, 11:21, 11:21] = 1
    failed[:, 11:21, 11:21] = rng.random((3, 10, 10)) < np.array([0.1, 0.3, 0.6])[:, None, None]
    failed[2, 11:21, 16:21] = 0
    found = pattern_strength(Dies(jnp.asarray(failed), jnp.asarray(present)), FILTERS)
    excess = failed - (failed.sum((1, 2)) / present.sum((1, 2)))[:, None, None] * present
    energies = [
        np.square([ndimage.gaussian_filter(each, scale / 2, truncate=6, mode="constant") for each in excess]).sum(
            (1, 2)
        )
        for scale in SHAPE["scales"]
    ]
    np.testing.assert_allclose(found, np.log(energies[1] / energies[0]), rtol=0.02, atol=0.02)
    rotated = Dies(jnp.rot90(jnp.asarray(failed), axes=(1, 2)), jnp.rot90(jnp.asarray(present), axes=(1, 2)))
    np.testing.assert_allclose(pattern_strength(rotated, FILTERS), found, atol=1e-4)
    assert found[2] > max(found[0], found[1])


def test_strength_of_dies_that_fail_at_random_is_the_same_for_every_share_of_them():
    rng, disc = np.random.default_rng(0), disc_coverage(32, 32)
    strengths = []
    for share in (0.05, 0.2, 0.5, 0.9):
        failed = (rng.random((64, 32, 32)) < share) * disc
        dies = Dies(jnp.asarray(failed), jnp.broadcast_to(jnp.asarray(disc), failed.shape))
        np.testing.assert_allclose(failed_share(dies), failed.sum((1, 2)) / disc.sum(), rtol=1e-5)
        strengths.append(float(pattern_strength(dies, FILTERS).mean()))
    assert np.ptp(strengths) < 0.1 and strengths[0] == pytest.approx(np.log(1 / 4), abs=0.3)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_map_whose_dies_are_all_alike_has_no_pattern(share):
    present = jnp.asarray(disc_coverage(32, 32))[None]
    assert pattern_strength(Dies(share * present, present), FILTERS)[0] < np.log(1 / 4)
