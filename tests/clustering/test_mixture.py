import warnings

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

from irl_inr_jax.clustering import mixture
from irl_inr_jax.clustering.assignment import subsample
from irl_inr_jax.clustering.mixture import cluster_gmm


def wide_and_tight(num_images=200, seed=0):
    """A wide and a tight cluster; k-means assigns too many images to the tight one."""
    kinds = np.arange(num_images) % 2
    latents = np.random.default_rng(seed).normal(size=(num_images, 2)) * np.where(kinds, 4.0, 0.3)[:, None]
    latents[:, 0] += 18 * kinds
    return latents, kinds


def test_a_wide_and_a_tight_cluster_are_separated_and_new_images_assigned(make_task):
    latents, kinds = wide_and_tight()
    new, new_kinds = wide_and_tight(50, seed=1)
    result = cluster_gmm(make_task(latents, 2))
    assert adjusted_rand_score(kinds, result.clusters) == 1.0
    assert adjusted_rand_score(kinds, KMeans(2, n_init=10, random_state=0).fit_predict(latents)) < 1.0
    placed = cluster_gmm(make_task(latents, 2, assigned=new))
    np.testing.assert_array_equal(placed.clusters, result.clusters[:2][new_kinds])
    assert result.confidence.min() > 0.9 and placed.confidence.min() > 0.9


@pytest.mark.parametrize("covariance", ["full", "tied", "diag", "spherical"])
def test_clusters_and_posteriors_agree_with_scikit_learn(covariance, make_task):
    centres = np.array([[0.0, 0.0], [6.0, 0.0], [0.0, 6.0]])[np.arange(150) % 3]
    latents = centres + np.random.default_rng(0).normal(size=(150, 2))
    result = cluster_gmm(make_task(latents, 3, settings={"gmm.covariance": covariance}))
    scikits = GaussianMixture(3, covariance_type=covariance, n_init=5, random_state=1).fit(latents)
    assert adjusted_rand_score(scikits.predict(latents), result.clusters) == 1.0
    np.testing.assert_allclose(result.confidence, scikits.predict_proba(latents).max(axis=1), atol=0.01)


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_clusters_do_not_depend_on_the_scale_of_the_latents(scale, make_task):
    latents, _ = wide_and_tight()
    one, other = cluster_gmm(make_task(latents, 2)), cluster_gmm(make_task(latents * scale, 2))
    assert adjusted_rand_score(one.clusters, other.clusters) == 1.0
    np.testing.assert_allclose(one.confidence, other.confidence, atol=1e-4)


def test_clusters_do_not_depend_on_the_order_of_the_images(make_task):
    latents, _ = wide_and_tight()
    order = np.random.default_rng(1).permutation(len(latents))
    one, other = cluster_gmm(make_task(latents, 2)), cluster_gmm(make_task(latents[order], 2))
    assert adjusted_rand_score(one.clusters[order], other.clusters) == 1.0


@pytest.mark.parametrize("num_images", [1, 2, 6])
def test_as_many_clusters_as_images_have_one_image_each(num_images, make_task):
    latents = np.random.default_rng(0).normal(size=(num_images, 3))
    result = cluster_gmm(make_task(latents, num_images))
    assert len(set(result.clusters)) == num_images


def test_one_cluster_contains_all_images_with_confidence_one(make_task):
    latents, _ = wide_and_tight(20)
    for assigned in (None, latents[:3]):
        result = cluster_gmm(make_task(latents, 1, assigned=assigned))
        assert np.all(result.clusters == 0) and np.all(result.confidence == 1)


def test_more_clusters_than_distinct_images_give_no_warning(make_task):
    latents = np.repeat(np.eye(3), 4, axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = cluster_gmm(make_task(latents, 5))
    assert np.all(np.isfinite(result.confidence))
    assert len({tuple(row) for row in np.c_[latents, result.clusters]}) == 3


def test_above_the_limit_a_sample_is_fitted_and_the_mixture_assigns_all(make_task, monkeypatch):
    latents, kinds = wide_and_tight()
    full = cluster_gmm(make_task(latents, 2))
    monkeypatch.setattr(mixture, "MAX_ROWS", 200)
    same = cluster_gmm(make_task(latents, 2))
    np.testing.assert_array_equal(same.confidence, full.confidence)
    assert same.notes == ()
    monkeypatch.setattr(mixture, "MAX_ROWS", 150)
    one, again, other = (cluster_gmm(make_task(latents, 2, seed=seed)) for seed in (0, 0, 1))
    assert one.notes == ("fitted to 150 of 200 images; the others are assigned by the mixture",)
    assert adjusted_rand_score(kinds, one.clusters) == adjusted_rand_score(kinds, other.clusters) == 1.0
    np.testing.assert_array_equal(one.confidence, again.confidence)
    assert np.any(one.confidence != other.confidence)
    rows = subsample(200, 150, 0)
    apart = cluster_gmm(make_task(latents[rows], 2, assigned=latents))
    np.testing.assert_array_equal(one.clusters, apart.clusters)
    np.testing.assert_array_equal(one.confidence, apart.confidence)


def test_a_fit_that_has_not_converged_is_noted(make_task, monkeypatch):
    monkeypatch.setattr(mixture, "MAX_STEPS", 2)
    latents = np.random.default_rng(0).normal(size=(200, 3))
    assert cluster_gmm(make_task(latents, 5)).notes == ("not converged after 2 steps",)
    assert cluster_gmm(make_task(wide_and_tight()[0], 1)).notes == ()
