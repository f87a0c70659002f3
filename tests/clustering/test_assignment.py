import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from irl_inr_jax.clustering.assignment import assign_by_vote, subsample, subsample_notes
from irl_inr_jax.metrics.clustering_scores import NOISE


@pytest.fixture
def latents():
    return np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)


def test_a_subsample_is_ascending_without_repeats_and_depends_on_the_seed():
    rows = subsample(100, 40, 3)
    assert len(rows) == 40 and np.all(np.diff(rows) > 0) and 0 <= rows[0] and rows[-1] < 100
    np.testing.assert_array_equal(rows, subsample(100, 40, 3))
    assert not np.array_equal(rows, subsample(100, 40, 4))


def test_all_rows_are_taken_up_to_the_limit():
    np.testing.assert_array_equal(subsample(40, 40, 3), np.arange(40))
    assert subsample_notes(40, 40) == ()


def test_a_subsample_is_noted_with_both_numbers():
    (note,) = subsample_notes(15_000, 60_000)
    assert note == "fitted to 15,000 of 60,000 images; the others are assigned by their nearest neighbours"


def test_fitted_images_keep_their_cluster_with_the_share_of_neighbours_in_it_as_confidence(latents, make_task):
    clusters = (latents[:, 0] > 0).astype(np.int32)
    ours, confidence, _ = assign_by_vote(latents, clusters, make_task(latents, 2))
    np.testing.assert_array_equal(ours, clusters)
    nearest = NearestNeighbors(n_neighbors=10).fit(latents).kneighbors(return_distance=False)
    np.testing.assert_allclose(confidence, (clusters[nearest] == clusters[:, None]).mean(axis=1), rtol=1e-6)


def test_new_images_are_assigned_by_a_vote_of_their_nearest_neighbours(latents, make_task):
    clusters = (latents[:, 0] > 0).astype(np.int32)
    new = np.random.default_rng(1).normal(size=(30, 3)).astype(np.float32)
    task = make_task(latents, 2, assigned=new, settings={"vote_neighbours": 7})
    ours, confidence, _ = assign_by_vote(latents, clusters, task)
    nearest = NearestNeighbors(n_neighbors=7).fit(latents).kneighbors(new, return_distance=False)
    ones = clusters[nearest].mean(axis=1)
    np.testing.assert_array_equal(ours, ones > 0.5)
    np.testing.assert_allclose(confidence, np.maximum(ones, 1 - ones), rtol=1e-6)


def test_with_a_subsample_fitted_images_keep_their_cluster_and_others_are_assigned_by_vote(latents, make_task):
    rows = subsample(60, 20, 0)
    others = np.setdiff1d(np.arange(60), rows)
    clusters = np.random.default_rng(2).integers(3, size=20).astype(np.int32)
    ours, confidence, _ = assign_by_vote(latents[rows], clusters, make_task(latents, 3), rows=rows)
    alone = assign_by_vote(latents[rows], clusters, make_task(latents[rows], 3))
    voted = assign_by_vote(latents[rows], clusters, make_task(latents[rows], 3, assigned=latents[others]))
    np.testing.assert_array_equal(ours[rows], clusters)
    np.testing.assert_array_equal(confidence[rows], alone[1])
    np.testing.assert_array_equal(ours[others], voted[0])
    np.testing.assert_array_equal(confidence[others], voted[1])


def test_noise_votes_and_has_confidence_zero(latents, make_task):
    clusters = np.where(latents[:, 0] > 0, 0, NOISE).astype(np.int32)
    for assigned in (None, latents[latents[:, 0] < -0.8]):
        ours, confidence, _ = assign_by_vote(latents, clusters, make_task(latents, 1, assigned=assigned))
        assert np.any(ours == NOISE)
        assert np.all(confidence[ours == NOISE] == 0)


def test_fewer_images_than_neighbours_all_vote(latents, make_task):
    for num_images in (1, 2, 5):
        few, clusters = latents[:num_images], np.zeros(num_images, np.int32)
        for assigned in (None, latents[:3]):
            ours, confidence, _ = assign_by_vote(few, clusters, make_task(few, 1, assigned=assigned))
            assert np.all(ours == 0) and np.all(confidence == 1)
