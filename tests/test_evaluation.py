"""From a trained method to the record of one run."""

import numpy as np
import pytest

from configs import tiny
from irl_inr_jax.embed import TrainedMethod
from irl_inr_jax.evaluation import choose_split, cluster_all, count_clusters, evaluate
from irl_inr_jax.report.results_table import describe_results
from irl_inr_jax.types import Dataset, Embeddings, ImageSet, InputError, Method


def unused(*arguments):
    raise AssertionError("evaluating neither starts nor trains")


def encode(params, model_state, images):
    """The brightest pixel: no pose, and no change under turns about the centre."""
    return images.max((1, 2)), None


@pytest.fixture
def trained():
    method = Method("brightness", unused, unused, encode, None)
    return TrainedMethod(method, {}, {}, scale=1 / 255, offset=0.0, batch_size=8)


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
    return Dataset("discs", train, split, names, 1 / 255, 0.0, "discs of three brightnesses")


@pytest.fixture
def config():
    config = tiny.get_config()
    config.evaluation.shift_px = 0.0
    return config


def test_latents_that_say_the_class_score_one_and_pixels_less(trained, config):
    lines = []
    evaluation = evaluate(trained, make_data(), config, split="auto", clusterers=["kmeans"], say=lines.append)
    results = evaluation.results
    assert results["clustering"]["kmeans"]["accuracy"] == 1 == results["clustering"]["kmeans"]["ari"]
    assert results["clustering"]["pixels_kmeans"]["accuracy"] < 1
    assert results["clustering"]["kmeans"]["num_clusters"] == 3
    assert results["data"]["split"] == "test" and results["data"]["num_images"] == 24
    assert "pose" not in results and "reconstruction" not in results
    assert list(evaluation.embeddings.ids[:2]) == ["test/0", "test/1"]
    assert any("pixels_kmeans" in line for line in lines)
    text = describe_results(results)
    assert "100.0 %" in text and "24 images of the test split" in text


def test_without_labels_the_label_metrics_are_left_out_and_the_table_says_so(trained, config):
    config.evaluation.num_clusters = 3
    data = make_data(test=False, with_labels=False)
    results = evaluate(
        trained, data, config, split="auto", clusterers=["kmeans", "agglomerative"], say=lambda line: None
    ).results
    assert results["data"]["split"] == "train" and results["latents"] == {}
    assert all(set(entry) == {"num_clusters", "seconds"} for entry in results["clustering"].values())
    assert "no labels: accuracy, NMI and ARI are left out" in describe_results(results)


def test_a_clusterer_that_declines_is_told_and_the_others_go_on():
    images = make_split(np.arange(6) % 3)
    broken = Embeddings(images.ids, np.full((6, 2), np.nan, np.float32), None, images.labels)
    scores, clusters = cluster_all(images, broken, clusterers=["kmeans"], num_clusters=2, seed=0, say=lambda line: None)
    assert "skipped" in scores["kmeans"] and set(clusters) == {"pixels_kmeans"}
    assert scores["pixels_kmeans"]["num_clusters"] == 2


def test_the_digest_is_of_the_pixels(trained, config):
    def digest(data):
        return evaluate(trained, data, config, split="test", clusterers=[], say=lambda line: None).results["data"][
            "sha256"
        ]

    data = make_data()
    changed = make_data()
    changed.test.images[0, 0, 0, 0] = 1
    assert digest(data) == digest(make_data()) != digest(changed)


def test_splits_and_numbers_of_clusters(config):
    assert choose_split(make_data(), "auto")[0] == "test" and choose_split(make_data(), "train")[0] == "train"
    assert choose_split(make_data(test=False), "auto")[0] == "train"
    with pytest.raises(InputError, match=r"expected a test split .* use --split train"):
        choose_split(make_data(test=False), "test")
    assert count_clusters(config, make_data()) == 3
    assert count_clusters(config, make_data(with_labels=False)) == 10
    config.evaluation.num_clusters = 7
    assert count_clusters(config, make_data()) == 7


def test_the_table_shows_a_skipped_clusterer_and_every_measure():
    results = {
        "data": {"description": "d", "num_images": 2, "split": "test", "image_shape": [4, 4, 1], "class_names": ["a"]},
        "clustering": {"kmeans": {"num_clusters": 2, "accuracy": 0.5, "nmi": 0.25, "ari": -0.125, "seconds": 0.1},
                       "agglomerative": {"skipped": "too many images"}},
        "latents": {"neighbour_purity": 0.75},
        "invariance": {"within": 1.0, "between": 2.0, "ratio": 0.5},
        "pose": {"rotation_correlation": 0.99, "rotation_median_error_deg": 1.5, "translation_correlation": [0.9, 0.8]},
        "reconstruction": {"mse": 0.01, "psnr": 20.0},
        "seconds": {"encode": 1.0, "total": 2.0},
    }  # fmt: skip
    text = describe_results(results)
    for shown in ("50.0 %", "25.0 %", "-12.5 %", "too many images", "75.0 %", "0.500", "0.9900", "1.50°", "20.0 dB"):
        assert shown in text
    assert "0.9000, 0.8000" in text
    results["pose"]["translation_correlation"] = None
    assert "translation" not in describe_results(results)
