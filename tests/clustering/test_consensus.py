"""Test what only consensus clustering does: candidates, their agreement, confidence, projection and votes."""

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score

from irl_inr_jax.clustering.consensus import (
    choose_candidate,
    cluster_consensus,
    fit_projection,
    match_candidates,
    mean_agreement,
    measure_agreement,
)
from irl_inr_jax.clustering.modularity import measure_modularity, neighbour_graph
from irl_inr_jax.clustering.neighbours.search import nearest_neighbours

QUICK = {"consensus.num_candidates": 3, "consensus.num_runs": 3, "consensus.num_micro": 30}


def blobs(num_images=120, seed=0, spread=1.0):
    centers = 12 * np.eye(4)
    latents, labels = make_blobs(num_images, centers=centers, cluster_std=spread, random_state=seed)
    return latents.astype(np.float32), labels


def test_separate_groups_are_found_with_full_agreement_and_confidence(make_task):
    latents, labels = blobs()
    found = cluster_consensus(make_task(latents, 4, settings=QUICK | {"consensus.num_neighbours": 10}))
    assert adjusted_rand_score(labels, found.clusters) == 1
    assert found.measures["agreement"] == 1 and found.notes == () and found.confidence.min() == 1
    graph = neighbour_graph(nearest_neighbours(latents, latents, 10, leave_out_self=True)[0])
    assert found.measures["modularity"] == pytest.approx(measure_modularity(graph, labels), abs=1e-6)


def test_points_without_clusters_are_reported_as_ambiguous(make_task):
    latents = np.random.default_rng(0).normal(size=(150, 10)).astype(np.float32)
    found = cluster_consensus(make_task(latents, 6, settings=QUICK))
    assert found.measures["agreement"] < 0.8 and "ambiguous" in found.notes[0]
    assert f"{100 * found.measures['agreement']:.0f} %" in found.notes[0]
    assert found.confidence.mean() < 0.8
    alone = cluster_consensus(make_task(latents, 6, settings=QUICK | {"consensus.num_candidates": 1}))
    assert "agreement" not in alone.measures and alone.notes == ()


def test_candidates_are_matched_to_the_chosen_one_and_compared_with_it():
    chosen = np.array([0, 0, 0, 1, 1, 1], np.int32)
    renamed, moved, split = 1 - chosen, np.array([1, 1, 0, 0, 0, 0], np.int32), np.array([0, 0, 2, 1, 1, 1], np.int32)
    matched = match_candidates([renamed, chosen, moved, split], 1)
    np.testing.assert_array_equal(matched[0], chosen)
    np.testing.assert_array_equal(matched[2], 1 - moved)
    np.testing.assert_array_equal(matched[3], [0, 0, -1, 1, 1, 1])
    assert measure_agreement(matched, 1) == pytest.approx((1 + 5 / 6 + 5 / 6) / 3)
    neighbours = np.array([[1, 2], [4, 5]])
    np.testing.assert_allclose(mean_agreement(matched, neighbours, np.array([0, 1])), [6 / 8, 1])


def test_the_candidate_that_agrees_most_is_chosen_and_of_two_the_one_of_higher_modularity():
    first = np.array([0, 0, 0, 1, 1, 1], np.int32)
    moved, other = np.array([1, 1, 0, 0, 0, 0], np.int32), np.array([0, 1, 0, 1, 0, 1], np.int32)
    assert choose_candidate([other, moved, first], [0.9, 0.1, 0.2]) == 2
    assert choose_candidate([moved, first], [0.1, 0.2]) == 1 and choose_candidate([moved, first], [0.2, 0.1]) == 0
    assert choose_candidate([first], [0.0]) == 0


def test_the_projection_keeps_distances_along_the_principal_components_and_small_latents_unchanged():
    rng = np.random.default_rng(0)
    flat = rng.normal(size=(50, 3)) @ rng.normal(size=(3, 20))
    projected = fit_projection(flat, 3)(flat)
    distances = [np.linalg.norm(points[:, None] - points, axis=-1) for points in (flat, projected)]
    np.testing.assert_allclose(*distances, atol=1e-8)
    assert fit_projection(flat, 0)(flat) is flat and fit_projection(flat, 20)(flat) is flat
    assert fit_projection(flat[:2], 5)(flat).shape == (50, 2)


def test_new_images_are_assigned_by_the_vote_of_the_configured_number_of_images(make_task):
    latents, _ = blobs()
    new, new_labels = blobs(40, seed=1)
    settings = QUICK | {"consensus.vote_neighbours": 1}
    found = cluster_consensus(make_task(latents, 4, assigned=new, settings=settings))
    assert adjusted_rand_score(new_labels, found.clusters) == 1 and not found.transductive
    between = np.array([[6, 6, 0, 0]], np.float32)
    unsure = cluster_consensus(make_task(latents, 4, assigned=between, settings=QUICK))
    assert (
        0
        < unsure.confidence[0]
        < 1
        == cluster_consensus(make_task(latents, 4, assigned=between, settings=settings)).confidence[0]
    )


def test_images_above_the_limit_are_assigned_by_vote(make_task, monkeypatch):
    monkeypatch.setattr("irl_inr_jax.clustering.consensus.MAX_ROWS", 80)
    latents, labels = blobs()
    found = cluster_consensus(make_task(latents, 4, settings=QUICK))
    assert adjusted_rand_score(labels, found.clusters) == 1
    assert found.notes == ("fitted to 80 of 120 images; the others are assigned by their nearest neighbours",)
    monkeypatch.setattr("irl_inr_jax.clustering.neighbours.search.MAX_PAIRS", 0)
    searched = cluster_consensus(make_task(latents, 4, settings=QUICK))
    assert searched.notes[0] == found.notes[0] and searched.notes[1].startswith("approximate neighbours, recall@")


def test_duplicates_and_fewer_distinct_images_than_clusters_give_fewer_clusters(make_task):
    latents = np.repeat(np.random.default_rng(1).normal(size=(3, 2)), 8, axis=0).astype(np.float32)
    found = cluster_consensus(make_task(latents, 5, settings=QUICK))
    assert len(np.unique(found.clusters)) >= 3 and np.isfinite(found.confidence).all()
    found = cluster_consensus(make_task(latents, 3, settings=QUICK))
    assert adjusted_rand_score(np.repeat(np.arange(3), 8), found.clusters) == 1
