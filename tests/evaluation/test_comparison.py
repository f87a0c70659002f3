"""Comparison of clusterers: what is stored, scored and noted."""

import dataclasses
import logging

import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.datasets import make_blobs

from irl_inr_jax.clustering import Clustering, ClusterTask, Points
from irl_inr_jax.clustering.store import TimedClustering, digest_task
from irl_inr_jax.config import base
from irl_inr_jax.evaluation import comparison
from irl_inr_jax.evaluation.comparison import (
    BASELINE,
    Truth,
    compare_clusterers,
    describe_runs,
    run_clusterer,
    score_clustering,
    without_latents,
)
from irl_inr_jax.training.inference import TrainedMethod
from irl_inr_jax.types import InputError, Method, Scaling

NAMES = ("a", "b", "c")


def fail(*arguments):
    raise ValueError("a mistake of ours")


@pytest.fixture
def blobs():
    latents, labels = make_blobs(90, centers=20 * np.eye(3), random_state=0)
    return latents.astype(np.float32), labels.astype(np.int32)


@pytest.fixture
def task(blobs):
    latents, _ = blobs
    noise = np.random.default_rng(0).normal(size=(len(latents), 2, 2, 1)).astype(np.float32)
    points = Points(latents, noise)
    method = Method("unused", fail, fail, fail, None)
    trained = TrainedMethod(method, {"encoder": jnp.zeros(1)}, {}, scaling=Scaling(1.0, 0.0, 0.0, ""), batch_size=64)
    return ClusterTask(
        fitted=points,
        assigned=points,
        num_clusters=3,
        seed=0,
        trained=trained,
        settings=base.get_config().clustering,
        augment=base.get_config().augment,
        orbits=base.get_config().orbits,
        wafers=base.get_config().wafers,
        fill=0.0,
        steps_per_call=1,
    )


def test_every_clusterer_has_an_entry_after_that_of_the_pixels(task, blobs):
    truth = Truth(blobs[1], blobs[1], NAMES)
    compared = compare_clusterers(task, truth, ["kmeans", "agglomerative"], num_seeds=2, folder=None)
    assert list(compared.scores) == [BASELINE, "kmeans", "agglomerative"] == list(compared.clusterings)
    entry = compared.scores["kmeans"]
    assert entry["accuracy"] == 1 and entry["per_class_accuracy"] == {"a": 1.0, "b": 1.0, "c": 1.0}
    np.testing.assert_array_equal(entry["confusion"], 30 * np.eye(3))
    assert entry["seeds"]["accuracy"] == {"mean": 1.0, "std": 0.0, "values": [1.0, 1.0]}
    assert entry["transductive"] and entry["seconds"] > 0
    assert "seeds" not in compared.scores["agglomerative"] and not compared.scores["agglomerative"]["random"]
    assert compared.scores[BASELINE]["accuracy"] < 0.8
    assert compared.outliers.shape == (90,)


def test_a_clusterer_that_refuses_is_skipped_with_its_reason_and_the_others_run(task, blobs):
    broken = Points(np.full((90, 3), np.nan, np.float32), task.assigned.images)
    task = dataclasses.replace(task, fitted=broken, assigned=broken)
    compared = compare_clusterers(task, Truth(None, blobs[1], NAMES), ["kmeans"], num_seeds=1, folder=None)
    assert "NaN or infinity in 90 of 90 rows" in compared.scores["kmeans"]["skipped"]
    assert set(compared.clusterings) == {BASELINE} and compared.outliers is None
    assert compared.scores[BASELINE]["num_clusters"] == 3


def test_a_second_comparison_loads_stored_clusterings_and_computes_missing_ones(
    task, blobs, tmp_path, monkeypatch, caplog
):
    caplog.set_level(logging.INFO)
    truth = Truth(blobs[1], blobs[1], NAMES)
    first = compare_clusterers(task, truth, ["kmeans"], num_seeds=1, folder=tmp_path)
    assert "kmeans, seed 0: clustering 90 images" in caplog.messages
    computed = []

    def record(name):
        computed.append(name)
        return lambda task: first.clusterings["kmeans"]

    monkeypatch.setattr(comparison, "get_clusterer", record)
    again = compare_clusterers(task, truth, ["kmeans", "gmm"], num_seeds=1, folder=tmp_path)
    assert computed == ["gmm"] and again.scores["kmeans"] == first.scores["kmeans"]
    assert "kmeans, seed 0: loaded from an earlier evaluation" in caplog.messages
    compare_clusterers(task, truth, ["kmeans"], num_seeds=2, folder=tmp_path)
    assert computed == ["gmm", "kmeans"]


def test_the_baseline_depends_on_the_scored_images_alone(task):
    other = dataclasses.replace(task, fitted=Points(task.fitted.latents + 1, task.fitted.images[::-1]))
    found = [run_clusterer(BASELINE, each, None).clustering for each in (task, other)]
    np.testing.assert_array_equal(found[0].clusters, found[1].clusters)
    assert found[1].transductive and digest_task(BASELINE, without_latents(task)) == digest_task(
        BASELINE, without_latents(other)
    )


def clustering(clusters, **fields):
    clusters = np.asarray(clusters, np.int32)
    return Clustering(clusters, np.ones(len(clusters), np.float32), transductive=True, **fields)


def test_noise_and_classes_without_images_are_scored():
    labels = np.array([0, 0, 1, 1, 1], np.int32)
    entry = score_clustering(clustering([0, -1, 1, 1, -1]), Truth(None, labels, NAMES))
    assert entry["num_clusters"] == 2 and entry["noise_share"] == pytest.approx(0.4)
    assert entry["accuracy"] == pytest.approx(0.6)
    assert entry["per_class_accuracy"] == {"a": 0.5, "b": pytest.approx(2 / 3), "c": None}
    only_noise = score_clustering(clustering([-1] * 5), Truth(None, labels, NAMES))
    assert only_noise["num_clusters"] == 0 and only_noise["accuracy"] == 0 and only_noise["noise_share"] == 1


def test_purity_is_that_of_the_neighbours_among_the_fitted_images():
    labels = np.array([0, 0, 1, 1], np.int32)
    neighbours = np.array([[1, 2], [0, 0], [3, 3], [0, 1]])
    entry = score_clustering(clustering([0, 0], neighbours=neighbours), Truth(labels, None, NAMES))
    assert entry["neighbour_purity"] == pytest.approx(5 / 8)
    assert "neighbour_purity" not in score_clustering(clustering([0, 0], neighbours=neighbours), Truth(None, None, ()))


def test_seeds_are_summarised_by_mean_and_sample_standard_deviation():
    labels = np.array([0, 0, 1, 1], np.int32)
    truth = Truth(labels, labels, ("a", "b"))
    runs = [
        TimedClustering(clustering([0, 0, 1, 1], notes=("one",)), 1.0),
        TimedClustering(clustering([0, 0, 0, 1], notes=("one", "two")), 3.0),
    ]
    entry = describe_runs(runs, truth, random=True)
    assert entry["accuracy"] == 1
    assert entry["seeds"]["accuracy"] == {
        "mean": 0.875,
        "std": pytest.approx(np.sqrt(2 * 0.125**2)),
        "values": [1.0, 0.75],
    }
    assert (entry["seconds"], entry["notes"]) == (2.0, ["one", "two"])


def test_other_exceptions_are_not_treated_as_a_refusal(task, monkeypatch):
    monkeypatch.setattr(comparison, "get_clusterer", lambda name: fail)
    with pytest.raises(ValueError, match="a mistake of ours") as caught:
        compare_clusterers(task, Truth(None, None, ()), ["kmeans"], num_seeds=1, folder=None)
    assert not isinstance(caught.value, InputError)
