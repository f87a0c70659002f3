"""Latents combined with the features of wafers."""

import dataclasses

import numpy as np
import pytest

from irl_inr_jax.clustering.task import ClusterTask, Points
from irl_inr_jax.clustering.wafer_latents import add_wafer_features
from irl_inr_jax.config import base
from irl_inr_jax.training.inference import TrainedMethod
from irl_inr_jax.types import Method, Scaling


def unused(*arguments):
    raise AssertionError("features need no method")


@pytest.fixture
def task():
    config, rng = base.get_config(), np.random.default_rng(0)
    images = (80 + 175 * (rng.random((40, 16, 16, 1)) < 0.2)).astype(np.uint8)
    method = Method("none", unused, unused, unused, None)
    trained = TrainedMethod(method, {}, {}, Scaling(1 / 255, 0.0, 0.0, ""), batch_size=16)
    points = Points(rng.normal(0, 3, (40, 4)).astype(np.float32), images)
    blocks = {
        "settings": config.clustering,
        "augment": config.augment,
        "orbits": config.orbits,
        "wafers": config.wafers,
    }
    return ClusterTask(points, points, num_clusters=2, seed=0, trained=trained, fill=0.0, steps_per_call=1, **blocks)


@pytest.mark.parametrize("weight", [0.5, 2.0])
def test_the_spread_of_the_features_is_the_weight_times_that_of_the_latents(task, weight):
    combined = add_wafer_features(task, weight)
    latents = combined.fitted.latents
    assert combined.transductive and latents.dtype == np.float32
    np.testing.assert_array_equal(latents[:, :4], task.fitted.latents)
    spreads = [np.sqrt(part.astype(np.float64).var(axis=0).sum()) for part in (latents[:, 4:], latents[:, :4])]
    assert spreads[0] / spreads[1] == pytest.approx(weight, rel=1e-4)


def test_other_images_are_projected_and_scaled_as_the_fitted_ones_and_a_quarter_turn_changes_nothing(task):
    rows = np.array([3, 30])
    others = Points(task.fitted.latents[rows], np.rot90(task.fitted.images[rows], axes=(1, 2)).copy())
    combined = add_wafer_features(dataclasses.replace(task, assigned=others), 1.0)
    found, expected = combined.assigned.latents, combined.fitted.latents[rows]
    assert not combined.transductive
    np.testing.assert_allclose(found, expected, atol=0.02 * np.abs(expected).max())
