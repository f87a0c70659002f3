"""SCAN with a linear encoder: mining, both losses, both stages and collapse."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.datasets import make_blobs

from irl_inr_jax.augment.augmentation import make_augment
from irl_inr_jax.clustering import scan
from irl_inr_jax.clustering.finetune import make_classifier
from irl_inr_jax.clustering.image_batches import select_pairs
from irl_inr_jax.clustering.objectives import agreement_loss, size_loss
from irl_inr_jax.clustering.scan import cluster_scan, make_scan_loss, mine_neighbours
from irl_inr_jax.metrics.clustering_scores import clustering_accuracy
from irl_inr_jax.types import InputError

QUICK = {
    "scan.augment": "none",
    "scan.head_start": "random",
    "scan.neighbours": "latents",
    "scan.num_neighbours": 5,
    "scan.learning_rate": 0.03,
    "scan.num_epochs": 8,
    "scan.batch_size": 32,
    "scan.selflabel_epochs": 2,
    "scan.selflabel_learning_rate": 1e-3,
    "scan.selflabel_batch_size": 64,
}


@pytest.fixture
def blobs():
    latents, labels = make_blobs(160, centers=20 * np.eye(4), random_state=0)
    return latents.astype(np.float32), labels


@pytest.fixture(scope="module")
def trained():
    """Clusterings that several tests compare with, trained by the first of them."""
    return {}


@pytest.fixture
def without_selflabels(trained, make_task, blobs):
    """The result of the clustering stage alone."""
    if not trained:
        trained["blobs"] = cluster_scan(make_task(blobs[0], 4, settings={**QUICK, "scan.selflabel_epochs": 0}))
    return trained["blobs"]


def test_neighbours_are_mined_by_the_configured_distance(make_task):
    latents = np.array([[1, 0], [10, 0.1], [0.9, 0.5], [-1, 0]], np.float32)
    settings = {"scan.neighbours": "latents", "scan.num_neighbours": 1}
    near = mine_neighbours(make_task(latents, 2, settings=settings))
    along = mine_neighbours(make_task(latents, 2, settings={**settings, "scan.distance": "cosine"}))
    assert near[0, 0] == 2 and along[0, 0] == 1
    assert near.shape == (4, 1)
    assert mine_neighbours(make_task(latents, 2, settings={"scan.neighbours": "latents"})).shape == (4, 3)


def test_the_loss_is_agreement_plus_weighted_sizes_for_every_head(make_task, blobs):
    latents, _ = blobs
    task = make_task(latents, 4, settings={**QUICK, "scan.entropy_weight": 3.0})
    classifier = make_classifier(task, num_heads=2, start="random")
    augment = make_augment("none", task.augment, fill=0.0, low=0.0)
    prior = np.array([0.1, 0.2, 0.3, 0.4], np.float32)
    rows = jnp.array([3, 8, 20])
    partners = np.array([[7], [1], [0]])
    neighbours = jnp.zeros((len(latents), 1), jnp.int32).at[rows].set(partners)
    data, images = {"neighbours": neighbours}, jnp.asarray(task.fitted.images)
    chosen = images[select_pairs(jax.random.key(0), rows, data)]
    value, metrics = make_scan_loss(task, classifier, augment, prior)(
        classifier.params, classifier.frozen, jax.random.key(0), rows, chosen, data
    )
    logits = classifier.logits(classifier.params, classifier.frozen, images)
    probs = jax.nn.softmax(logits)
    for head in range(2):
        first, second = probs[head][rows], probs[head][partners[:, 0]]
        expected = agreement_loss(first, second) + 3 * size_loss(first, jnp.asarray(prior))
        assert metrics["loss"][head] == pytest.approx(float(expected), rel=1e-5)
    assert value == pytest.approx(float(metrics["loss"].mean()), rel=1e-6)


def test_blobs_are_separated_with_confidence(make_task, blobs):
    latents, labels = blobs
    found = cluster_scan(make_task(latents, 4, settings=QUICK))
    assert clustering_accuracy(labels, found.clusters) == 1
    assert found.notes == () and found.confidence.min() > 0.5 and found.transductive
    assert np.mean(labels[found.neighbours] == labels[:, None]) == 1
    assert 0 < found.measures["confident_share"] <= 1


def test_the_self_label_stage_adds_confidence(make_task, blobs, without_selflabels):
    latents, _ = blobs
    settings = {**QUICK, "scan.selflabel_epochs": 6, "scan.selflabel_learning_rate": 0.01}
    with_it = cluster_scan(make_task(latents, 4, settings=settings))
    assert "confident_share" not in without_selflabels.measures
    assert with_it.confidence.mean() > without_selflabels.confidence.mean()


def test_without_confident_images_the_result_is_that_of_the_clustering_stage(make_task, blobs, without_selflabels):
    latents, before = blobs[0], without_selflabels
    stopped = cluster_scan(make_task(latents, 4, settings={**QUICK, "scan.selflabel_threshold": 1.0}))
    np.testing.assert_array_equal(stopped.clusters, before.clusters)
    np.testing.assert_array_equal(stopped.confidence, before.confidence)
    note = "self-label stage stopped in epoch 1; the state before it is used: no image has a confidence of 1.0"
    assert stopped.notes == (note,)


def test_a_collapse_in_the_clustering_stage_is_noted_and_the_second_stage_skipped(make_task, blobs):
    latents, labels = blobs
    settings = {**QUICK, "scan.entropy_weight": 0.0, "scan.num_epochs": 30, "scan.learning_rate": 0.1}
    found = cluster_scan(make_task(latents[labels == 0], 4, settings=settings))
    assert len(found.notes) == 1 and "collapsed" in found.notes[0]
    assert "confident_share" not in found.measures


def test_after_a_collapse_in_the_self_label_stage_the_state_before_it_is_used(
    make_task, blobs, without_selflabels, monkeypatch
):
    latents, before = blobs[0], without_selflabels
    monkeypatch.setattr(scan, "find_collapse", lambda sizes, prior: "collapsed: for the test")
    after = cluster_scan(make_task(latents, 4, settings=QUICK))
    np.testing.assert_array_equal(after.clusters, before.clusters)
    assert after.notes == ("self-label stage stopped in epoch 1; the state before it is used: collapsed: for the test",)


def test_an_uneven_prior_finds_clusters_of_uneven_size(make_task):
    latents, labels = make_blobs([240, 60], centers=[[0, 0], [6, 0]], random_state=0)
    settings = {**QUICK, "scan.num_epochs": 40, "scan.selflabel_epochs": 0}
    settings |= {"scan.batch_size": 60, "scan.num_heads": 8}
    even = cluster_scan(make_task(latents.astype(np.float32), 2, settings=settings))
    uneven = cluster_scan(make_task(latents.astype(np.float32), 2, settings={**settings, "scan.prior": (1.0, 4.0)}))
    assert clustering_accuracy(labels, uneven.clusters) == 1
    assert np.bincount(even.clusters).min() > 80


def test_unusable_settings_are_refused_before_training(make_task, blobs):
    latents, _ = blobs
    with pytest.raises(InputError, match=r"expected 4 positive numbers in clustering\.scan\.prior"):
        cluster_scan(make_task(latents, 4, settings={**QUICK, "scan.prior": (1.0,)}))
    with pytest.raises(InputError, match="expected augmentations among s1, s2, r, t"):
        cluster_scan(make_task(latents, 4, settings={**QUICK, "scan.augment": "s3"}))
