"""Test the neighbours of images by each distance: invariance, agreement with float64, and of new images."""

import numpy as np
import pytest

from irl_inr_jax.clustering.neighbours.image_neighbours import (
    DISTANCES,
    describe_wafers,
    index_images,
    make_search_settings,
)
from irl_inr_jax.config import base
from irl_inr_jax.config.rules import Key
from irl_inr_jax.types import Scaling

SIDE = 16


def make_settings(distance, **wafers):
    config = base.get_config()
    config.orbits.update(distance=distance, centre="image", mirror=True, num_angles=16, num_radii=6, radius=1.0)
    config.wafers.update(num_radii=6, num_angles=16, num_frequencies=4, **wafers)
    scaling = Scaling(1 / 255, 0.0, 0.0, "")
    return make_search_settings(scaling, orbits=config.orbits, wafers=config.wafers, fill=0.0, batch_size=16)


def make_wafers(count, seed=0):
    """Wafers with a blob of failed dies at a random place, as stored pixels."""
    rng = np.random.default_rng(seed)
    y, x = (np.indices((SIDE, SIDE)) + 0.5) / SIDE * 2 - 1
    centres, radii = rng.uniform(-0.7, 0.7, (count, 2, 1, 1)), rng.uniform(0.2, 0.5, (count, 1, 1))
    failed = np.hypot(x - centres[:, 0], y - centres[:, 1]) < radii
    return np.where(x**2 + y**2 <= 1, np.where(failed, 255, 80), 0).astype(np.uint8)[..., None]


@pytest.mark.parametrize(
    "distance", [pytest.param(name, marks=pytest.mark.slow if name == "wafers" else ()) for name in DISTANCES]
)
def test_a_rotated_mirror_image_is_the_nearest(distance):
    images = make_wafers(12)
    moved = np.rot90(images[:, ::-1], axes=(1, 2))
    index = index_images(images, make_settings(distance))
    np.testing.assert_array_equal(index.of_others(moved, 1)[:, 0], np.arange(12))
    index = index_images(np.concatenate([images, moved]), make_settings(distance))
    np.testing.assert_array_equal(index.among_fitted(1)[:, 0], (np.arange(24) + 12) % 24)
    assert index.recall(3) == 1.0


def test_by_wafers_neighbours_have_the_nearest_features():
    """Features of fewer dimensions than images are not reduced, so distances are those of the features."""
    settings = make_settings("wafers", scales_px=(4.0,))
    images, others = make_wafers(130), make_wafers(5, seed=1)
    features, queries = (describe_wafers(rows, settings).astype(np.float64) for rows in (images, others))
    _, _, axes = np.linalg.svd(features - features.mean(0), full_matrices=False)
    points, queries = (rows @ axes[:50].T for rows in (features, queries))
    index = index_images(images, settings)
    for found, wanted, own in ((index.among_fitted(3), points, True), (index.of_others(others, 3), queries, False)):
        distances = np.linalg.norm(wanted[:, None] - points, axis=2)
        if own:
            np.fill_diagonal(distances, np.inf)
        nearest = np.sort(distances, axis=1)[:, :3]
        np.testing.assert_allclose(np.take_along_axis(distances, found, axis=1), nearest, atol=2e-3)


def test_every_distance_of_the_configuration_has_an_entry():
    key = base.orbit_keys()["distance"]
    assert isinstance(key, Key) and set(key.rule.choices) == set(DISTANCES)
