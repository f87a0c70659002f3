"""The params of clusterers that train the encoder further assign images as the clusterer itself did."""

import numpy as np
import pytest
from sklearn.datasets import make_blobs

from irl_inr_jax.clustering import get_clusterer
from irl_inr_jax.clustering.kmeans import assign_to_centres
from irl_inr_jax.clustering.tuned_classifiers import classify_by_heads, classify_by_means

QUICK = {
    "dec.num_epochs": 2,
    "dec.alpha": 0.5,
    "iic.num_epochs": 2,
    "iic.num_heads": 2,
    "iic.augment": "none",
    "iic.neighbours": "none",
    "scan.num_epochs": 2,
    "scan.augment": "none",
    "scan.neighbours": "latents",
    "scan.num_neighbours": 5,
    "scan.selflabel_epochs": 1,
}


@pytest.mark.slow  # three clusterers are compiled
@pytest.mark.parametrize(("name", "classify"), [("scan", classify_by_heads), ("iic", classify_by_heads),
                                                ("dec", classify_by_means)])  # fmt: skip
def test_images_are_classified_as_they_were_clustered(make_task, name, classify):
    latents = make_blobs(48, centers=3, n_features=3, cluster_std=2.0, random_state=0)[0].astype(np.float32)
    task = make_task(latents[:40], 3, assigned=latents, settings=QUICK)
    found = get_clusterer(name)(task)
    probabilities = classify(found.params, task.assigned.images, task.trained)
    np.testing.assert_array_equal(probabilities.argmax(axis=1), found.clusters)
    np.testing.assert_allclose(probabilities.max(axis=1), found.confidence, atol=1e-5)


def test_the_means_of_kmeans_assign_as_it_did(make_task):
    latents = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    found = get_clusterer("kmeans")(make_task(latents[:40], 4, assigned=latents))
    clusters, confidence = assign_to_centres(found.params["centres"], latents)
    np.testing.assert_array_equal(clusters, found.clusters)
    np.testing.assert_allclose(confidence, found.confidence, atol=1e-4)
