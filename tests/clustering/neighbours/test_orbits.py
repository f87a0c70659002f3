"""Neighbours under all rotations: laws, exactness, and agreement of the stages."""

import numpy as np
import pytest

from irl_inr_jax.clustering.neighbours import orbits
from irl_inr_jax.clustering.neighbours.orbit_images import measure_radius, prepare_orbits
from irl_inr_jax.clustering.neighbours.orbits import (
    OrbitIndex,
    compare_candidates,
    measure_recall,
    orbit_neighbours,
    select_candidates,
)
from irl_inr_jax.config import base
from irl_inr_jax.types import Scaling

IDENTITY = Scaling(1.0, 0.0, 0.0, "")
SIDE = 24


def make_settings(**changes):
    settings = base.get_config().orbits
    settings.update({"num_angles": 16, "num_radii": 8, **changes})
    return settings


def blobs(count, seed=0):
    """Smooth images of four spots each, well inside the border."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE, :SIDE]
    centres, heights = rng.uniform(8, 15, (count, 4, 2)), rng.uniform(0.3, 1, (count, 4))
    squared = (x - centres[..., :1, None]) ** 2 + (y - centres[..., 1:, None]) ** 2
    return (heights[..., None, None] * np.exp(-squared / 4)).sum(1)[..., None].astype(np.float32)


def prepare(images, settings, scaling=IDENTITY, batch_size=64):
    radius = measure_radius(images, scaling, settings, batch_size=batch_size)
    return prepare_orbits(images, scaling, settings, radius=radius, fill=0.0, batch_size=batch_size)


def find(images, num_neighbours, **changes):
    settings = make_settings(**changes)
    points = prepare(images, settings)
    return orbit_neighbours(points, OrbitIndex(points), num_neighbours, settings=settings)


@pytest.fixture(scope="module")
def images():
    return blobs(60)


def test_the_result_does_not_change_when_every_image_is_rotated_and_shifted(images):
    """By quarter rotations and whole pixels, which need no interpolation."""
    rng = np.random.default_rng(1)
    moved = [np.roll(np.rot90(image, rng.integers(4)), rng.integers(-3, 4, 2), axis=(0, 1)) for image in images]
    for rerank in (False, True):
        found, again = find(images, 10, rerank=rerank), find(np.stack(moved), 10, rerank=rerank)
        overlap = np.mean([np.isin(row, other).mean() for row, other in zip(found, again, strict=True)])
        assert overlap > 0.99
        np.testing.assert_array_equal(found[:, 0], again[:, 0])


def test_mirror_images_are_nearest_to_each_other_only_with_mirror(images):
    mirrored = np.concatenate([images[:20], np.rot90(images[:20, ::-1], axes=(1, 2))])
    partners = (np.arange(40) + 20) % 40
    for rerank in (False, True):
        np.testing.assert_array_equal(find(mirrored, 1, mirror=True, rerank=rerank)[:, 0], partners)
        assert np.mean(find(mirrored, 1, mirror=False, rerank=rerank)[:, 0] == partners) < 0.9


def test_about_the_middle_of_the_image_a_shift_matters(images):
    shifted = np.concatenate([images[:20], np.roll(images[:20], 4, axis=1)])
    partners = (np.arange(40) + 20) % 40
    np.testing.assert_array_equal(find(shifted, 1, centre="mass")[:, 0], partners)
    assert np.mean(find(shifted, 1, centre="image", radius=1.0)[:, 0] == partners) < 0.9


def test_with_all_images_as_candidates_neighbours_are_exact(images):
    settings = make_settings(rerank=False, num_candidates=59)
    points = prepare(images, settings)
    spectra = points.spectra[..., :9].astype(np.float64)
    full = spectra[:, 0] + 1j * spectra[:, 1]
    angles = 2 * np.pi * np.outer(np.arange(9), np.arange(16)) / 16
    products = np.einsum("qrf,prf,ft->qpt", full, full.conj(), np.exp(1j * angles)).real.max(-1)
    np.fill_diagonal(products, -np.inf)
    expected = np.argsort(-products, axis=1)[:, :7]
    np.testing.assert_array_equal(orbit_neighbours(points, OrbitIndex(points), 7, settings=settings), expected)
    assert measure_recall(OrbitIndex(points), 7, settings=settings, seed=0) == 1.0
    assert orbit_neighbours(prepare(images[:3], settings), OrbitIndex(points), 1, settings=settings).shape == (3, 1)


def test_candidates_are_the_nearest_by_invariants_and_recall_is_their_share(images):
    settings = make_settings(rerank=False, num_candidates=12)
    points = prepare(images, settings)
    found = select_candidates(points, OrbitIndex(points), 12)
    distances = ((points.invariants[:, None].astype(np.float64) - points.invariants) ** 2).sum(-1)
    np.fill_diagonal(distances, np.inf)
    np.testing.assert_array_equal(np.sort(found), np.sort(np.argsort(distances, axis=1)[:, :12]))
    exact = orbit_neighbours(points, OrbitIndex(points), 5, settings=make_settings(rerank=False, num_candidates=59))
    share = np.mean([np.isin(row, others).mean() for row, others in zip(exact, found, strict=True)])
    assert 0.5 < share <= measure_recall(OrbitIndex(points), 5, settings=settings, seed=0) + 0.02


def test_candidates_of_many_images_come_from_one_index_for_all_searches(images, monkeypatch):
    settings = make_settings(rerank=False, num_candidates=12)
    points, others = prepare(images, settings), prepare(blobs(5, seed=1), settings)

    def search(index):
        found = orbit_neighbours(points, index, 5, settings=settings)
        of_others = orbit_neighbours(others, index, 5, settings=settings)
        return found, of_others, measure_recall(index, 5, settings=settings, seed=0)

    exact = search(OrbitIndex(points))
    monkeypatch.setattr("irl_inr_jax.clustering.neighbours.search.MAX_PAIRS", 0)
    made, index = [], orbits.ApproximateIndex
    monkeypatch.setattr(orbits, "ApproximateIndex", lambda points: (made.append(len(points)), index(points))[1])
    approximate = search(OrbitIndex(points))
    assert made == [60]
    for ours, theirs in zip(approximate[:2], exact[:2], strict=True):
        assert np.mean(ours == theirs) > 0.9
    assert abs(approximate[2] - exact[2]) < 0.05


def test_reranking_orders_the_nearest_candidates_anew(images):
    settings = make_settings(num_reranked=9)
    points = prepare(images, settings)
    candidates = select_candidates(points, OrbitIndex(points), 59)
    plain = compare_candidates(points._replace(patches=None), points, candidates, 9, settings=settings)
    found = compare_candidates(points, points, candidates, 9, settings=settings)
    np.testing.assert_array_equal(np.sort(found), np.sort(plain))
    assert np.mean(found[:, 0] != plain[:, 0]) > 0.02
    np.testing.assert_array_equal(orbit_neighbours(points, OrbitIndex(points), 4, settings=settings), found[:, :4])


def test_stored_pixels_are_scaled_and_the_batch_size_does_not_matter(images):
    stored = np.round(255 * np.clip(images, 0, 1)).astype(np.uint8)
    settings = make_settings(radius=0.7)
    scaled = prepare(stored, settings, Scaling(1 / 255, 0.0, 0.0, ""), batch_size=8)
    plain = prepare(stored.astype(np.float32) / 255, settings)
    for ours, theirs in zip(scaled, plain, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
    np.testing.assert_allclose((scaled.spectra**2).sum((1, 2, 3)), 1, rtol=1e-4)


def test_blank_images_are_nearest_to_each_other(images):
    blank = np.concatenate([images[:6], np.zeros((3, SIDE, SIDE, 1), np.float32)])
    found = find(blank, 2, rerank=False)
    assert (found[6:] >= 6).all() and (found[:6] < 6).all()


@pytest.mark.parametrize("num_neighbours", [0, 5])
def test_zero_neighbours_or_more_than_points_are_refused(images, num_neighbours):
    with pytest.raises(ValueError, match=rf"from 1 to 4, found {num_neighbours}"):
        find(images[:5], num_neighbours)
