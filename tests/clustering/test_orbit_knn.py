"""Clusters of images by their distance under all turns."""

import dataclasses

import numpy as np
import pytest

from irl_inr_jax.clustering import orbit_knn
from irl_inr_jax.clustering.neighbours.orbits import orbit_neighbours, compute_polar_images
from irl_inr_jax.clustering.orbit_knn import cluster_orbit_knn
from irl_inr_jax.clustering.scan import mine_orbit_neighbours
from irl_inr_jax.clustering.task import Points
from irl_inr_jax.metrics.clustering_scores import clustering_accuracy
from irl_inr_jax.types import InputError, Scaling

SIDE = 24
SMALL = {"orbits.num_angles": 16, "orbits.num_radii": 8}


def points(images):
    return Points(np.zeros((len(images), 1), np.float32), images)


def shapes(count, seed=0):
    """Bars (0) and rings (1), turned and shifted at random, with a little noise in their size."""
    draw = np.random.default_rng(seed)
    labels = (np.arange(count) % 2).astype(np.int32)
    y, x = np.mgrid[:SIDE, :SIDE]
    images = []
    for label in labels:
        angle, size = draw.uniform(0, 2 * np.pi), draw.uniform(0.9, 1.1)
        u, v = (x - 11.5 - draw.normal()) / size, (y - 11.5 - draw.normal()) / size
        u, v = np.cos(angle) * u + np.sin(angle) * v, np.cos(angle) * v - np.sin(angle) * u
        edge = np.maximum(np.abs(u) - 6, np.abs(v) - 1) if label == 0 else np.abs(np.hypot(u, v) - 5) - 1
        images.append(1 / (1 + np.exp(3 * edge)))
    return np.asarray(images, np.float32)[..., None], labels


@pytest.fixture
def image_task(make_task):
    """image_task(images, k, fitted=None, **settings)"""

    def make(images, num_clusters, *, fitted=None, seed=0, **settings):
        task = make_task(np.zeros((2, 1), np.float32), num_clusters, seed=seed, settings={**SMALL, **settings})
        assigned = points(images)
        return dataclasses.replace(task, assigned=assigned, fitted=assigned if fitted is None else points(fitted))

    return make


def test_scan_may_learn_from_neighbours_of_the_images(image_task):
    """Latents that say nothing of the kinds; images that lie nearest under all turns do."""
    images, labels = shapes(90)
    task = image_task(images, 2, **{"scan.num_neighbours": 5})
    assert np.mean(labels[mine_orbit_neighbours(task)] == labels[:, None]) == 1
    alone = image_task(images[:1], 1)
    np.testing.assert_array_equal(mine_orbit_neighbours(alone), [[0]])


@pytest.mark.parametrize("count", [12, 90])
def test_two_kinds_of_turned_images_are_told_apart(image_task, count):
    images, labels = shapes(count)
    found = cluster_orbit_knn(image_task(images, 2))
    assert clustering_accuracy(labels, found.clusters) == 1.0
    assert found.clusters.dtype == np.int32 and found.confidence.dtype == np.float32
    assert found.transductive and not found.notes
    expected = (found.clusters[found.neighbours] == found.clusters[:, None]).mean(1)
    np.testing.assert_allclose(found.confidence, expected, atol=1e-6)
    again = cluster_orbit_knn(image_task(images, 2))
    np.testing.assert_array_equal(again.clusters, found.clusters)


def test_neighbours_are_those_of_all_turns_whatever_the_blocks(image_task, monkeypatch):
    images = np.random.default_rng(0).uniform(size=(50, SIDE, SIDE, 1)).astype(np.float32)
    task = image_task(images, 2)
    polar = compute_polar_images(task)
    exact = polar.astype(np.float64).reshape(50, polar.shape[1], -1)
    shifted = np.stack([np.roll(exact, shift, axis=2) for shift in range(exact.shape[2])])
    products = np.einsum("qrt,sprt->sqp", exact, shifted).max(0)
    np.fill_diagonal(products, -np.inf)
    expected = np.argsort(-products, axis=1)[:, :7]
    for num_queries, num_points in ((64, 256), (50, 50), (7, 13), (1, 50)):
        monkeypatch.setattr(orbit_knn, "NUM_QUERIES", num_queries)
        monkeypatch.setattr(orbit_knn, "NUM_POINTS", num_points)
        np.testing.assert_array_equal(orbit_neighbours(polar, 7, task), expected)


def test_images_to_learn_from_have_no_say_and_the_table_is_told(image_task):
    images, _ = shapes(30)
    alone = cluster_orbit_knn(image_task(images, 2))
    found = cluster_orbit_knn(image_task(images, 2, fitted=shapes(10, seed=1)[0]))
    np.testing.assert_array_equal(found.clusters, alone.clusters)
    assert found.transductive and found.neighbours is None
    assert found.notes == ("clustered the images by themselves, without those it was to learn from",)


def test_blank_images_are_a_kind_of_their_own(image_task):
    images, labels = shapes(40)
    images = np.concatenate([images, np.zeros((20, SIDE, SIDE, 1), np.float32)])
    found = cluster_orbit_knn(image_task(images, 3))
    assert clustering_accuracy(np.concatenate([labels, np.full(20, 2)]), found.clusters) == 1.0


@pytest.mark.parametrize(("count", "num_clusters"), [(1, 1), (2, 1), (2, 2), (5, 1), (5, 5), (15, 4), (16, 2)])
def test_few_images(image_task, count, num_clusters):
    found = cluster_orbit_knn(image_task(shapes(count)[0], num_clusters))
    assert found.clusters.shape == found.confidence.shape == (count,)
    assert found.clusters.min() >= 0 and found.clusters.max() < num_clusters
    assert np.isfinite(found.confidence).all()
    if count == num_clusters:
        assert sorted(found.clusters) == list(range(count))


def test_stored_pixels_and_channels_are_understood(image_task):
    images, labels = shapes(24)
    colours = np.round(np.concatenate([images, 0.5 * images, 0 * images], axis=-1) * 255).astype(np.uint8)
    task = image_task(colours, 2)
    task = dataclasses.replace(task, trained=dataclasses.replace(task.trained, scaling=Scaling(1 / 255, 0.0, 0.0, "")))
    assert clustering_accuracy(labels, cluster_orbit_knn(task).clusters) == 1.0


@pytest.mark.parametrize(
    ("images", "num_clusters", "message"),
    [
        (shapes(4)[0], 5, r"at most as many clusters as images \(4\), found 5"),
        (shapes(4)[0], 0, "at least 1 cluster, found 0"),
        (np.ones((4, 8, 8, 1), np.float32), 2, "images that differ, found 4 that are all alike"),
        (np.zeros((4, 8, 8, 1), np.float32), 2, "images that differ, found 4 that are all alike"),
        (np.full((4, 8, 8, 1), np.nan, np.float32), 2, "found NaN or infinity in 4 of 4"),
    ],
)
def test_refusals(image_task, images, num_clusters, message):
    with pytest.raises(InputError, match=message):
        cluster_orbit_knn(image_task(images, num_clusters))
