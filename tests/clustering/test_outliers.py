import numpy as np
from sklearn.neighbors import LocalOutlierFactor

from irl_inr_jax.clustering import outliers
from irl_inr_jax.clustering.outliers import outlier_scores


def sample(n, seed=0):
    return np.random.default_rng(seed).normal(size=(n, 3)).astype(np.float32)


def test_an_isolated_image_has_the_highest_score_and_others_about_one(make_task):
    latents = sample(100)
    latents[17] = 30
    scores = outlier_scores(make_task(latents, 3))
    assert scores.argmax() == 17 and scores[17] > 5
    assert 0.9 < np.median(scores) < 1.2


def test_new_images_are_compared_with_the_fitted_ones(make_task):
    fitted, assigned = sample(80), sample(20, seed=1)
    assigned[3] = 30
    scores = outlier_scores(make_task(fitted, 3, assigned=assigned))
    expected = -LocalOutlierFactor(n_neighbors=20, novelty=True).fit(fitted).score_samples(assigned)
    np.testing.assert_allclose(scores, expected, rtol=1e-5)
    assert scores.shape == (20,) and scores.argmax() == 3


def test_above_the_limit_images_are_compared_with_a_subsample(make_task, monkeypatch):
    monkeypatch.setattr(outliers, "MAX_ROWS", 40)
    latents = sample(100)
    latents[17] = 30
    scores = outlier_scores(make_task(latents, 3))
    assert scores.shape == (100,) and scores.argmax() == 17


def test_fewer_than_three_images_all_score_one(make_task):
    np.testing.assert_array_equal(outlier_scores(make_task(sample(2), 1)), [1, 1])
    assert np.isfinite(outlier_scores(make_task(sample(3), 1))).all()
