"""The encoder with heads, and epochs of training both."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from sklearn.cluster import KMeans

from irl_inr_jax.clustering import finetune
from irl_inr_jax.clustering.finetune import Tuned, make_adam, make_predict, make_run_epoch
from irl_inr_jax.clustering.image_batches import select_own
from irl_inr_jax.clustering.tuned_encoder import MAX_SPREAD, make_classifier, make_tuned_encoder, start_at_kmeans


@pytest.fixture
def latents():
    return 5 + 3 * np.random.default_rng(0).normal(size=(32, 4)).astype(np.float32)


def test_heads_get_standardised_latents_of_the_trained_encoder(make_task, latents):
    task = make_task(latents, 3)
    encoder = make_tuned_encoder(task)
    found = encoder.latents(encoder.params, encoder.frozen, task.fitted.images)
    np.testing.assert_allclose(found, encoder.standardised, atol=1e-5)
    np.testing.assert_allclose(found.mean(0), np.zeros(4), atol=1e-5)
    np.testing.assert_allclose((found**2).mean(), 1.0, rtol=1e-5)
    doubled = {"encoder": {"kernel": 2 * jnp.eye(4)}}
    again = encoder.latents(doubled, encoder.frozen, task.fitted.images)
    np.testing.assert_allclose(again - found, latents / float(encoder.frozen["deviation"]), rtol=1e-4)
    classifier = make_classifier(task, num_heads=2, start="random")
    assert classifier.logits(classifier.params, classifier.frozen, task.fitted.images).shape == (2, 32, 3)


def test_a_head_from_kmeans_is_the_posterior_about_its_means(latents):
    standardised = (latents - latents.mean(axis=0)) / 3
    head = start_at_kmeans(standardised, 3, 0)
    kmeans = KMeans(3, n_init=10, random_state=0).fit(standardised)
    squares = ((standardised[:, None] - kmeans.cluster_centers_) ** 2).sum(-1)
    variance = squares.min(axis=1).mean() / 4
    densities = np.exp(-squares / (2 * variance))
    logits = standardised @ head["kernel"] + head["bias"]
    expected = densities / densities.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(np.asarray(jax.nn.softmax(jnp.asarray(logits))), expected, atol=1e-5)
    np.testing.assert_array_equal(logits.argmax(axis=1), kmeans.labels_)


def test_logits_of_many_correlated_dimensions_are_bounded(latents):
    few = (latents - latents.mean(0)) / latents.std()
    many = np.tile(few, (1, 100))
    head = start_at_kmeans(many, 3, 0)
    logits = many @ head["kernel"] + head["bias"]
    assert np.ptp(logits, axis=1).mean() == pytest.approx(MAX_SPREAD)
    kmeans = KMeans(3, n_init=10, random_state=0).fit(many)
    np.testing.assert_array_equal(logits.argmax(axis=1), kmeans.labels_)


@pytest.mark.parametrize("start", ["random", "kmeans"])
def test_heads_start_from_different_seeds(make_task, latents, start):
    kernels = make_classifier(make_task(latents, 3), num_heads=3, start=start).params["heads"]["kernel"]
    again = make_classifier(make_task(latents, 3), num_heads=3, start=start).params["heads"]["kernel"]
    np.testing.assert_array_equal(kernels, again)
    assert not np.allclose(kernels[0], kernels[1])


def test_predictions_are_in_input_order_with_an_incomplete_last_batch(make_task, latents):
    task = make_task(np.concatenate([latents] * 5), 3)  # 160 images in batches of 64
    classifier = make_classifier(task, num_heads=2, start="random")
    logits = make_predict(task, classifier.logits)(classifier.params, classifier.frozen, task.fitted)
    expected = classifier.logits(classifier.params, classifier.frozen, task.fitted.images)
    np.testing.assert_allclose(logits, expected, atol=1e-5)


def run_epochs(task, num_epochs, *, decay=0.0, batch_size=8):
    """Gradient descent on a linear function of the rows visited."""

    def loss(params, frozen, key, rows, images, data):
        value = (params["w"] * data["x"][rows]).mean()
        return value, ({"loss": value, "rows": rows.sum(), "sample": jax.random.uniform(key)}, {})

    optimizer = optax.sgd(1.0)
    run_epoch = make_run_epoch(
        loss, optimizer, task=task, frozen={}, batch_size=batch_size, average_decay=decay, select=select_own
    )
    params = {"w": jnp.zeros(())}
    tuned = Tuned(params, params, optimizer.init(params))
    history = []
    for epoch in range(num_epochs):
        tuned, metrics = run_epoch(tuned, {"x": jnp.arange(len(task.fitted.images), dtype=jnp.float32)}, epoch)
        history.append(metrics)
    return tuned, history


def test_an_epoch_visits_every_image_once_in_a_new_order(make_task, latents):
    tuned, history = run_epochs(make_task(latents, 3), 2)
    assert tuned.params["w"] == pytest.approx(-2 * 4 * np.mean(np.arange(32)))  # four steps of the mean an epoch
    assert [float(m["rows"]) for m in history] == [np.arange(32).sum() / 4] * 2
    assert float(history[0]["sample"]) != float(history[1]["sample"])


@pytest.mark.parametrize("steps_per_call", [1, 4, 10])
def test_several_steps_in_one_call_are_steps_one_by_one(make_task, latents, steps_per_call):
    task = make_task(latents, 3)
    tuned, history = run_epochs(task, 2, decay=0.5)
    again, same = run_epochs(dataclasses.replace(task, steps_per_call=steps_per_call), 2, decay=0.5)
    jax.tree.map(np.testing.assert_array_equal, (tuned, history), (again, same))


@pytest.mark.multi_device
def test_sharding_a_batch_over_devices_does_not_change_the_result(make_task, latents, monkeypatch):
    def loss(params, frozen, key, rows, images, data):
        probs = jax.nn.softmax(params["w"] * data["x"][rows])
        value = (probs.mean(0) ** 2).sum() + jax.random.uniform(key)  # a function of the whole batch
        return value, ({"loss": value}, {})

    def run(devices):
        monkeypatch.setattr(finetune.jax, "local_devices", lambda: devices)
        task = make_task(latents, 3)
        optimizer = make_adam(0.1)
        run_epoch = make_run_epoch(
            loss, optimizer, task=task, frozen={}, batch_size=16, average_decay=0.0, select=select_own
        )
        params = {"w": jnp.ones(4)}
        return run_epoch(Tuned(params, params, optimizer.init(params)), {"x": jnp.asarray(latents)}, 0)

    devices = jax.devices()
    assert len(devices) == 4
    (one, one_metrics), (many, many_metrics) = run(devices[:1]), run(devices)
    np.testing.assert_allclose(one.params["w"], many.params["w"], rtol=1e-5)
    assert one_metrics["loss"] == pytest.approx(many_metrics["loss"], rel=1e-6)
    assert len(many.params["w"].sharding.device_set) == 4


def test_the_moving_average_lags_behind_the_parameters(make_task, latents):
    plain, _ = run_epochs(make_task(latents, 3), 1)
    averaged, _ = run_epochs(make_task(latents, 3), 1, decay=0.5)
    assert plain.average["w"] == plain.params["w"] == averaged.params["w"]
    assert averaged.params["w"] < averaged.average["w"] < 0


def test_a_batch_size_above_the_number_of_images_takes_all(make_task, latents):
    tuned, _ = run_epochs(make_task(latents, 3), 1, batch_size=1000)
    assert tuned.params["w"] == pytest.approx(-np.mean(np.arange(32)))


def test_weight_decay_is_added_to_the_gradient():
    optimizer = make_adam(0.1, weight_decay=2.0)
    params = jnp.array([3.0, 0.0])
    updates, _ = optimizer.update(jnp.array([-6.0, 1.0]), optimizer.init(params), params)
    np.testing.assert_allclose(updates, [0.0, -0.1], atol=1e-6)
