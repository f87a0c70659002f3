"""Test that chunks, padding and disk do not change what is said about an image."""

import numpy as np
import pytest

from irl_inr_jax.deployment import image_assignment
from irl_inr_jax.deployment.image_assignment import assign_chunks, assign_stored, known_images
from irl_inr_jax.deployment.new_images import read_new_images
from tests.small_model import make_small_images, make_small_model


def test_an_image_is_assigned_alone_as_among_others(monkeypatch):
    model = make_small_model()
    new = read_new_images(model, make_small_images(), max_unreadable=0.0)
    monkeypatch.setattr(image_assignment, "CHUNK", 8)
    parts = list(assign_chunks(model, new, np.arange(5, 18)))
    assert [len(part.ids) for part in parts] == [8, 5]
    alone = assign_stored(model, new.images[15:16], new.ids[15:16], new.source.sizes[15:16])
    last = parts[1]
    np.testing.assert_array_equal(np.concatenate([part.ids for part in parts]), new.ids[5:18])
    np.testing.assert_allclose(last.measured.latents[2:3], alone.measured.latents, atol=1e-5)
    np.testing.assert_allclose(last.novelty[2:3], alone.novelty, atol=1e-3)
    for name in model.clusterers:
        assert last.clusters[name][2] == alone.clusters[name][0]
    assert last.shifts.shape == (5, 2) and last.pose.theta.shape == (5,)


def test_a_reference_image_has_its_own_cluster_and_is_nearest_to_itself():
    model = make_small_model()
    found = assign_stored(model, make_small_images()[:8, ..., None], np.arange(8).astype(str), np.full((8, 2), 12))
    assert found.nearest.tolist() == model.reference.ids[:8].tolist()
    np.testing.assert_array_equal(found.clusters["agglomerative"], model.reference.clusters["agglomerative"][:8])
    # The held-out images of this model are these; an image is not its own neighbour in either measurement.
    np.testing.assert_allclose(found.measured.novelty, model.held_out.novelty, rtol=1e-3, atol=1e-2)
    assert known_images(model).clusters.tolist() == pytest.approx(model.held_out.clusters["kmeans"].tolist())
