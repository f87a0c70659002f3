"""Clusters of new images: known images keep theirs, classifiers and votes decide on others."""

import numpy as np

from irl_inr_jax.clustering.neighbours.voting import vote
from irl_inr_jax.deployment.applied_model import AppliedModel
from irl_inr_jax.deployment.prediction import find_nearest, predict_clusters, search_reference
from tests.small_model import make_small_images, make_small_model


def predict_all(model, latents, images):
    """Clusters and confidence by clusterer, with votes by a search of their own."""
    return predict_clusters(model, latents, images, lambda: search_reference(model, latents))


def test_known_images_keep_their_clusters_and_confidence():
    model = make_small_model()
    applied = AppliedModel(model, make_small_images())
    np.testing.assert_array_equal(applied.latents, model.reference.latents)
    predicted = predict_all(model, applied.latents, applied.new.images)
    assert list(predicted) == model.clusterers
    for name, (clusters, confidence) in predicted.items():
        np.testing.assert_array_equal(clusters, model.reference.clusters[name])
        np.testing.assert_allclose(confidence, model.reference.confidence[name], atol=1e-4)
        assert clusters.dtype == np.int32 and (confidence[clusters == -1] == 0).all()
    nearest = find_nearest(model, applied.neighbours)
    assert nearest.ids.tolist() == model.reference.ids.tolist() and nearest.distance.max() < 1e-3


def test_other_images_take_the_nearest_mean_or_the_vote_of_neighbours():
    model = make_small_model()
    latents = 0.6 * model.reference.latents[:14] + 0.4 * model.reference.latents[14:28]  # a midpoint has two nearest
    images = np.zeros((len(latents), 12, 12, 1), np.uint8)
    predicted = predict_all(model, latents, images)
    centres = model.classifiers["kmeans"]["centres"]
    np.testing.assert_array_equal(
        predicted["kmeans"][0], np.linalg.norm(latents[:, None] - centres, axis=2).argmin(axis=1)
    )
    distances = np.linalg.norm(latents[:, None].astype(np.float64) - model.reference.latents, axis=2)
    rows = np.argsort(distances, axis=1)[:, : model.config.clustering.vote_neighbours]
    expected, share = vote(model.reference.clusters["agglomerative"], rows)
    np.testing.assert_array_equal(predicted["agglomerative"][0], expected)
    np.testing.assert_allclose(predicted["agglomerative"][1], np.where(expected < 0, 0, share), rtol=1e-6)


def test_neighbours_of_new_images_are_exact_however_many_there_are(monkeypatch):
    model = make_small_model()
    latents = np.random.default_rng(0).normal(size=(300, model.reference.latents.shape[1])).astype(np.float32)
    images = np.zeros((len(latents), 12, 12, 1), np.uint8)

    def predict():
        clusters, confidence = predict_all(model, latents, images)["agglomerative"]
        nearest = find_nearest(model, search_reference(model, latents))
        return clusters, confidence, nearest.ids, nearest.distance

    before = predict()
    monkeypatch.setattr("irl_inr_jax.clustering.neighbours.search.MAX_PAIRS", 0)
    for ours, exact in zip(predict(), before, strict=True):
        np.testing.assert_array_equal(ours, exact)
    distances = np.linalg.norm(latents[:, None].astype(np.float64) - model.reference.latents, axis=2)
    np.testing.assert_array_equal(before[2], model.reference.ids[distances.argmin(axis=1)])


def test_outputs_of_a_classifier_are_numbered_as_the_corrected_clusters():
    model = make_small_model()
    merged = model._replace(numbers={"kmeans": np.array([7, -1, 7], np.int32)})
    clusters, confidence = predict_all(merged, model.reference.latents, make_small_images()[..., None])["kmeans"]
    expected = np.array([7, -1, 7])[model.reference.clusters["kmeans"]]
    assert clusters.tolist() == expected.tolist() and (confidence[expected < 0] == 0).all()


def test_no_images_have_no_clusters():
    model = make_small_model()
    latents, images = model.reference.latents[:0], make_small_images()[:0, ..., None]
    assert all(len(clusters) == 0 for clusters, _ in predict_all(model, latents, images).values())
    assert len(find_nearest(model, search_reference(model, latents)).ids) == 0
