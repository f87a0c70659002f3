import dataclasses

import numpy as np
import pytest
from sklearn.datasets import make_blobs

from irl_inr_jax.clustering.iic import cluster_iic
from irl_inr_jax.clustering.scan import cluster_scan
from irl_inr_jax.clustering.task import Points
from irl_inr_jax.data.lazy import LazyImages
from irl_inr_jax.metrics.clustering_scores import clustering_accuracy
from irl_inr_jax.types import InputError

QUICK = {
    "iic.augment": "none",
    "iic.head_start": "random",
    "iic.learning_rate": 0.05,
    "iic.num_epochs": 10,
    "iic.batch_size": 64,
    "iic.neighbours": "none",
}


@pytest.fixture
def blobs():
    latents, labels = make_blobs(128, centers=[[10, 0], [-10, 0]], random_state=0)
    return latents.astype(np.float32), labels


def test_two_blobs_are_separated_with_the_largest_mutual_information(make_task, blobs):
    latents, labels = blobs
    found = cluster_iic(make_task(latents, 2, settings=QUICK))
    assert clustering_accuracy(labels, found.clusters) == 1
    assert found.measures["iic_loss"] == pytest.approx(-np.log(2), abs=0.05)


def test_of_several_heads_the_one_with_the_lowest_training_loss_is_used(make_task, blobs):
    latents, _ = blobs
    one = cluster_iic(make_task(latents, 2, settings={**QUICK, "iic.num_heads": 1, "iic.num_epochs": 1}))
    many = cluster_iic(make_task(latents, 2, settings={**QUICK, "iic.num_heads": 8, "iic.num_epochs": 1}))
    assert many.measures["iic_loss"] < one.measures["iic_loss"]


def test_a_collapse_is_noted(make_task):
    latents = np.random.default_rng(0).normal(size=(64, 2)).astype(np.float32)
    latents[1:] = latents[1:] * 1e-6
    settings = {**QUICK, "iic.num_epochs": 1, "iic.learning_rate": 1e-6, "iic.num_heads": 1}
    found = cluster_iic(make_task(latents, 8, settings=settings))
    assert len(found.notes) == 1 and "collapsed" in found.notes[0]


@pytest.mark.parametrize(("name", "cluster"), [("iic", cluster_iic), ("scan", cluster_scan)])
def test_streamed_images_are_refused_before_neighbours_are_searched(make_task, blobs, monkeypatch, name, cluster):
    def search(*arguments):
        raise AssertionError("neighbours were searched")

    monkeypatch.setattr(f"irl_inr_jax.clustering.{name}.find_orbit_graph", search)
    task = make_task(blobs[0], 2)
    images = task.fitted.images
    streamed = LazyImages(lambda rows: images[rows], images.shape[1:], images.dtype, np.arange(len(images)))
    task = dataclasses.replace(task, fitted=Points(task.fitted.latents, streamed))
    with pytest.raises(InputError, match="expected images in memory"):
        cluster(task)
