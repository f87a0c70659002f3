"""Clusters by a classifier that is trained on the labels of the neighbour graph under rotations."""

import dataclasses

import numpy as np
import pytest

from irl_inr_jax.clustering.orbit_knn import label_orbits
from irl_inr_jax.clustering.orbit_selflabel import (
    LABELLERS,
    assign_images,
    cluster_orbit_selflabel,
    make_fit_options,
)
from irl_inr_jax.clustering.store import TimedClustering, load_clustering, save_clustering
from irl_inr_jax.clustering.task import Points
from irl_inr_jax.config import base
from irl_inr_jax.data.lazy import LazyImages
from irl_inr_jax.metrics.clustering_scores import clustering_accuracy
from irl_inr_jax.types import Scaling

SMALL = {
    "orbits.num_angles": 16,
    "orbits.num_radii": 6,
    "orbits.rerank": False,
    "orbit_selflabel.min_steps": 40,
    "orbit_selflabel.max_steps": 40,
    "orbit_selflabel.batch_size": 32,
    "orbit_selflabel.learning_rate": 0.01,
    "orbit_selflabel.average_decay": 0.9,
    "orbit_selflabel.widths": (8, 8),
    "orbit_selflabel.hidden_width": 16,
    "orbit_selflabel.feature_width": 8,
}


UNSCALED = Scaling(1.0, 0.0, 0.0, "")


def shapes(count, seed=0):
    """Bars (0) and blobs (1) in any rotation, of varying size."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(count) % 2).astype(np.int32)
    y, x = np.mgrid[-1:1:12j, -1:1:12j]
    angle, size = rng.uniform(0, np.pi, (count, 1, 1)), rng.uniform(0.9, 1.1, (count, 1, 1))
    u, v = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    long = np.where(labels, 0.3, 0.6)[:, None, None]
    images = np.exp(-((u / long / size) ** 2) - (v * long / 0.09 / size) ** 2)
    return images[..., None].astype(np.float32), labels


@pytest.fixture
def image_task(make_task):
    """image_task(images, k, fitted=None, scaling=..., **settings)"""

    def make(images, num_clusters, *, fitted=None, scaling=UNSCALED, seed=0, **settings):
        task = make_task(np.zeros((2, 1), np.float32), num_clusters, seed=seed, settings={**SMALL, **settings})
        points = [
            Points(np.zeros((len(given), 1), np.float32), given) for given in (images, fitted) if given is not None
        ]
        trained = dataclasses.replace(task.trained, scaling=scaling)
        return dataclasses.replace(task, assigned=points[0], fitted=points[-1], trained=trained)

    return make


@pytest.mark.slow
def test_two_shapes_are_separated_and_later_images_are_assigned_from_the_stored_params(image_task, tmp_path):
    images, labels = shapes(64)
    new, new_labels = shapes(64, seed=1)
    task = image_task(LazyImages(lambda rows: images[rows], images.shape[1:], images.dtype, np.arange(64)), 2)
    found = cluster_orbit_selflabel(task)
    assert found.transductive and clustering_accuracy(labels, found.clusters) == 1
    assert found.notes == ("first labels: orbit_knn", "cluster sizes: damped")
    assert found.clusters.dtype == np.int32 and found.confidence.dtype == np.float32
    assert 0.5 <= found.confidence.min() and found.confidence.max() <= 1
    changed = np.mean(found.clusters != label_orbits(task).argmax(axis=1))
    np.testing.assert_allclose(found.measures["changed_labels"], changed)
    # The fitted images are streamed above and in memory here.
    assigned = cluster_orbit_selflabel(image_task(new, 2, fitted=images))
    assert not assigned.transductive and clustering_accuracy(new_labels, assigned.clusters) == 1
    save_clustering(tmp_path / "a.npz", "digest", TimedClustering(found, 1.0))
    stored = load_clustering(tmp_path / "a.npz", "digest")
    assert stored is not None
    options = {"settings": task.settings.orbit_selflabel, "orbits": task.orbits, "fill": 0.0, "batch_size": 64}
    probabilities = assign_images(stored.clustering.params, new, task.trained.scaling, **options)
    np.testing.assert_array_equal(probabilities.argmax(axis=1), assigned.clusters)
    np.testing.assert_array_equal(probabilities.max(axis=1), assigned.confidence)


@pytest.mark.slow
def test_channels_of_stored_integers_on_both_sides_of_the_background(image_task):
    images, labels = shapes(64)
    stored = np.round(128 + 127 * np.concatenate([images, -0.5 * images, 0 * images], axis=-1)).astype(np.uint8)
    scaling = Scaling(1 / 127, -128 / 127, -1.0, "")
    found = cluster_orbit_selflabel(image_task(stored, 2, scaling=scaling, **{"orbit_selflabel.num_rounds": 2}))
    assert clustering_accuracy(labels, found.clusters) == 1


@pytest.mark.parametrize(("count", "num_clusters"), [(1, 1), (6, 1), pytest.param(6, 6, marks=pytest.mark.slow)])
def test_few_images(image_task, count, num_clusters):
    settings = {"orbit_selflabel.min_steps": 2, "orbit_selflabel.max_steps": 2}
    found = cluster_orbit_selflabel(image_task(shapes(count)[0], num_clusters, **settings))
    assert found.clusters.shape == found.confidence.shape == (count,)
    assert found.clusters.min() >= 0 and found.clusters.max() < num_clusters and np.isfinite(found.confidence).all()


def test_the_number_of_steps_is_that_of_the_epochs_within_bounds():
    settings = base.get_config().clustering.orbit_selflabel
    settings.update(num_epochs=4, batch_size=10, min_steps=20, max_steps=100)
    assert [make_fit_options(settings, count).num_steps for count in (1, 49, 100, 250, 251)] == [20, 20, 40, 100, 100]


@pytest.mark.slow
def test_first_labels_may_be_those_of_consensus_on_the_latents(image_task):
    """Latents that divide the images otherwise than their shapes do."""
    images, shape = shapes(48)
    groups = (np.arange(48) // 24).astype(np.int32)
    latents = (4 * groups[:, None] + np.random.default_rng(0).normal(size=(48, 2))).astype(np.float32)
    options = {"consensus.num_candidates": 1, "consensus.num_runs": 4, "orbit_selflabel.labels": "consensus"}
    task = image_task(images, 2, **options)
    points = Points(latents, images)
    task = dataclasses.replace(task, fitted=points, assigned=points)
    labels, notes = LABELLERS["consensus"](task)
    by_orbits, _ = LABELLERS["orbit_knn"](task)
    assert notes == () and clustering_accuracy(groups, labels) == 1 and clustering_accuracy(shape, by_orbits) == 1
    found = cluster_orbit_selflabel(task)
    assert found.measures["changed_labels"] == np.mean(found.clusters != labels)


@pytest.mark.slow
def test_the_note_about_ambiguous_first_labels_is_kept(image_task):
    images, _ = shapes(60)
    points = Points(np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32), images)
    settings = {"consensus.num_candidates": 3, "consensus.num_runs": 2, "orbit_selflabel.labels": "consensus"}
    task = image_task(images, 7, **settings, **{"orbit_selflabel.min_steps": 2, "orbit_selflabel.max_steps": 2})
    found = cluster_orbit_selflabel(dataclasses.replace(task, fitted=points, assigned=points))
    assert found.notes[0] == "first labels: consensus" and "ambiguous" in found.notes[1]
