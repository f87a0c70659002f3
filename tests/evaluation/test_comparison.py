"""Clusterers side by side: what is kept, scored and told of each."""

from contextlib import contextmanager

import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.datasets import make_blobs

from irl_inr_jax.clustering import Clustering, ClusterTask, Points
from irl_inr_jax.clustering.store import Kept
from irl_inr_jax.config import base
from irl_inr_jax.evaluation import comparison
from irl_inr_jax.evaluation.comparison import (
    BASELINE,
    Truth,
    compare_clusterers,
    describe_runs,
    of_pixels,
    score_clustering,
)
from irl_inr_jax.training.inference import TrainedMethod
from irl_inr_jax.types import InputError, Method, Scaling

NAMES = ("a", "b", "c")


@contextmanager
def silent(what, total):
    yield lambda done, note: None


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
    lines = []
    task = ClusterTask(
        fitted=points,
        assigned=points,
        num_clusters=3,
        seed=0,
        trained=trained,
        settings=base.get_config().clustering,
        augment=base.get_config().augment,
        orbits=base.get_config().orbits,
        fill=0.0,
        say=lines.append,
        progress=silent,
    )
    return task, lines


def test_every_clusterer_has_an_entry_and_pixels_come_first(task, blobs):
    truth = Truth(blobs[1], blobs[1], NAMES)
    compared = compare_clusterers(task[0], truth, ["kmeans", "agglomerative"], num_seeds=2, folder=None)
    assert list(compared.scores) == [BASELINE, "kmeans", "agglomerative"] == list(compared.clusterings)
    entry = compared.scores["kmeans"]
    assert entry["accuracy"] == 1 and entry["per_class_accuracy"] == {"a": 1.0, "b": 1.0, "c": 1.0}
    np.testing.assert_array_equal(entry["confusion"], 30 * np.eye(3))
    assert entry["seeds"]["accuracy"] == {"mean": 1.0, "std": 0.0, "values": [1.0, 1.0]}
    assert entry["transductive"] and entry["seconds"] > 0 and entry["peak_mb"] >= 0
    assert "seeds" not in compared.scores["agglomerative"] and not compared.scores["agglomerative"]["random"]
    assert compared.scores[BASELINE]["accuracy"] < 0.8
    assert compared.outliers.shape == (90,)


def test_a_clusterer_that_declines_is_told_and_the_others_go_on(task, blobs):
    broken = Points(np.full((90, 3), np.nan, np.float32), task[0].assigned.images)
    given = comparison.dataclasses.replace(task[0], fitted=broken, assigned=broken)
    compared = compare_clusterers(given, Truth(None, blobs[1], NAMES), ["kmeans"], num_seeds=1, folder=None)
    assert "NaN or infinity in 90 of 90 rows" in compared.scores["kmeans"]["skipped"]
    assert set(compared.clusterings) == {BASELINE} and compared.outliers is None
    assert compared.scores[BASELINE]["num_clusters"] == 3


def test_a_second_comparison_takes_what_is_there_and_makes_what_is_not(task, blobs, tmp_path, monkeypatch):
    given, lines = task
    truth = Truth(blobs[1], blobs[1], NAMES)
    first = compare_clusterers(given, truth, ["kmeans"], num_seeds=1, folder=tmp_path)
    made = []

    def watch(name):
        made.append(name)
        return lambda task: first.clusterings["kmeans"]

    monkeypatch.setattr(comparison, "get_clusterer", watch)
    again = compare_clusterers(given, truth, ["kmeans", "gmm"], num_seeds=1, folder=tmp_path)
    assert made == ["gmm"] and again.scores["kmeans"] == first.scores["kmeans"]
    assert "kmeans, seed 0: kept from an earlier evaluation" in lines
    compare_clusterers(given, truth, ["kmeans"], num_seeds=2, folder=tmp_path)
    assert made == ["gmm", "kmeans"]


def test_the_baseline_sees_the_pixels_of_the_images_that_are_scored(task):
    images = np.arange(5 * 4, dtype=np.uint8).reshape(5, 2, 2, 1)
    given = comparison.dataclasses.replace(task[0], assigned=Points(np.zeros((5, 3), np.float32), images))
    pixels = of_pixels(given)
    assert pixels.transductive and pixels.fitted.latents.dtype == np.float32
    np.testing.assert_array_equal(pixels.fitted.latents, np.arange(20).reshape(5, 4))


def clustering(clusters, **fields):
    clusters = np.asarray(clusters, np.int32)
    return Clustering(clusters, np.ones(len(clusters), np.float32), transductive=True, **fields)


def test_noise_and_missing_classes_are_scored_as_what_they_are():
    labels = np.array([0, 0, 1, 1, 1], np.int32)
    entry = score_clustering(clustering([0, -1, 1, 1, -1]), Truth(None, labels, NAMES))
    assert entry["num_clusters"] == 2 and entry["noise_share"] == pytest.approx(0.4)
    assert entry["accuracy"] == pytest.approx(0.6)
    assert entry["per_class_accuracy"] == {"a": 0.5, "b": pytest.approx(2 / 3), "c": None}
    only_noise = score_clustering(clustering([-1] * 5), Truth(None, labels, NAMES))
    assert only_noise["num_clusters"] == 0 and only_noise["accuracy"] == 0 and only_noise["noise_share"] == 1


def test_purity_is_of_the_neighbours_that_were_mined_among_the_fitted():
    labels = np.array([0, 0, 1, 1], np.int32)
    neighbours = np.array([[1, 2], [0, 0], [3, 3], [0, 1]])
    entry = score_clustering(clustering([0, 0], neighbours=neighbours), Truth(labels, None, NAMES))
    assert entry["neighbour_purity"] == pytest.approx(5 / 8)
    assert "neighbour_purity" not in score_clustering(clustering([0, 0], neighbours=neighbours), Truth(None, None, ()))


def test_seeds_are_summed_up_by_mean_and_sample_deviation():
    labels = np.array([0, 0, 1, 1], np.int32)
    truth = Truth(labels, labels, ("a", "b"))
    runs = [
        Kept(clustering([0, 0, 1, 1], notes=("one",)), 1.0, 5.0),
        Kept(clustering([0, 0, 0, 1], notes=("one", "two")), 3.0, 4.0),
    ]
    entry = describe_runs(runs, truth, random=True)
    assert entry["accuracy"] == 1
    assert entry["seeds"]["accuracy"] == {
        "mean": 0.875,
        "std": pytest.approx(np.sqrt(2 * 0.125**2)),
        "values": [1.0, 0.75],
    }
    assert (entry["seconds"], entry["peak_mb"], entry["notes"]) == (2.0, 5.0, ["one", "two"])


def test_our_own_mistakes_are_not_taken_for_a_refusal(task, monkeypatch):
    monkeypatch.setattr(comparison, "get_clusterer", lambda name: fail)
    with pytest.raises(ValueError, match="a mistake of ours") as caught:
        compare_clusterers(task[0], Truth(None, None, ()), [], num_seeds=1, folder=None)
    assert not isinstance(caught.value, InputError)
