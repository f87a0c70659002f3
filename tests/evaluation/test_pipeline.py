"""From a trained method to the results of one run."""

import dataclasses
import logging

import numpy as np
import pytest

from irl_inr_jax.clustering.choose_k import ChosenK, Recommendation
from irl_inr_jax.evaluation.pipeline import choose_split, count_clusters
from irl_inr_jax.report.results_table import describe_results
from irl_inr_jax.types import InputError
from tests.evaluation.conftest import make_data, run


def test_latents_that_determine_the_class_score_one_and_pixels_less(trained, config, caplog):
    caplog.set_level(logging.INFO)
    evaluation = run(trained, make_data(), config)
    results = evaluation.results
    assert results["clustering"]["kmeans"]["accuracy"] == 1 == results["clustering"]["kmeans"]["ari"]
    assert results["clustering"]["pixels_kmeans"]["accuracy"] < 1
    assert results["clustering"]["kmeans"]["num_clusters"] == 3 == results["num_clusters"]["used"]
    assert results["data"]["split"] == "test" and results["data"]["num_images"] == 24
    assert "pose" not in results and "reconstruction" not in results
    assert list(evaluation.split.embeddings.ids[:2]) == ["test/0", "test/1"]
    assert evaluation.comparison.outliers.shape == (24,)
    assert "encoding 30 images of the train split" in caplog.messages
    assert any("pixels_kmeans" in line for line in caplog.messages)
    text = describe_results(results)
    assert "100.0 %" in text and "24 images of the test split" in text


def test_clusterers_are_fitted_to_the_training_split_unless_transductive(trained, config):
    inductive = run(trained, make_data(), config)
    transductive = run(trained, make_data(), config, transductive=True)
    without = run(trained, make_data(test=False), config)
    assert [len(e.task.fitted.images) for e in (inductive, transductive, without)] == [30, 24, 30]
    flags = [e.results["clustering"]["kmeans"]["transductive"] for e in (inductive, transductive, without)]
    assert flags == [False, True, True]
    assert inductive.results["clustering"]["pixels_kmeans"]["transductive"]
    assert "inductive" in describe_results(inductive.results)


def test_without_labels_the_label_metrics_are_omitted_with_a_note(trained, config):
    config.evaluation.num_clusters = 3
    data = make_data(test=False, with_labels=False)
    results = run(trained, data, config, clusterers=["kmeans", "agglomerative"]).results
    assert results["data"]["split"] == "train" and results["latents"] == {}
    for entry in results["clustering"].values():
        assert not {"accuracy", "nmi", "confusion", "per_class_accuracy"} & set(entry)
        assert entry["num_clusters"] == 3 and entry["seconds"] >= 0
    assert "no labels: accuracy, NMI, AMI and ARI are left out" in describe_results(results)
    assert results["num_clusters"] == {"used": 3, "source": "configured"}


def test_images_without_a_label_are_clustered_but_not_scored(trained, config):
    data = make_data(test=False)
    hidden = np.arange(30) % 5 == 0
    wrong = np.where(hidden, (data.train.labels + 1) % 3, data.train.labels).astype(np.int32)
    scores = []
    for labels in (np.where(hidden, -1, wrong).astype(np.int32), wrong, np.full(30, -1, np.int32)):
        train = dataclasses.replace(data.train, labels=labels)
        evaluation = run(trained, dataclasses.replace(data, train=train), config, clusterers=["kmeans"])
        assert len(evaluation.comparison.clusterings["kmeans"].clusters) == 30
        scores.append(evaluation.results["clustering"]["kmeans"])
        last = evaluation.results
    assert scores[0]["accuracy"] == 1.0 > scores[1]["accuracy"]
    assert np.sum(scores[0]["confusion"]) == 24 and "accuracy" not in scores[2]
    assert last["latents"] == {} and "of the 0 images that have a label" in describe_results(last)


def test_the_number_of_clusters_can_be_chosen(trained, config):
    config.evaluation.max_clusters = 5
    evaluation = run(trained, make_data(), config, num_clusters="auto")
    choice = evaluation.results["num_clusters"]
    assert choice["recommended"] == 3 == choice["used"] == evaluation.results["clustering"]["kmeans"]["num_clusters"]
    assert choice["curves"]["ks"] == [2, 3, 4, 5] and len(choice["curves"]["gap"]) == 5
    assert choice["reason"] in describe_results(evaluation.results)


def test_the_digest_depends_on_the_pixels(trained, config):
    def digest(data):
        return run(trained, data, config, clusterers=[]).results["data"]["sha256"]

    data = make_data()
    changed = make_data()
    changed.test.images[0, 0, 0, 0] = 1
    assert digest(data) == digest(make_data()) != digest(changed)


def test_splits_and_numbers_of_clusters(config):
    assert choose_split(make_data(), "auto")[0] == "test" and choose_split(make_data(), "train")[0] == "train"
    assert choose_split(make_data(test=False), "auto")[0] == "train"
    with pytest.raises(InputError, match=r"expected a test split .* use --split train"):
        choose_split(make_data(test=False), "test")
    unlabelled = make_data(with_labels=False)
    assert count_clusters(config, make_data(), "", None) == (3, "classes")
    assert count_clusters(config, unlabelled, "", None) == (10, "guess")
    assert count_clusters(config, unlabelled, "auto", None) == (10, "guess")
    config.evaluation.num_clusters = 7
    assert count_clusters(config, make_data(), "", None) == (7, "configured")
    assert count_clusters(config, make_data(), "5", None) == (5, "requested")
    assert count_clusters(config, make_data(), "auto", ChosenK(None, Recommendation(None, ""))) == (7, "configured")
    assert count_clusters(config, make_data(), "auto", ChosenK(None, Recommendation(4, ""))) == (4, "chosen")
