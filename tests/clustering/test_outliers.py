import numpy as np
from sklearn.neighbors import LocalOutlierFactor

from irl_inr_jax.clustering import outliers
from irl_inr_jax.clustering.outliers import outlier_scores


def draw(n, seed=0):
    return np.random.default_rng(seed).normal(size=(n, 3)).astype(np.float32)


def test_a_lonely_image_scores_highest_and_the_rest_about_one(make_task):
    latents = draw(100)
    latents[17] = 30
    scores = outlier_scores(make_task(latents, 3))
    assert scores.argmax() == 17 and scores[17] > 5
    assert 0.9 < np.median(scores) < 1.2


def test_images_not_learnt_from_are_held_against_those_that_were(make_task):
    fitted, assigned = draw(80), draw(20, seed=1)
    assigned[3] = 30
    scores = outlier_scores(make_task(fitted, 3, assigned=assigned))
    expected = -LocalOutlierFactor(n_neighbors=20, novelty=True).fit(fitted).score_samples(assigned)
    np.testing.assert_allclose(scores, expected, rtol=1e-5)
    assert scores.shape == (20,) and scores.argmax() == 3


def test_many_images_are_held_against_a_sample(make_task, monkeypatch):
    monkeypatch.setattr(outliers, "MAX_ROWS", 40)
    latents = draw(100)
    latents[17] = 30
    scores = outlier_scores(make_task(latents, 3))
    assert scores.shape == (100,) and scores.argmax() == 17


def test_few_images_have_no_outlier(make_task):
    np.testing.assert_array_equal(outlier_scores(make_task(draw(2), 1)), [1, 1])
    assert np.isfinite(outlier_scores(make_task(draw(3), 1))).all()
