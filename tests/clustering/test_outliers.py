import numpy as np
from sklearn.neighbors import LocalOutlierFactor

from irl_inr_jax.clustering import outliers
from irl_inr_jax.clustering.outliers import find_distinct, outlier_scores


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


def test_copies_count_as_one_image(make_task):
    latents = np.concatenate([sample(100), sample(100, seed=1) + 40, np.full((1, 3), 52, np.float32)])
    alone = outlier_scores(make_task(latents, 2))
    for noise in (0.0, 1e-5):
        copies = np.repeat(latents[:1], 25, 0) + noise * sample(25, seed=2)
        scores = outlier_scores(make_task(np.concatenate([latents, copies]), 2))
        # A rare copy on the border of a cell of the grid counts once more.
        np.testing.assert_allclose(scores[: len(latents)], alone, rtol=0.05)
        assert scores.argmax() == 200 and np.abs(scores[len(latents) :] - scores[0]).max() < 0.5
    fitted = np.concatenate([latents, np.repeat(latents[:1], 25, 0)])
    np.testing.assert_allclose(
        outlier_scores(make_task(fitted, 2, assigned=sample(9, seed=3))),
        outlier_scores(make_task(latents, 2, assigned=sample(9, seed=3))),
        rtol=1e-5,
    )


def test_all_copies_of_few_images_score_one(make_task):
    np.testing.assert_array_equal(outlier_scores(make_task(np.repeat(sample(2), 30, 0), 1)), np.ones(60))
    assert np.isfinite(outlier_scores(make_task(np.repeat(sample(4), 30, 0), 1))).all()


def test_every_point_is_in_the_group_of_an_equal_one():
    points = np.repeat(sample(50), 3, axis=0)[np.random.default_rng(0).permutation(150)]
    rows, group = find_distinct(points)
    assert len(rows) == 50 and (np.diff(rows) > 0).all()
    np.testing.assert_array_equal(points[rows][group], points)
    np.testing.assert_array_equal(find_distinct(np.zeros((4, 2), np.float32))[1], np.zeros(4))
    np.testing.assert_array_equal(find_distinct(sample(9))[0], np.arange(9))
