"""Contents of a saved model: the reference within the size limit, the rule of the input, and held-out images."""

import dataclasses

import numpy as np
import pytest

from irl_inr_jax.config.base import get_config
from irl_inr_jax.data.assembly import assemble_dataset
from irl_inr_jax.data.source import array_source, row_ids
from irl_inr_jax.deployment.bundle import (
    MAX_HELD_OUT,
    allot_bytes,
    count_bytes,
    count_held_out,
    describe_input,
    find_held_out,
    held_out_bytes,
    sample_reference,
    select_held_out,
)
from irl_inr_jax.deployment.classifiers import match_outputs
from irl_inr_jax.evaluation.stored import StoredEvaluation
from irl_inr_jax.training.heldout import hold_out
from irl_inr_jax.types import Embeddings, ImageSet


@pytest.fixture(scope="module")
def evaluated():
    """An evaluation of 3,000 images with latents of 8 dimensions, and the images."""
    rng, count = np.random.default_rng(0), 3000
    ids, latents = row_ids("a", count), rng.normal(size=(count, 8)).astype(np.float32)
    clusters = {"kmeans": (np.arange(count) % 3).astype(np.int32)}
    confidence, outliers = {"kmeans": np.ones(count)}, np.ones(count, np.float32)
    stored = StoredEvaluation({}, Embeddings(ids, latents, None, None), None, clusters, confidence, outliers, {})
    return stored, ImageSet(rng.integers(0, 255, (count, 10, 10, 1), np.uint8), ids, None, None)


@pytest.mark.parametrize("num_bytes", [0, 100_000, 300_000, 10**9])
def test_the_reference_stays_within_its_bytes(evaluated, num_bytes):
    stored, images = evaluated
    rows, with_pixels = sample_reference(stored, images, num_bytes, seed=0)
    assert len(rows) >= 1 and (np.diff(rows) > 0).all() and set(with_pixels) <= set(range(len(rows)))
    used = len(rows) * (8 * 4 + 4 + 4) + len(with_pixels) * 100
    assert used <= max(num_bytes, 40)
    if num_bytes == 10**9:
        assert len(rows) == len(with_pixels) == 3000


def test_a_training_free_model_keeps_its_images_however_wide_their_latents_are(evaluated):
    stored, images = evaluated
    wide = stored._replace(
        embeddings=dataclasses.replace(stored.embeddings, latents=np.zeros((3000, 2000), np.float32))
    )
    free, trained = (
        sample_reference(wide, images, allot_bytes(wide, 0, is_trained=is_trained), seed=0)[0]
        for is_trained in (False, True)
    )
    assert len(free) == 3000 and len(trained) < 60


def test_the_rule_of_the_input_is_measured_on_the_images():
    images = np.zeros((20, 6, 6), np.uint8)
    images[:, 2, 2] = 100 + np.arange(20)
    images[0] = 0
    dataset = assemble_dataset(get_config().data, array_source("x", images, row_ids("a", 20)))
    rule = describe_input(dataset, dataset.train)
    assert (rule.dtype, rule.channels, rule.values) == ("uint8", 1, (0.0, 119.0))
    assert rule.fit.side == rule.fit.out_side == 6 and rule.fit.background.tolist() == [0]
    assert rule.border == 0
    np.testing.assert_allclose(rule.contrast, np.quantile(np.arange(101, 120), (0.05, 0.95)))


def test_held_out_images_are_those_that_training_left_out(evaluated):
    stored, images = evaluated
    data = get_config().data
    dataset = assemble_dataset(data, array_source("x", images.images[..., 0], images.ids))
    config = get_config()
    config.train.holdout = 0.1
    rows, kind = find_held_out(stored, dataset, "train", config)
    _, held_out = hold_out(dataset, share=0.1, seed=config.seed)
    assert kind == "held-out images" and set(stored.ids[rows]) == set(held_out.ids)
    assert find_held_out(stored, dataset, "test", config)[1] == "test images"
    config.train.holdout = 0.0
    rows, kind = find_held_out(stored, dataset, "train", config)
    assert kind == "training images" and len(rows) == min(len(stored.ids) // 2, MAX_HELD_OUT)


def test_held_out_images_take_a_quarter_of_the_bytes_at_most(evaluated):
    stored, _ = evaluated
    assert count_held_out(stored, 10**9) == len(stored.ids)
    count = count_held_out(stored, 4000)
    assert 0 < count < 60 and count * held_out_bytes(stored) <= 1000
    held = select_held_out(stored, np.arange(0, 60, 6), kind="test images", novelty=np.zeros((10, 2), np.float32))
    np.testing.assert_array_equal(held.latents, stored.embeddings.latents[:60:6])
    assert held.is_unseen and not held._replace(kind="training images").is_unseen


def test_outputs_are_matched_with_the_clusters_of_most_of_their_images():
    outputs = np.array([0, 0, 0, 1, 1, 3])
    assert match_outputs(outputs, np.array([4, 4, 9, -1, -1, 0]), num_outputs=5).tolist() == [4, -1, 2, 0, 4]
    assert match_outputs(outputs, outputs, num_outputs=4).tolist() == [0, 1, 2, 3]


def test_bytes_are_those_of_all_leaves():
    assert count_bytes({"a": np.zeros((3, 2), np.float32), "b": {"c": np.zeros((), np.float64)}}) == 32
