"""Clusters of images by their distance under all rotations."""

import dataclasses

import numpy as np
import pytest

from irl_inr_jax.clustering.orbit_graph import find_orbit_graph
from irl_inr_jax.clustering.orbit_knn import cluster_orbit_knn, label_orbits
from irl_inr_jax.clustering.scan import cluster_scan, mine_neighbours
from irl_inr_jax.clustering.task import Points
from irl_inr_jax.metrics.clustering_scores import clustering_accuracy
from irl_inr_jax.types import InputError, Scaling

SIDE = 16
SMALL = {"orbits.num_angles": 16, "orbits.num_radii": 8}


def points(images):
    return Points(np.zeros((len(images), 1), np.float32), images)


def shapes(count, seed=0):
    """Bars (0) and rings (1), rotated and translated at random, with slightly varying sizes."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(count) % 2).astype(np.int32)
    y, x = np.mgrid[:SIDE, :SIDE]
    images = []
    for label in labels:
        angle, size = rng.uniform(0, 2 * np.pi), rng.uniform(0.9, 1.1)
        u, v = (x - 7.5 - 0.5 * rng.normal()) / size, (y - 7.5 - 0.5 * rng.normal()) / size
        u, v = np.cos(angle) * u + np.sin(angle) * v, np.cos(angle) * v - np.sin(angle) * u
        edge = np.maximum(np.abs(u) - 4.5, np.abs(v) - 1) if label == 0 else np.abs(np.hypot(u, v) - 4) - 1
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


@pytest.mark.slow
def test_scan_can_use_neighbours_of_the_images(image_task):
    """The latents do not depend on the class; the nearest images over all rotations do."""
    images, labels = shapes(90)
    task = image_task(images, 2, **{"scan.num_neighbours": 5})
    assert np.mean(labels[mine_neighbours(task).rows] == labels[:, None]) == 1
    single = image_task(images[:1], 1)
    np.testing.assert_array_equal(mine_neighbours(single).rows, [[0]])


def test_scan_reports_the_neighbours_of_the_fitted_images(make_task):
    images, _ = shapes(16)
    flat = images.reshape(16, -1)
    settings = {**SMALL, "scan.num_neighbours": 3, "scan.num_epochs": 1, "scan.selflabel_epochs": 0}
    task = make_task(flat, 2, settings={**settings, "scan.augment": "none"})
    fitted = Points(flat, images)
    task = dataclasses.replace(task, fitted=fitted, assigned=Points(flat[:4], images[:4]))
    found = cluster_scan(task)
    assert found.clusters.shape == (4,) and not found.transductive
    np.testing.assert_array_equal(found.neighbours, mine_neighbours(task).rows)
    assert found.measures["neighbour_recall"] == 1


@pytest.mark.parametrize("count", [12, 90])
def test_two_shapes_are_separated_in_any_rotation(image_task, count):
    images, labels = shapes(count)
    found = cluster_orbit_knn(image_task(images, 2))
    assert clustering_accuracy(labels, found.clusters) == 1.0
    assert found.clusters.dtype == np.int32 and found.confidence.dtype == np.float32
    assert found.transductive and found.notes == ("cluster sizes: damped",)
    assert found.measures == {"neighbour_recall": 1.0}
    expected = (found.clusters[found.neighbours] == found.clusters[:, None]).mean(1)
    np.testing.assert_allclose(found.confidence, expected, atol=1e-6)
    again = cluster_orbit_knn(image_task(images, 2))
    np.testing.assert_array_equal(again.clusters, found.clusters)


def test_new_images_are_assigned_by_a_vote_of_their_nearest_fitted_images(image_task):
    images, labels = shapes(60)
    new, new_labels = shapes(20, seed=1)
    task = image_task(new, 2, fitted=images)
    found = cluster_orbit_knn(task)
    assert clustering_accuracy(new_labels, found.clusters) == 1.0 and not found.transductive
    graph = find_orbit_graph(task, 15)
    fitted = label_orbits(task).argmax(1)
    assert clustering_accuracy(labels, fitted) == 1.0
    nearest = fitted[graph.assigned[:, : task.settings.vote_neighbours]]
    np.testing.assert_allclose(found.confidence, (nearest == found.clusters[:, None]).mean(1), atol=1e-6)
    np.testing.assert_array_equal(found.neighbours, graph.fitted[:, :15])


def test_the_graph_is_searched_once_for_all_clusterers(image_task):
    task = image_task(shapes(20)[0], 2)
    assert find_orbit_graph(task, 5) is find_orbit_graph(dataclasses.replace(task, seed=1), 15)


def test_cluster_sizes_follow_the_setting(image_task):
    images, _ = shapes(20)
    assert cluster_orbit_knn(image_task(images, 2, sizes="1,3")).notes == ("cluster sizes: 1,3",)


@pytest.mark.parametrize(("num_clusters", "sizes"), [(2, "1,1,2"), (1, "1,1"), (6, "1,1")])
def test_labels_without_a_need_for_neighbours_and_refused_sizes_need_no_search(
    image_task, monkeypatch, num_clusters, sizes
):
    def search(*arguments):
        raise AssertionError("neighbours were searched")

    monkeypatch.setattr("irl_inr_jax.clustering.orbit_knn.find_orbit_graph", search)
    images, _ = shapes(6)
    with pytest.raises(InputError, match=rf"expected {num_clusters} shares in config.clustering.sizes"):
        cluster_orbit_knn(image_task(images, num_clusters, sizes=sizes))
    if num_clusters != 2:
        labels = label_orbits(image_task(images, num_clusters)).argmax(axis=1)
        np.testing.assert_array_equal(labels, np.arange(6) % num_clusters)


def test_blank_images_are_a_separate_cluster(image_task):
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


def test_stored_integers_and_channels_are_supported(image_task):
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
        (np.ones((4, 8, 8, 1), np.float32), 2, "images that differ, found 4 equal ones"),
        (np.zeros((4, 8, 8, 1), np.float32), 2, "images that differ, found 4 equal ones"),
        (np.full((4, 8, 8, 1), np.nan, np.float32), 2, "found NaN or infinity in 4 of 4"),
    ],
)
def test_unusable_input_is_refused(image_task, images, num_clusters, message):
    with pytest.raises(InputError, match=message):
        cluster_orbit_knn(image_task(images, num_clusters))
