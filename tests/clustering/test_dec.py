import numpy as np
import pytest

from irl_inr_jax.clustering import dec
from irl_inr_jax.clustering.dec import cluster_dec


@pytest.fixture
def latents():
    return np.random.default_rng(0).normal(size=(90, 3)).astype(np.float32)


def test_training_moves_images_towards_their_means(make_task, latents):
    def run(num_epochs):
        settings = {"dec.num_epochs": num_epochs, "dec.learning_rate": 0.05, "dec.tolerance": 0.0}
        return cluster_dec(make_task(latents, 4, settings=settings))

    short, long = run(1), run(20)
    assert long.confidence.mean() > short.confidence.mean() + 0.05
    assert long.notes == ("not converged after 20 epochs",)


def test_training_ends_when_clusters_no_longer_change(make_task, latents):
    settings = {"dec.tolerance": 1.01, "dec.num_epochs": 500}
    assert cluster_dec(make_task(latents, 3, settings=settings)).notes == ()


def test_after_a_collapse_the_state_before_it_is_used(make_task, latents, monkeypatch):
    untrained = cluster_dec(make_task(latents, 3, settings={"dec.learning_rate": 0.0, "dec.num_epochs": 1}))
    monkeypatch.setattr(dec, "find_collapse", lambda sizes, prior: "collapsed: for the test")
    found = cluster_dec(make_task(latents, 3, settings={"dec.learning_rate": 0.1}))
    np.testing.assert_array_equal(found.clusters, untrained.clusters)
    assert found.notes == ("stopped in epoch 1; the state before it is used: collapsed: for the test",)


def test_the_alpha_of_the_thesis_gives_finite_confidence(make_task, latents):
    found = cluster_dec(make_task(latents, 3, settings={"dec.alpha": 1e-4, "dec.num_epochs": 2}))
    assert np.isfinite(found.confidence).all() and (found.confidence >= 1 / 3).all()
