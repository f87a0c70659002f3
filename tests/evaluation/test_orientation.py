"""What is said of a data set before training, on sets of which the truth is known."""

import dataclasses

import numpy as np
import pytest
from irl_inr_jax.presets import tiny

from irl_inr_jax.config import base
from irl_inr_jax.data.assembly import assemble_dataset
from irl_inr_jax.data.datasets import make_dataset
from irl_inr_jax.data.description import describe_dataset, background_deviations, sample_images
from irl_inr_jax.data.source import array_source, row_ids
from irl_inr_jax.evaluation.orientation import describe_orientation, find_advice, measure_orientation
from irl_inr_jax.methods.pose import make_pose_form
from irl_inr_jax.training.cost import estimate_cost

RNG = np.random.default_rng(0)
SIDE = 24


def dataset_of(images):
    source = array_source("x", images, row_ids("i", len(images)))
    return assemble_dataset(base.get_config().data, source)


def commas(num_images=40):
    """A bright blob with a tail on one side, somewhere near the middle."""
    y, x = np.mgrid[:SIDE, :SIDE]
    images = np.zeros((num_images, SIDE, SIDE), np.float32)
    for image in images:
        turn = RNG.uniform(0, 2 * np.pi)
        for distance, width in ((0, 3.0), (4, 2.0), (7, 1.0)):
            centre = SIDE / 2 + distance * np.array([np.cos(turn), np.sin(turn)])
            image += np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (2 * width**2))
    return np.round(255 * images / images.max()).astype(np.uint8)


def measured(images):
    dataset = dataset_of(images)
    orientation = measure_orientation(dataset, sample_images(dataset), make_pose_form(base.get_config()))
    return describe_orientation(orientation)


def test_an_arrowlike_shape_has_an_orientation_and_a_disc_or_noise_has_none():
    y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    discs = np.repeat(((x**2 + y**2 < 64) * 200).astype(np.uint8)[None], 40, 0)
    clear, none = measured(commas()), measured(discs)
    assert clear["median_error_deg"] < 3 and clear["undefined_share"] == 0
    assert none["undefined_share"] > 0.5 and none["median_strength"] < 0.01 < clear["median_strength"]
    noise = measured(RNG.integers(0, 256, (60, SIDE, SIDE), np.uint8))
    assert noise["undefined_share"] > 0.4


def test_the_noise_of_the_ground_is_seen_and_an_object_across_it_is_not():
    images = RNG.normal(0.0, 0.1, (30, 40, 40, 1)).astype(np.float32)
    images[:, 12:20] += 1.0
    np.testing.assert_allclose(background_deviations(images), 0.1, rtol=0.3)
    assert (background_deviations(np.ones((2, 8, 8, 1), np.float32)) == 0).all()


def test_facts_are_those_of_the_images():
    images = commas()
    images[3] = 0
    dataset = dataset_of(images)
    facts = describe_dataset(dataset, sample_images(dataset))
    assert facts["num_train"] == 40 and facts["num_test"] == 0 and facts["shape"] == [SIDE, SIDE, 1]
    assert facts["percentiles"][0] == 0 and facts["percentiles"][100] == 255 and facts["type"] == "uint8"
    assert facts["blank_share"] == 1 / 40 and facts["classes"] == {} and facts["border_spread"] == 0
    advice = find_advice(facts, {"undefined_share": 0.0})
    assert len(advice) == 1 and "2.5 % of the images are blank" in advice[0]


def test_classes_are_counted_by_split_and_what_is_odd_is_said():
    config = tiny.get_config()
    dataset = make_dataset(config.data)
    facts = describe_dataset(dataset, sample_images(dataset))
    assert sum(facts["classes"]["train"].values()) == 256 and sum(facts["classes"]["test"].values()) == 64
    assert find_advice(facts, {"undefined_share": 0.1}) == []
    facts = {**facts, "border_spread": 0.3, "scaling": {"low": -1.0}, "classes": {"train": {"a": 1}}}
    advice = " | ".join(find_advice(facts, {"undefined_share": 0.5}))
    for word in ("background=image", "crop=circle", "single image", "orientation of 50 %"):
        assert word in advice


def test_an_estimate_counts_the_steps_and_the_bytes_of_the_run():
    config = tiny.get_config()
    dataset = make_dataset(config.data)
    cost = estimate_cost(config, dataset)
    assert cost.num_steps == 2 * (256 // 64)
    assert cost.seconds == pytest.approx(cost.num_steps * 64 / cost.images_per_second)
    assert cost.data_mb == pytest.approx(256 * 16 * 16 / 1e6)
    twice = config.copy_and_resolve_references()
    twice.train.batch_size = 128
    assert estimate_cost(twice, dataset).working_mb == pytest.approx(2 * cost.working_mb)
    assert estimate_cost(config, dataclasses.replace(dataset, test=None)).state_mb == cost.state_mb > 0


def test_images_on_disk_are_inspected_as_those_in_memory(tmp_path):
    config = tiny.get_config()
    np.save(tmp_path / "commas.npy", commas(80))
    config.data.update(name="images", path=str(tmp_path / "commas.npy"), canvas=0, translation_px=0.0)
    config.data.update(num_train=0, num_test=0, test_fraction=0.0)
    facts = []
    for memory_mb in (2000, 0):
        config.data.memory_mb = memory_mb
        dataset = make_dataset(config.data)
        facts.append(describe_dataset(dataset, sample_images(dataset)))
        assert facts[-1].pop("streamed") == (memory_mb == 0)
        facts[-1].pop("notes")
        assert estimate_cost(config, dataset).data_mb == (80 * SIDE**2 / 1e6 if memory_mb else 0)
    assert facts[0] == facts[1]
