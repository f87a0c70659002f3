"""Pictures of whole clusters."""

import numpy as np

from irl_inr_jax.report.html import cluster_views
from irl_inr_jax.report.html.cluster_views import DRAWING_SIDE, draw_centres, find_centres, mean_upright_images
from tests.report.html.conftest import make_arrows


def test_the_mean_of_a_group_is_that_of_its_members_without_their_true_pose(arrows):
    split = arrows.dataset.train
    groups = [np.flatnonzero(split.labels == 1), np.array([], np.int64)]
    found = mean_upright_images(arrows.trained, split.images, arrows.pose, groups, fill=0.0)
    canonical = make_arrows(split.labels[groups[0][:1]])[0]
    assert np.abs(found[0] - canonical).mean() < 0.025 < np.abs(split.images[groups[0]] / 255 - canonical).mean()
    np.testing.assert_array_equal(found[1], 0.0)
    as_taken = mean_upright_images(arrows.trained, split.images, None, groups, fill=0.25)
    np.testing.assert_allclose(as_taken[0], split.images[groups[0]].mean(axis=0) / 255, atol=1e-6)
    np.testing.assert_array_equal(as_taken[1], 0.25)


def test_the_centre_is_the_member_nearest_to_the_mean_and_its_drawing_is_large(arrows):
    embeddings = arrows.evaluation.split.embeddings
    rows = np.arange(0, 60, 2)
    centres = find_centres(embeddings, [rows, np.array([], np.int64)])
    distances = np.linalg.norm(embeddings.latents[rows] - embeddings.latents[rows].mean(axis=0), axis=1)
    assert centres.tolist() == [rows[distances.argmin()], -1]
    drawn = draw_centres(arrows.trained, embeddings, centres)
    assert drawn.shape == (2, DRAWING_SIDE, DRAWING_SIDE, 1) and drawn[0, 96, 96, 0] == 1 and drawn[0, 0, 0, 0] == 0


def test_the_mean_of_a_large_group_is_that_of_evenly_spaced_members(arrows, monkeypatch):
    monkeypatch.setattr(cluster_views, "MAX_MEANT", 3)
    split = arrows.dataset.train
    found = mean_upright_images(arrows.trained, split.images, None, [np.arange(81)], fill=0.0)
    np.testing.assert_allclose(found[0], split.images[[0, 40, 80]].mean(axis=0) / 255, atol=1e-6)
