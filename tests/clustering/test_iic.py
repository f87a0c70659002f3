import numpy as np
import pytest
from sklearn.datasets import make_blobs

from irl_inr_jax.clustering.iic import cluster_iic
from irl_inr_jax.metrics.clustering_scores import clustering_accuracy

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
