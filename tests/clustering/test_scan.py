"""SCAN with a linear encoder: mining, both losses, both stages and collapse."""

import dataclasses
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.datasets import make_blobs

from irl_inr_jax.augment.augmentation import make_augment
from irl_inr_jax.clustering import scan
from irl_inr_jax.clustering.image_batches import select_pairs
from irl_inr_jax.clustering.objectives import agreement_loss, size_loss
from irl_inr_jax.clustering.scan import cluster_scan, make_scan_loss, mine_neighbours
from irl_inr_jax.clustering.tuned_classifiers import classify_by_heads
from irl_inr_jax.clustering.tuned_encoder import make_classifier
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
    near = mine_neighbours(make_task(latents, 2, settings=settings)).rows
    along = mine_neighbours(make_task(latents, 2, settings={**settings, "scan.distance": "cosine"})).rows
    assert near[0, 0] == 2 and along[0, 0] == 1
    assert near.shape == (4, 1)
    assert mine_neighbours(make_task(latents, 2, settings={"scan.neighbours": "latents"})).rows.shape == (4, 3)


def test_an_approximate_search_is_noted(make_task, blobs, monkeypatch):
    task = make_task(blobs[0], 4, settings={**QUICK, "scan.num_epochs": 1, "scan.selflabel_epochs": 0})
    assert mine_neighbours(task).notes == ()
    monkeypatch.setattr("irl_inr_jax.clustering.neighbours.search.MAX_PAIRS", 0)
    (note,) = mine_neighbours(task).notes
    best = SimpleNamespace(params={}, loss=0.0, collapse="one cluster")  # of a training that need not take place
    monkeypatch.setattr(scan, "train_heads", lambda *arguments, **options: best)
    monkeypatch.setattr(scan, "classify", lambda *_: (np.zeros(160, np.int32), np.ones(160, np.float32)))
    monkeypatch.setattr(scan, "standardised_params", lambda params, frozen: params)
    assert note.startswith("approximate neighbours, recall@5 ") and cluster_scan(task).notes == (note, "one cluster")


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
    value, (metrics, _) = make_scan_loss(task, classifier, augment, prior)(
        classifier.params, classifier.frozen, jax.random.key(0), rows, chosen, data
    )
    logits = classifier.logits(classifier.params, classifier.frozen, images)
    for head in range(2):
        first, second = logits[head][rows], logits[head][partners[:, 0]]
        expected = agreement_loss(first, second) + 3 * size_loss(jax.nn.softmax(first), jnp.asarray(prior))
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


@pytest.mark.slow
def test_an_uneven_prior_finds_clusters_of_uneven_size(make_task):
    latents, labels = make_blobs([240, 60], centers=[[0, 0], [6, 0]], random_state=0)
    settings = {**QUICK, "scan.num_epochs": 40, "scan.selflabel_epochs": 0}
    settings |= {"scan.batch_size": 60, "scan.num_heads": 8}
    even = cluster_scan(make_task(latents.astype(np.float32), 2, settings=settings))
    uneven = cluster_scan(make_task(latents.astype(np.float32), 2, settings={**settings, "scan.prior": (1.0, 4.0)}))
    assert clustering_accuracy(labels, uneven.clusters) == 1
    assert np.bincount(even.clusters).min() > 80


PUBLISHED = {
    **QUICK,
    "scan.distance": "cosine",
    "scan.include_anchor": True,
    "scan.standardise": False,
    "scan.batch_norm": "train",
    "scan.head_start": "uniform",
}


def normalise(x, mean, var):
    return (x - mean) / (var + 1e-5) ** 0.5


def with_batch_norm(task):
    """The task with an encoder whose latents go through batch norm."""

    def project(params, images):
        return images.reshape(len(images), -1) @ params["encoder"]["kernel"]

    def encode(params, model_state, images):
        statistics = model_state["batch_stats"]
        return normalise(project(params, images), statistics["mean"], statistics["var"]), None

    def encode_in_training(params, model_state, images):
        z = project(params, images)
        new = {"mean": z.mean(0), "var": z.var(0)}
        stats = jax.tree.map(lambda old, new: 0.9 * old + 0.1 * new, model_state["batch_stats"], new)
        return normalise(z, z.mean(0), z.var(0)), stats

    method = dataclasses.replace(task.trained.method, encode=encode, encode_in_training=encode_in_training)
    dim = task.fitted.latents.shape[1]
    statistics = {"batch_stats": {"mean": jnp.zeros(dim), "var": jnp.ones(dim)}}
    return dataclasses.replace(task, trained=dataclasses.replace(task.trained, method=method, model_state=statistics))


def log_probs_in_training(x, head):
    logits = normalise(x, x.mean(0), x.var(0)) @ np.float64(head["kernel"][0]) + np.float64(head["bias"][0])
    return logits - np.log(np.exp(logits).sum(1, keepdims=True))


def test_the_published_losses_normalise_every_batch_by_its_own_statistics(make_task, blobs):
    latents = blobs[0]
    task = with_batch_norm(make_task(latents, 4, settings={**PUBLISHED, "scan.selflabel_threshold": 0.4}))
    classifier = scan.make_scan_classifier(task)
    assert float(classifier.frozen["deviation"]) == 1 and not np.any(classifier.frozen["mean"])
    head = {**classifier.params["heads"], "kernel": 5 * classifier.params["heads"]["kernel"]}
    params = {**classifier.params, "heads": head}
    augment = make_augment("none", task.augment, fill=0.0, low=0.0)
    rows, others = np.arange(0, 60, 3), np.arange(60, 120, 3)
    neighbours = np.zeros((len(latents), 1), np.int32)
    neighbours[rows, 0] = others
    data, images = {"neighbours": jnp.asarray(neighbours)}, jnp.asarray(task.fitted.images)
    chosen = images[select_pairs(jax.random.key(0), jnp.asarray(rows), data)]
    given = classifier.frozen, jax.random.key(0), jnp.asarray(rows), chosen, data
    loss = jax.jit(make_scan_loss(task, classifier, augment, np.full(4, 0.25)))
    _, (metrics, statistics) = loss(params, *given)

    first, second = np.float64(latents[rows]), np.float64(latents[others])
    log_p, log_q = (log_probs_in_training(x, head) for x in (first, second))
    mean = np.exp(log_p).mean(0)
    agreement = -np.log((np.exp(log_p) * np.exp(log_q)).sum(1)).mean()
    expected = agreement + 5 * (np.sum(mean * np.log(mean)) + np.log(4))
    assert float(metrics["loss"][0]) == pytest.approx(expected, rel=1e-4)
    running = 0.9 * (0.1 * first.mean(0)) + 0.1 * second.mean(0)
    np.testing.assert_allclose(statistics["batch_stats"]["mean"], running, rtol=1e-4)

    loss = jax.jit(scan.make_selflabel_loss(task, classifier, lambda keys, images: images**2))
    value, (metrics, _) = loss(params, *given)
    labels, confident = log_p.argmax(1), np.exp(log_p).max(1) >= 0.4
    losses = -log_probs_in_training(first**2, head)[np.arange(len(rows)), labels]
    clusters = np.unique(labels[confident])
    expected = np.mean([losses[(labels == cluster) & confident].mean() for cluster in clusters])
    assert float(metrics["confident"]) == pytest.approx(confident.mean()) and confident.any()
    assert float(value) == pytest.approx(expected, rel=1e-4)


def test_the_published_start_and_candidates(make_task, blobs):
    task = make_task(blobs[0], 4, settings=PUBLISHED)
    neighbours = mine_neighbours(task).rows
    candidates = scan.list_candidates(neighbours, task.settings.scan)
    np.testing.assert_array_equal(candidates[:, 0], np.arange(len(neighbours)))
    np.testing.assert_array_equal(candidates[:, 1:], neighbours)
    z = np.float64(blobs[0] / np.linalg.norm(blobs[0], axis=1, keepdims=True))
    cosines = z @ z.T - 2 * np.eye(len(z))
    nearest = np.take_along_axis(cosines, neighbours, axis=1)
    np.testing.assert_allclose(nearest, -np.sort(-cosines, axis=1)[:, :5], atol=1e-6)
    heads = scan.make_scan_classifier(task).params["heads"]
    assert 0.3 < np.abs(heads["kernel"]).max() <= 0.5 and 0 < np.abs(heads["bias"]).max() <= 0.5  # 1 / sqrt(4)
    assert "batch_stats" not in scan.make_scan_classifier(task).params  # this encoder has no batch norm


def test_trained_statistics_of_batch_norm_belong_to_the_classifier(make_task, blobs):
    task = with_batch_norm(make_task(blobs[0], 4, settings=PUBLISHED))
    found = cluster_scan(task)
    assert np.abs(found.params["batch_stats"]["mean"]).max() > 1
    probs = classify_by_heads(found.params, task.assigned.images, task.trained)
    np.testing.assert_array_equal(probs.argmax(1), found.clusters)
    np.testing.assert_allclose(probs.max(1), found.confidence, atol=1e-5)


def test_unusable_settings_are_refused_before_training(make_task, blobs):
    latents, _ = blobs
    with pytest.raises(InputError, match=r"expected 4 positive numbers in clustering\.scan\.prior"):
        cluster_scan(make_task(latents, 4, settings={**QUICK, "scan.prior": (1.0,)}))
    with pytest.raises(InputError, match="expected augmentations among s1, s2, r, t"):
        cluster_scan(make_task(latents, 4, settings={**QUICK, "scan.augment": "s3"}))
