"""Maps of random failures are separated from maps with a pattern, without labels."""

import dataclasses

import numpy as np
import pytest

from irl_inr_jax.clustering.consensus import cluster_consensus
from irl_inr_jax.clustering.task import Clustering, ClusterTask, Points
from irl_inr_jax.clustering.wafer_patterns import (
    apply_rule,
    average_strengths,
    find_pattern_probabilities,
    fit_rule,
    separate_patterns,
)
from irl_inr_jax.config import base
from irl_inr_jax.data.datasets.wm811k import LEVELS
from irl_inr_jax.training.inference import TrainedMethod
from irl_inr_jax.types import InputError, Method, Scaling

SIDE = 24
KINDS = {"none": 100, "spot": 15, "edge": 15, "random": 6}


def unused(*arguments):
    raise AssertionError("features need no method")


def make_maps(seed):
    """Maps of `KINDS` in turn, and the kind of each."""
    rng = np.random.default_rng(seed)
    y, x = (np.indices((SIDE, SIDE)) + 0.5) / SIDE * 2 - 1
    radius, maps, kinds = np.hypot(x, y), [], []
    for kind, count in KINDS.items():
        for _ in range(count):
            angle = rng.uniform(0, 2 * np.pi)
            share = np.full((SIDE, SIDE), 0.6 if kind == "random" else rng.uniform(0.03, 0.12))
            if kind == "spot":
                share[np.hypot(x - 0.4 * np.cos(angle), y - 0.4 * np.sin(angle)) < 0.3] = 0.9
            if kind == "edge":
                share[(radius > 0.8) & (np.cos(np.arctan2(y, x) - angle) > 0)] = 0.9
            maps.append(np.where(radius <= 1, 1 + (rng.random((SIDE, SIDE)) < share), 0))
            kinds.append(kind)
    return LEVELS[np.array(maps)][..., None], np.array(kinds)


@pytest.fixture(scope="module")
def known():
    return make_maps(0)


@pytest.fixture
def task(known):
    config = base.get_config()
    config.orbits.update(distance="wafers", centre="image", mirror=True)
    config.clustering.consensus.update(without_pattern=True, num_candidates=2, num_runs=2, num_micro=20)
    method = Method("none", unused, unused, unused, None)
    trained = TrainedMethod(method, {}, {}, Scaling(1 / 255, 0.0, 0.0, ""), batch_size=64)
    images, _ = known
    points = Points(images.reshape(len(images), -1).astype(np.float32), images)
    blocks = {name: config[name] for name in ("augment", "orbits", "wafers")}
    blocks |= {"settings": config.clustering, "steps_per_call": 1}
    return ClusterTask(points, points, num_clusters=4, seed=0, trained=trained, fill=0.0, **blocks)


def test_maps_with_a_pattern_and_maps_of_many_random_failures_are_found(task, known):
    has_pattern = known[1] != "none"
    fitted, assigned = find_pattern_probabilities(task)
    np.testing.assert_array_equal(fitted, assigned)
    np.testing.assert_array_equal(fitted > 0.5, has_pattern)


@pytest.mark.slow
def test_new_maps_are_judged_by_the_rule_of_the_fitted_ones(task, known):
    images, kinds = make_maps(1)
    rows = np.r_[0:5, 100:104, 115:119, 130:132]
    others = Points(task.fitted.latents[rows], images[rows])
    fitted, assigned = find_pattern_probabilities(dataclasses.replace(task, assigned=others))
    np.testing.assert_array_equal(fitted, find_pattern_probabilities(task)[0])
    np.testing.assert_array_equal(assigned > 0.5, kinds[rows] != "none")


def test_only_maps_with_a_pattern_are_clustered_and_confidence_is_the_lower_of_both(task, known):
    tasks = []

    def halves(given):
        tasks.append(given)
        clusters = (np.arange(len(given.assigned.images)) % 2).astype(np.int32)
        clusters[0] = -1
        confidence = np.full(len(clusters), 0.25, np.float32)
        return Clustering(clusters, confidence, given.transductive, notes=("n",), measures={"m": 1.0})

    found = separate_patterns(task, halves)
    has_pattern = known[1] != "none"
    (given,) = tasks
    assert given.num_clusters == 3 and given.transductive
    np.testing.assert_array_equal(given.fitted.images, task.fitted.images[has_pattern])
    np.testing.assert_array_equal(found.clusters == 0, ~has_pattern)
    np.testing.assert_array_equal(found.clusters[has_pattern][:4], [-1, 2, 1, 2])
    assert (found.confidence[has_pattern] == 0.25).all() and (found.confidence[~has_pattern] > 0.5).all()
    assert found.measures == {"m": 1.0} and found.notes[1:] == ("n",)
    assert found.notes[0].startswith(f"cluster 0: the {100 * np.mean(~has_pattern):.1f} % of the maps")


def test_consensus_separates_maps_without_a_pattern_when_it_is_set(task, known):
    found = cluster_consensus(task)
    np.testing.assert_array_equal(found.clusters == 0, known[1] == "none")
    task.settings.consensus.without_pattern = False
    assert not any(note.startswith("cluster 0") for note in cluster_consensus(task).notes)


def test_the_probability_increases_with_the_strength_and_a_large_share_is_a_pattern():
    rng = np.random.default_rng(0)
    strengths = np.r_[rng.normal(-1, 0.05, 300), rng.normal(-0.6, 0.2, 60)]
    shares = np.r_[rng.uniform(0.1, 0.2, 300), rng.uniform(0.1, 0.9, 60)]
    rule = fit_rule(strengths, shares)
    assert rule.largest_share == pytest.approx(0.175 + 1.5 * 0.05, abs=0.02)
    grid = np.linspace(-3, 1, 200)
    probabilities = apply_rule(rule, grid, np.zeros(200))
    assert (np.diff(probabilities) >= -1e-12).all() and probabilities[0] < 0.1 and probabilities[-1] > 0.99
    np.testing.assert_array_equal(apply_rule(rule, np.array([-1.0, -1.0]), np.array([0.1, 0.5])) > 0.5, [False, True])


def test_a_strength_is_averaged_over_the_map_and_its_neighbours():
    own, fitted = np.array([1.0, 5.0]), np.array([2.0, 4.0, 9.0])
    np.testing.assert_allclose(average_strengths(own, fitted, np.array([[0, 1], [2, 2]])), [7 / 3, 23 / 3])


@pytest.mark.parametrize("num_clusters", [1, 60])
def test_too_few_clusters_or_maps_are_an_error_in_one_line(task, num_clusters):
    with pytest.raises(InputError, match="expected"):
        separate_patterns(dataclasses.replace(task, num_clusters=num_clusters), unused)
