"""Orientation of images and advice before training, on sets with known properties."""

import numpy as np

from irl_inr_jax.config import base
from irl_inr_jax.data.assembly import assemble_dataset
from irl_inr_jax.data.description import sample_images
from irl_inr_jax.data.source import array_source, row_ids
from irl_inr_jax.evaluation.orientation import describe_orientation, find_advice, measure_orientation
from irl_inr_jax.methods.pose import make_pose_form

SIDE = 24
FACTS = {
    "border_spread": 0.0,
    "scaling": {"low": 0.0},
    "classes": {"train": {"a": 5}, "test": {"a": 2}},
}
DEFINED = {"undefined_share": 0.1}


def commas(rng, num_images=40):
    """A bright blob with a tail on one side, near the centre."""
    y, x = np.mgrid[:SIDE, :SIDE]
    images = np.zeros((num_images, SIDE, SIDE), np.float32)
    for image in images:
        angle = rng.uniform(0, 2 * np.pi)
        for distance, width in ((0, 3.0), (4, 2.0), (7, 1.0)):
            centre = SIDE / 2 + distance * np.array([np.cos(angle), np.sin(angle)])
            image += np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (2 * width**2))
    return np.round(255 * images / images.max()).astype(np.uint8)


def measure(images):
    dataset = assemble_dataset(base.get_config().data, array_source("x", images, row_ids("i", len(images))))
    orientation = measure_orientation(dataset, sample_images(dataset), make_pose_form(base.get_config()))
    return describe_orientation(orientation)


def test_an_asymmetric_shape_has_a_defined_orientation_and_a_disc_or_noise_has_not():
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    discs = np.repeat(((x**2 + y**2 < 64) * 200).astype(np.uint8)[None], 40, 0)
    clear, none = measure(commas(rng)), measure(discs)
    assert clear["median_error_deg"] < 3 and clear["undefined_share"] == 0
    assert none["undefined_share"] > 0.5 and none["median_strength"] < 0.01 < clear["median_strength"]
    noise = measure(rng.integers(0, 256, (60, SIDE, SIDE), np.uint8))
    assert noise["undefined_share"] > 0.4


def test_advice_names_each_problem_and_is_empty_without_one():
    assert find_advice(FACTS, DEFINED) == []
    problems = {
        "background=image": ({**FACTS, "border_spread": 0.3}, DEFINED),
        "crop=circle": ({**FACTS, "scaling": {"low": -1.0}}, DEFINED),
        "fewer than two images": ({**FACTS, "classes": {"train": {"a": 1}}}, DEFINED),
        "orientation of 50 %": (FACTS, {"undefined_share": 0.5}),
    }
    for words, (facts, orientation) in problems.items():
        [line] = find_advice(facts, orientation)
        assert words in line
