"""From a trained method to the record of one run."""

import dataclasses
from contextlib import contextmanager

import numpy as np
import pytest
from irl_inr_jax.presets import tiny

from irl_inr_jax.evaluation.pipeline import EvaluationOptions, choose_split, count_clusters, evaluate
from irl_inr_jax.report.results_table import describe_results
from irl_inr_jax.training.inference import TrainedMethod
from irl_inr_jax.types import Dataset, ImageSet, InputError, Method, Scaling


def unused(*arguments):
    raise AssertionError("evaluating neither starts nor trains")


def encode(params, model_state, images):
    """The brightest pixel: no pose, and no change under turns about the centre."""
    return images.max((1, 2)), None


@pytest.fixture
def trained():
    method = Method("brightness", unused, unused, encode, None)
    return TrainedMethod(method, {}, {}, scaling=Scaling(1 / 255, 0.0, 0.0, ""), batch_size=8)


def make_split(labels, name="test", with_labels=True):
    """Discs whose brightness says their class, each in another quarter of its image."""
    rng = np.random.default_rng(0)
    images = np.zeros((len(labels), 12, 12, 1), np.uint8)
    for image, label in zip(images, labels, strict=True):
        row, column = rng.integers(1, 8, 2)
        image[row : row + 3, column : column + 3] = 60 + 90 * label
    ids = np.array([f"{name}/{i}" for i in range(len(labels))])
    return ImageSet(images, ids, labels.astype(np.int32) if with_labels else None, None)


def make_data(test=True, with_labels=True):
    train = make_split(np.arange(30) % 3, "train", with_labels)
    split = make_split(np.arange(24) % 3, "test", with_labels) if test else None
    names = ("dim", "grey", "bright") if with_labels else ()
    return Dataset("discs", train, split, names, Scaling(1 / 255, 0.0, 0.0, ""), "discs of three brightnesses")


@pytest.fixture
def config():
    config = tiny.get_config()
    config.evaluation.shift_px = 0.0
    return config


@contextmanager
def silent(what, total):
    yield lambda done, note: None


def run(trained, data, config, say=lambda line: None, **asked):
    asked = EvaluationOptions(
        **{
            "split": "auto",
            "transductive": False,
            "clusterers": ["kmeans"],
            "num_clusters": "",
            "num_seeds": 1,
            "folder": None,
            "scores_only": False,
            **asked,
        }
    )
    return evaluate(trained, data, config, asked, say=say, progress=silent)


def test_latents_that_say_the_class_score_one_and_pixels_less(trained, config):
    lines = []
    evaluation = run(trained, make_data(), config, lines.append)
    results = evaluation.results
    assert results["clustering"]["kmeans"]["accuracy"] == 1 == results["clustering"]["kmeans"]["ari"]
    assert results["clustering"]["pixels_kmeans"]["accuracy"] < 1
    assert results["clustering"]["kmeans"]["num_clusters"] == 3 == results["num_clusters"]["used"]
    assert results["data"]["split"] == "test" and results["data"]["num_images"] == 24
    assert "pose" not in results and "reconstruction" not in results
    assert list(evaluation.embeddings.ids[:2]) == ["test/0", "test/1"]
    assert evaluation.outliers.shape == (24,)
    assert any("pixels_kmeans" in line for line in lines)
    text = describe_results(results)
    assert "100.0 %" in text and "24 images of the test split" in text


def test_clusterers_learn_from_the_training_split_unless_asked_to_see_the_scored_one(trained, config):
    apart = run(trained, make_data(), config)
    together = run(trained, make_data(), config, transductive=True)
    without = run(trained, make_data(test=False), config)
    assert [len(e.task.fitted.images) for e in (apart, together, without)] == [30, 24, 30]
    flags = [e.results["clustering"]["kmeans"]["transductive"] for e in (apart, together, without)]
    assert flags == [False, True, True]
    assert apart.results["clustering"]["pixels_kmeans"]["transductive"]
    assert "inductive" in describe_results(apart.results)


def test_without_labels_the_label_metrics_are_left_out_and_the_table_says_so(trained, config):
    config.evaluation.num_clusters = 3
    data = make_data(test=False, with_labels=False)
    results = run(trained, data, config, clusterers=["kmeans", "agglomerative"]).results
    assert results["data"]["split"] == "train" and results["latents"] == {}
    for entry in results["clustering"].values():
        assert not {"accuracy", "nmi", "confusion", "per_class_accuracy"} & set(entry)
        assert entry["num_clusters"] == 3 and entry["seconds"] >= 0
    assert "no labels: accuracy, NMI, AMI and ARI are left out" in describe_results(results)


def test_images_without_a_label_are_clustered_and_not_scored(trained, config):
    data = make_data(test=False)
    hidden = np.arange(30) % 5 == 0
    wrong = np.where(hidden, (data.train.labels + 1) % 3, data.train.labels).astype(np.int32)
    scores = []
    for labels in (np.where(hidden, -1, wrong).astype(np.int32), wrong, np.full(30, -1, np.int32)):
        train = dataclasses.replace(data.train, labels=labels)
        evaluation = run(trained, dataclasses.replace(data, train=train), config, clusterers=["kmeans"])
        assert len(evaluation.clusterings["kmeans"].clusters) == 30
        scores.append(evaluation.results["clustering"]["kmeans"])
        last = evaluation.results
    assert scores[0]["accuracy"] == 1.0 > scores[1]["accuracy"]
    assert np.sum(scores[0]["confusion"]) == 24 and "accuracy" not in scores[2]
    assert last["latents"] == {} and "of the 0 images that have a label" in describe_results(last)


def test_the_number_of_clusters_may_be_chosen(trained, config):
    config.evaluation.max_clusters = 5
    evaluation = run(trained, make_data(), config, num_clusters="auto")
    choice = evaluation.results["num_clusters"]
    assert choice["recommended"] == 3 == choice["used"] == evaluation.results["clustering"]["kmeans"]["num_clusters"]
    assert choice["curves"]["ks"] == [2, 3, 4, 5] and len(choice["curves"]["gap"]) == 5
    assert choice["reason"] in describe_results(evaluation.results)


def test_the_digest_is_of_the_pixels(trained, config):
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
    assert count_clusters(config, make_data(), "", None) == 3
    assert count_clusters(config, unlabelled, "", None) == 10 == count_clusters(config, unlabelled, "auto", None)
    config.evaluation.num_clusters = 7
    assert count_clusters(config, make_data(), "", None) == 7 == count_clusters(config, make_data(), "auto", None)
    assert count_clusters(config, make_data(), "5", None) == 5
    assert count_clusters(config, make_data(), "auto", 4) == 4


def test_the_table_shows_a_skipped_clusterer_and_every_measure():
    results = {
        "data": {"description": "d", "num_images": 2, "split": "test", "image_shape": [4, 4, 1], "class_names": ["a"],
                 "num_train": 9, "num_labelled": 1},
        "clustering": {"pixels_kmeans": {"num_clusters": 2, "accuracy": 0.5, "nmi": 0.25, "ari": -0.125,
                                         "seconds": 0.1},
                       "scan": {"num_clusters": 2, "transductive": False, "accuracy": 0.9, "peak_mb": 12.0,
                                "seeds": {"accuracy": {"mean": 0.8, "std": 0.05, "values": [0.75, 0.85]}},
                                "notes": ["collapsed"], "neighbour_purity": 0.625},
                       "dbscan": {"num_clusters": 4, "noise_share": 0.3, "transductive": True},
                       "agglomerative": {"skipped": "too many images"}},
        "num_clusters": {"used": 2, "recommended": None, "reason": "no k stands out"},
        "latents": {"neighbour_purity": 0.75},
        "invariance": {"within": 1.0, "between": 2.0, "ratio": 0.5},
        "pose": {"rotation_correlation": 0.99, "rotation_median_error_deg": 1.5, "translation_correlation": [0.9, 0.8]},
        "reconstruction": {"mse": 0.01, "psnr": 20.0},
        "seconds": {"encode": 1.0, "total": 2.0},
    }  # fmt: skip
    text = describe_results(results)
    for shown in (
        "scores are of the 1 images that have a label",
        "80.0 ± 5.0 %",
        "agglomerative: too many images",
        "scan: collapsed",
        "4 + 30 % noise",
        "scan: 62.5 %",
    ):
        assert shown in text
    assert "no k stands out; 2 are made below" in text and "from the 9 training images" in text
    for shown in ("50.0 %", "25.0 %", "-12.5 %", "75.0 %", "0.500", "0.9900", "1.50°", "20.0 dB"):
        assert shown in text
    assert "0.9000, 0.8000" in text
    results["pose"]["translation_correlation"] = None
    assert "translation" not in describe_results(results)
