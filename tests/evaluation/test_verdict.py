"""The verdict on runs whose answers are known."""

import dataclasses

import numpy as np
import pytest

from irl_inr_jax.evaluation.cluster_verdict import judge_comparison, judge_stability
from irl_inr_jax.evaluation.verdict import (
    judge_invariance,
    judge_orientation,
    judge_reconstruction,
    judge_run,
    judge_training,
    measure_fall,
)
from tests.evaluation.conftest import make_data, run


@pytest.fixture
def evaluation(trained, config):
    return run(trained, make_data(test=False), config)


def lines(losses):
    return [{"step": step, "loss": float(loss)} for step, loss in enumerate(losses)]


def test_the_share_of_the_fall_in_the_last_tenth_is_that_of_a_line_and_of_a_decay():
    assert measure_fall(np.linspace(1, 0, 101))[1] == pytest.approx(0.1, rel=0.06)
    assert measure_fall(np.linspace(1, 0, 6))[1] == pytest.approx(0.12)  # a fifth in one of six lines
    decay = np.exp(-np.arange(100) / 10)
    assert measure_fall(decay)[1] == pytest.approx(decay[80:90].mean() - decay[90:].mean(), rel=1e-3)
    assert measure_fall(np.ones(20)) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("losses", "good", "words"),
    [
        (np.exp(-np.arange(100) / 10), True, "converged: the loss no longer falls (0.0 %"),
        (np.linspace(1, 0.1, 100), False, "the loss still falls (10.6 % "),
        (np.arange(100.0), False, "the loss has not fallen"),
        ([0.5, 0.4], False, "too few steps"),
        ([0.5, float("nan"), 0.2, 0.1], False, "diverged"),
        (np.ones(20), False, "the loss has not fallen"),
    ],
)
def test_convergence_is_read_from_the_loss_curve(config, losses, good, words):
    [finding] = judge_training(config, lines(losses))
    assert finding.name == "converged" and finding.good is good and words in finding.text
    assert good or "--config.train" in finding.text


def test_a_run_that_its_held_out_loss_ended_has_converged_though_the_training_loss_falls(config):
    config.train.update(num_epochs=10, patience=2)
    falling = [
        line | {"heldout_loss": loss}
        for line, loss in zip(lines(np.linspace(1, 0.1, 4)), (3.0, 2.0, 2.5, 2.6), strict=True)
    ]
    assert judge_training(config, falling[:3])[0].good is False
    found = judge_training(config, falling)[0]
    assert found.good and "held-out images no longer falls" in found.text


def test_a_training_free_method_has_no_loss_curve(config):
    config.train.num_epochs = 0
    assert judge_training(config, []) == []


def test_reconstructions_are_compared_with_the_mean_image(evaluation, trained):
    unit = np.asarray(trained.to_unit(evaluation.split.images.images), np.float64)
    variance = ((unit - unit.mean(axis=0)) ** 2).mean()

    def judge(mse):
        results = {**evaluation.results, "reconstruction": {"mse": mse, "psnr": 20.0}}
        return judge_reconstruction(evaluation._replace(results=results))

    assert judge_reconstruction(evaluation) == []
    [good], [poor], [worse] = judge(variance / 10), judge(variance / 1.5), judge(2 * variance)
    assert good.good and "10.0 dB better than the mean image" in good.text
    assert not poor.good and "1.8 dB better" in poor.text and "train longer" in poor.text
    assert not worse.good and "3.0 dB worse" in worse.text


def test_invariance_is_judged_by_its_ratio(evaluation, config):
    def judge(ratio):
        results = {**evaluation.results, "invariance": {"ratio": ratio}}
        [finding] = judge_invariance(evaluation._replace(results=results), config)
        return finding

    assert judge(0.014).good and "rotations change z by 1.4 %" in judge(0.014).text
    assert not judge(0.5).good and not judge(float("nan")).good and "same z" in judge(float("nan")).text


def test_three_separate_brightnesses_are_stable_and_clusters_of_a_cloud_are_not(evaluation):
    def judge(latents, k, source="classes"):
        points = dataclasses.replace(evaluation.task.fitted, latents=latents.astype(np.float32))
        task = dataclasses.replace(evaluation.task, fitted=points)
        results = {**evaluation.results, "num_clusters": {"used": k, "source": source}}
        return judge_stability(evaluation._replace(task=task, results=results))

    latents, rng = evaluation.task.fitted.latents, np.random.default_rng(0)
    [stable] = judge(latents, 3)
    assert stable.good and "100 % of the images" in stable.text and "of 3 clusters" in stable.text
    cloud = rng.normal(size=(30, 4))
    [unstable], [chosen] = judge(cloud, 7), judge(cloud, 7, "chosen")
    assert not unstable.good and unstable.text.endswith("--num-clusters auto")
    assert chosen.text.endswith("--num-clusters K")
    assert judge(latents, 1) == judge(latents, 16) == judge(np.full((30, 4), np.nan), 7) == []


def test_clusterers_are_compared_with_pixels_and_the_training_free_one(evaluation, trained, config):
    pixels, baseline = judge_comparison(evaluation, is_trained=True)
    assert pixels.name == "pixels" and "by kmeans" in pixels.text and "(accuracy 100.0 % and" in pixels.text
    assert baseline.good is None and "add orbit_knn to --clusterers" in baseline.text
    both = run(trained, make_data(test=False), config, clusterers=["kmeans", "orbit_knn"])
    _, baseline = judge_comparison(both, is_trained=True)
    assert baseline.good is not None and "by orbit_knn" in baseline.text
    without = run(trained, make_data(test=False), config, clusterers=["orbit_knn"])
    assert judge_comparison(without, is_trained=True) == []


def test_the_verdict_holds_every_finding_once_and_none_on_labels_without_them(trained, config):
    data = make_data(test=False, with_labels=False)
    config.evaluation.num_clusters = 3
    findings = judge_run(run(trained, data, config), data, config, metrics=lines(np.exp(-np.arange(100) / 10)))
    assert [finding.name for finding in findings] == [
        "converged",
        "invariance",
        "orientation",
        "stability",
        "pixels",
        "training_free",
    ]
    assert not any("accuracy" in finding.text for finding in findings)
    assert judge_orientation(data, config)[0] == findings[2]
