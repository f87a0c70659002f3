import dataclasses
import itertools
from contextlib import contextmanager

import numpy as np
import pytest

from irl_inr_jax.clustering import choose_k as module
from irl_inr_jax.clustering.choose_k import KCurves, choose_k, largest_k, measure_k, recommend_k
from irl_inr_jax.types import InputError


def measure(latents, max_clusters=4, seed=0):
    return measure_k(latents, max_clusters=max_clusters, seed=seed)


def blobs(num_clusters, latent_dim, *, separation=8.0, num_images=240, unequal=False, seed=0):
    """Unit Gaussians whose nearest centres are `separation` apart; unequal sizes are in proportions from 1 to 5."""
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(num_clusters, latent_dim))
    centers *= separation / min(np.linalg.norm(a - b) for a, b in itertools.combinations(centers, 2))
    sizes = np.linspace(1, 5 if unequal else 1, num_clusters)
    labels = np.repeat(np.arange(num_clusters), np.ceil(num_images * sizes / sizes.sum()).astype(int))
    return (centers[labels] + rng.normal(size=(len(labels), latent_dim))).astype(np.float32)


def curves_of(gap, stability, *, null=0.3, gap_std=0.01, silhouette=None):
    num_ks = len(stability)
    return KCurves(
        ks=np.arange(2, num_ks + 2),
        num_images=500,
        silhouette=np.array(silhouette or num_ks * [0.5]),
        gap=np.array(gap, float),
        gap_std=np.full(num_ks + 1, gap_std),
        stability=np.array(stability, float),
        stability_std=np.zeros(num_ks),
        stability_null=np.full(num_ks, null),
    )


@pytest.mark.parametrize(
    "num_clusters, latent_dim, unequal",
    [
        (2, 2, True),
        (2, 10, False),
        (3, 10, True),
        pytest.param(4, 2, False, marks=pytest.mark.slow),
        pytest.param(6, 10, True, marks=pytest.mark.slow),
    ],
)
def test_the_number_of_well_separated_blobs_is_found(num_clusters, latent_dim, unequal):
    latents = blobs(num_clusters, latent_dim, unequal=unequal, seed=num_clusters)
    curves, recommendation = choose_k(latents, max_clusters=num_clusters + 1, seed=0)
    assert recommendation.k == num_clusters == recommend_k(curves).k
    assert recommendation.reason.startswith(f"{num_clusters} clusters are found in both halves")


def test_the_number_of_overlapping_blobs_is_found():
    assert recommend_k(measure(blobs(4, 10, separation=4.0, num_images=300), max_clusters=5)).k == 4


@pytest.mark.parametrize(
    "sample",
    [
        lambda rng: rng.normal(size=(100, 2)),
        lambda rng: rng.normal(size=(100, 10)),
        lambda rng: rng.normal(size=(100, 2)) * [5, 1],
        lambda rng: rng.uniform(size=(100, 3)),
        lambda rng: rng.uniform(size=(100, 1)) * np.ones(3),
    ],
    ids=["gaussian", "gaussian in 10", "elongated gaussian", "cube", "line"],
)
def test_no_number_is_recommended_without_clusters(sample):
    recommendation = recommend_k(measure(sample(np.random.default_rng(0)), max_clusters=3))
    assert recommendation.k is None
    assert recommendation.reason.startswith("no clear number of clusters: ")


def test_curves_have_the_documented_lengths_and_ranges_and_depend_on_the_seed_only():
    latents = blobs(3, 2, num_images=30)
    first, again, other = (measure(latents, max_clusters=3, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.ks, [2, 3])
    assert first.num_images == 30 and first.gap.shape == first.gap_std.shape == (3,)
    for values in (first.silhouette, first.stability, first.stability_null):
        assert values.shape == (2,) and np.all((values >= -1) & (values <= 1 + 1e-9))
    for field in dataclasses.fields(KCurves):
        np.testing.assert_array_equal(getattr(first, field.name), getattr(again, field.name))
    assert (first.gap != other.gap).any()


@pytest.mark.slow
def test_scale_translation_and_rotation_of_the_latents_do_not_change_the_recommendation():
    latents = blobs(3, 2, num_images=90)
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(2, 2)))[0]
    curves, transformed = measure(latents), measure(1e-3 * latents @ rotation + 7)
    assert recommend_k(transformed).k == recommend_k(curves).k == 3
    np.testing.assert_allclose(transformed.silhouette[:2], curves.silhouette[:2], atol=0.02)


def test_progress_is_reported_once_for_each_k(monkeypatch):
    reported = []

    @contextmanager
    def record(what, total):
        yield lambda done, note: reported.append((done, total, note))

    monkeypatch.setattr(module, "show_progress", record)
    measure(blobs(2, 2, num_images=12), max_clusters=20)
    assert largest_k(12, 20) == 3 and reported == [(i, 3, f"k = {i}") for i in (1, 2, 3)]


def test_the_smallest_number_of_images_and_duplicates_are_measured():
    eight = measure(np.repeat([[0.0, 0.0], [9.0, 9.0]], 4, axis=0), max_clusters=20)
    np.testing.assert_array_equal(eight.ks, [2])
    duplicates = measure(np.repeat(np.eye(3), 10, axis=0))
    for curves in (eight, duplicates):
        assert all(np.isfinite(getattr(curves, field.name)).all() for field in dataclasses.fields(KCurves))
    assert recommend_k(duplicates).k == 3


@pytest.mark.parametrize(
    "latents, max_clusters, message",
    [
        (np.eye(7), 4, "expected at least 8 images to choose the number of clusters, found 7; give more images"),
        (np.eye(8), 1, "expected max_clusters of at least 2, found 1; set the largest k"),
        (np.full((20, 2), np.nan), 4, "expected finite latents, found NaN or infinity in 20 of 20 rows"),
        (np.ones((20, 2)), 4, "expected latents that differ, found 20 equal rows"),
    ],
)
def test_unusable_latents_are_refused(latents, max_clusters, message):
    with pytest.raises(InputError, match=message):
        measure(latents, max_clusters)


def test_a_small_gap_rules_out_clusters_that_are_stable_by_shape_alone():
    # An elongated cloud is cut in the same place in every split, and so are uniform points.
    assert recommend_k(curves_of([1.0, 0.9, 0.8], [0.97, 0.8], null=0.94)).k is None
    reason = recommend_k(curves_of([1.0, 0.9, 0.8], [0.97, 0.8], null=0.94)).reason
    assert "hardly tighter than those of uniform points" in reason


def test_unstable_clusters_are_not_recommended_for_any_gap():
    recommendation = recommend_k(curves_of([1.0, 1.5, 2.0], [0.5, 0.4]))
    assert recommendation.k is None and "agreement at best 0.50 of 1, for 2 clusters" in recommendation.reason


def test_among_stable_numbers_the_tightest_is_chosen_and_the_silhouette_is_reported():
    gap, stability = [1.0, 1.4, 1.9, 2.2, 2.3], [1.0, 0.99, 0.98, 0.6]
    recommendation = recommend_k(curves_of(gap, stability, silhouette=[0.7, 0.6, 0.6, 0.2]))
    assert recommendation.k == 4 and recommendation.reason.endswith("; the silhouette prefers 2")
    assert recommend_k(curves_of(gap, stability, silhouette=[0.1, 0.1, 0.6, 0.2])).reason.endswith("agrees")


def test_the_reason_states_that_the_largest_number_tried_was_chosen():
    reason = recommend_k(curves_of([1.0, 1.4, 1.9], [1.0, 1.0])).reason
    assert reason.startswith("3 clusters, the largest number tried, are found in both halves")
