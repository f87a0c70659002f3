"""Test that ring descriptions are invariant to rotations and mirror images, against float64 computations."""

import jax
import jax.numpy as jnp
import numpy as np

from irl_inr_jax.geometry.rings import (
    BANDS,
    NUM_BAND_FREQUENCIES,
    area_quantile,
    average_rings,
    band_statistics,
    excess_over,
    find_level,
    ring_spectrum,
    sample_rings,
)


def random_rings(num_maps=3, num_radii=8, num_angles=16):
    return np.random.default_rng(0).gamma(2.0, size=(num_maps, num_radii, num_angles)).astype(np.float32)


@jax.jit
def describe(rings):
    level = find_level(rings)
    return ring_spectrum(rings, num_frequencies=5), band_statistics(rings, level, least_spread=0.1), level


spectrum_of = jax.jit(ring_spectrum, static_argnames="num_frequencies")
level_of = jax.jit(find_level)
statistics_of = jax.jit(band_statistics, static_argnames="least_spread")


def test_a_rotation_and_a_mirror_image_change_no_description():
    rings = random_rings()
    for changed in (np.roll(rings, 5, axis=2), rings[:, :, ::-1]):
        for old, new in zip(describe(rings), describe(changed), strict=True):
            np.testing.assert_allclose(new, old, atol=2e-5)
    assert np.abs(describe(rings[:, ::-1])[0] - describe(rings)[0]).max() > 0.01


def test_the_rings_of_a_rotated_and_of_a_mirrored_image_are_shifted_and_reversed():
    images = jnp.asarray(np.random.default_rng(1).random((2, 12, 12)), jnp.float32)
    sample = jax.jit(lambda images: sample_rings(images, num_radii=4, num_angles=16))
    rings = np.asarray(sample(images))
    rotated = sample(jnp.rot90(images, axes=(1, 2)))
    np.testing.assert_allclose(rotated, np.roll(rings, 4, axis=2), atol=1e-5)
    mirrored = sample(images[:, ::-1])
    np.testing.assert_allclose(mirrored, np.roll(rings[:, :, ::-1], 1, axis=2), atol=1e-5)


def test_the_spectrum_is_the_modulus_of_the_transform_of_the_map_at_unit_norm():
    rings = random_rings().astype(np.float64)
    weighted = rings * np.sqrt((np.arange(8) + 0.5) / 8)[:, None]
    weighted /= np.sqrt((weighted**2).sum((1, 2), keepdims=True))
    expected = np.abs(np.fft.fft(weighted, axis=2, norm="ortho"))
    found = spectrum_of(jnp.asarray(rings, jnp.float32), num_frequencies=9)
    np.testing.assert_allclose(found[:, :, 0], expected[:, :, 0], atol=1e-5)
    np.testing.assert_allclose(found[:, :, 1:8], np.sqrt(2) * expected[:, :, 1:8], atol=1e-5)
    np.testing.assert_allclose((np.asarray(found) ** 2).sum((1, 2)), 1, atol=1e-5)
    assert not np.any(spectrum_of(jnp.zeros((1, 8, 16)), num_frequencies=9))


def test_the_average_over_rings_is_that_of_a_gaussian_and_keeps_the_sum():
    spectrum = np.random.default_rng(0).random((2, 8, 3)).astype(np.float32)
    found = np.asarray(average_rings(jnp.asarray(spectrum), width=1.5))
    mirrored = np.concatenate([spectrum[:, ::-1], spectrum, spectrum[:, ::-1]], axis=1).astype(np.float64)
    offsets = np.arange(-6, 7)
    weights = np.exp(-0.5 * (offsets / 1.5) ** 2)
    expected = sum(w / weights.sum() * mirrored[:, 8 + o : 16 + o] for w, o in zip(weights, offsets, strict=True))
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    np.testing.assert_allclose(found.sum(1), spectrum.sum(1), rtol=1e-5)


def test_the_level_is_that_of_the_background_whatever_the_pattern():
    rng = np.random.default_rng(2)
    rings = rng.normal(3.0, 0.5, size=(1, 20, 64)).astype(np.float32)
    level = level_of(jnp.asarray(rings))
    assert abs(float(level.median[0]) - 3) < 0.1 and abs(float(level.spread[0]) - 0.5) < 0.1
    pattern = rings.copy()
    pattern[:, 16:, :12] += 50
    changed = level_of(jnp.asarray(pattern))
    assert abs(float(changed.median[0]) - 3) < 0.15 and abs(float(changed.spread[0]) - 0.5) < 0.15
    excess = np.asarray(excess_over(jnp.asarray(pattern), changed, 2.0))
    assert excess[:, 16:, :12].min() > 40 and np.mean(excess[:, :16] == 0) > 0.9


def test_the_quantile_is_that_of_points_counted_by_the_length_of_their_ring():
    rings = random_rings(num_maps=2, num_radii=6, num_angles=10)
    lengths = np.repeat(2 * np.arange(6) + 1, 10)
    for share in (0.16, 0.5, 0.9):
        for found, points in zip(area_quantile(jnp.asarray(rings), share), rings.reshape(2, -1), strict=True):
            order = np.argsort(points)
            reached = np.cumsum(lengths[order]) / lengths.sum() >= share
            np.testing.assert_allclose(found, points[order][reached.argmax()], atol=1e-4)


def test_band_statistics_are_those_of_the_scaled_excess():
    rings = random_rings(num_maps=2, num_radii=20, num_angles=16)
    level = level_of(jnp.asarray(rings))
    found = np.asarray(statistics_of(jnp.asarray(rings), level, least_spread=0.1))
    assert found.shape == (2, len(BANDS), 2 + NUM_BAND_FREQUENCIES)
    median, spread = (np.asarray(part, np.float64)[:, None, None] for part in level)
    band = ((rings - median) / (spread + 0.1))[:, 16:]
    radii = (np.arange(16, 20) + 0.5) / 20
    profile = np.einsum("nrt,r->nt", np.maximum(band - 1.5, 0), radii / radii.sum())
    moduli = np.abs(np.fft.fft(profile, axis=1))[:, 1:5] / 16
    expected = np.column_stack([profile.mean(1), band.max((1, 2)), moduli])
    np.testing.assert_allclose(found[:, -1], np.log1p(expected), atol=1e-5)


def test_a_map_without_noise_and_few_rings_have_finite_statistics():
    for rings in (jnp.zeros((1, 2, 8)), jnp.ones((1, 1, 8))):
        statistics = statistics_of(rings, level_of(rings), least_spread=0.1)
        assert np.isfinite(statistics).all() and statistics.shape == (1, 5, 6)
