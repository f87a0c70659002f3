"""Pictures of whole clusters."""

import numpy as np

from irl_inr_jax.report.html.cluster_views import (
    DRAWING_SIDE,
    draw_centres,
    find_centres,
    mean_upright_images,
    upright_images,
)
from tests.report.html.conftest import make_arrows


def test_images_transformed_back_by_their_true_pose_are_the_canonical_ones(arrows):
    split = arrows.dataset.train
    found = upright_images(arrows.trained, split.images, arrows.pose, fill=0.0)
    canonical = make_arrows(split.labels)
    assert np.abs(found - canonical).mean() < 0.025 < np.abs(split.images / 255 - canonical).mean()


def test_the_mean_of_a_group_is_that_of_its_first_upright_members(arrows):
    split = arrows.dataset.train
    groups = [np.flatnonzero(split.labels == 1), np.array([], np.int64)]
    found = mean_upright_images(arrows.trained, split.images, arrows.pose, groups, fill=0.25, max_members=5)
    rows = groups[0][:5]
    expected = upright_images(arrows.trained, split.images, arrows.pose, fill=0.25)[rows].mean(axis=0)
    np.testing.assert_allclose(found[0], expected, atol=1e-6)
    np.testing.assert_array_equal(found[1], 0.25)


def test_the_centre_is_the_member_nearest_to_the_mean_and_its_drawing_is_large(arrows):
    embeddings = arrows.evaluation.split.embeddings
    rows = np.arange(0, 60, 2)
    centres = find_centres(embeddings, [rows, np.array([], np.int64)])
    distances = np.linalg.norm(embeddings.latents[rows] - embeddings.latents[rows].mean(axis=0), axis=1)
    assert centres.tolist() == [rows[distances.argmin()], -1]
    drawn = draw_centres(arrows.trained, embeddings, centres)
    assert drawn.shape == (2, DRAWING_SIDE, DRAWING_SIDE, 1) and drawn[0, 96, 96, 0] == 1 and drawn[0, 0, 0, 0] == 0
