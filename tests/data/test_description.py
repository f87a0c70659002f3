"""Facts about a data set, on sets with known properties."""

import json
import re

import numpy as np
import pytest

from irl_inr_jax.config import base
from irl_inr_jax.data.assembly import assemble_dataset
from irl_inr_jax.data.datasets import make_dataset
from irl_inr_jax.data.description import (
    FILE,
    background_deviations,
    check_no_change,
    describe_dataset,
    describe_image_change,
    digest_images,
    sample_images,
    warn_of_change,
)
from irl_inr_jax.data.source import array_source, row_ids
from irl_inr_jax.presets import tiny
from irl_inr_jax.types import ImageSet, InputError

SIDE = 12


def squares(num_images):
    """A bright square on black in each image."""
    images = np.zeros((num_images, SIDE, SIDE), np.uint8)
    images[:, 4:8, 4:8] = 255
    return images


def test_the_noise_of_the_background_is_measured_without_objects_that_cross_it():
    images = np.random.default_rng(0).normal(0.0, 0.1, (30, 40, 40, 1)).astype(np.float32)
    images[:, 12:20] += 1.0
    np.testing.assert_allclose(background_deviations(images), 0.1, rtol=0.3)
    assert (background_deviations(np.ones((2, 8, 8, 1), np.float32)) == 0).all()


def test_facts_describe_the_images():
    images = squares(40)
    images[3] = 0
    dataset = assemble_dataset(base.get_config().data, array_source("x", images, row_ids("i", len(images))))
    facts = describe_dataset(dataset, sample_images(dataset))
    assert facts["num_train"] == 40 and facts["num_test"] == 0 and facts["shape"] == [SIDE, SIDE, 1]
    assert facts["percentiles"][0] == 0 and facts["percentiles"][100] == 255 and facts["type"] == "uint8"
    assert facts["blank_share"] == 1 / 40 and facts["classes"] == {} and facts["border_spread"] == 0


def test_classes_are_counted_by_split():
    dataset = make_dataset(tiny.get_config().data)
    facts = describe_dataset(dataset, sample_images(dataset))
    assert sum(facts["classes"]["train"].values()) == 256 and sum(facts["classes"]["test"].values()) == 64


def test_images_on_disk_are_described_like_those_in_memory(tmp_path):
    config = tiny.get_config()
    np.save(tmp_path / "squares.npy", squares(80))
    config.data.update(name="images", path=str(tmp_path / "squares.npy"), canvas=0, translation_px=0.0)
    config.data.update(num_train=0, num_test=0, test_fraction=0.0)
    facts = []
    for memory_mb in (2000, 0):
        config.data.memory_mb = memory_mb
        dataset = make_dataset(config.data)
        facts.append(describe_dataset(dataset, sample_images(dataset)))
        assert facts[-1].pop("streamed") == (memory_mb == 0)
        facts[-1].pop("notes")
    assert facts[0] == facts[1]


def facts_of(images, ids=None):
    ids = row_ids("i", len(images)) if ids is None else ids
    dataset = assemble_dataset(base.get_config().data, array_source("x", images, ids))
    return describe_dataset(dataset, sample_images(dataset))


@pytest.mark.parametrize(
    ("images", "ids", "change"),
    [
        (squares(24), None, ""),
        (squares(36), None, "36 training images, not 24"),
        (squares(24).repeat(2, 1).repeat(2, 2), None, r"images of shape \[24, 24, 1\], not \[12, 12, 1\]"),
        (squares(24).astype(np.uint16), None, "pixels of type uint16, not uint8"),
        (squares(24), row_ids("j", 24), "images with other ids, or in another order"),
        (squares(24) // 2, None, "images with other pixel values"),
    ],
)
def test_a_change_of_the_images_is_described(tmp_path, images, ids, change):
    assert describe_image_change(tmp_path, facts_of(images, ids)) == ""
    (tmp_path / FILE).write_text(json.dumps(facts_of(squares(24))))
    found = describe_image_change(tmp_path, facts_of(images, ids))
    assert re.fullmatch(change, found)
    if change:
        with pytest.raises(InputError, match=f"was started, found {change}; choose another --workdir"):
            check_no_change(tmp_path, facts_of(images, ids))


def test_facts_that_an_earlier_version_did_not_describe_are_not_compared(tmp_path):
    facts = facts_of(squares(24))
    del facts["digest"]
    facts["scaling"]["description"] = "in other words"
    facts["percentiles"][50] += 7
    (tmp_path / FILE).write_text(json.dumps(facts))
    assert describe_image_change(tmp_path, facts_of(squares(24))) == ""
    (tmp_path / FILE).write_text("{damaged")
    with pytest.raises(InputError, match=r"found a damaged file .* remove it to go on without comparing"):
        describe_image_change(tmp_path, facts_of(squares(24)))


def test_a_change_is_logged(tmp_path, log):
    (tmp_path / FILE).write_text(json.dumps(facts_of(squares(24))))
    for number, lines in ((24, []), (36, ["the images changed since the training: 36 training images, not 24"])):
        data = base.get_config().data
        warn_of_change(tmp_path, assemble_dataset(data, array_source("x", squares(number), row_ids("i", number))))
        assert [line.split(";")[0] for line in log.messages] == lines


def test_the_digest_tells_other_pixels_and_other_names():
    images, ids = np.zeros((3, 4, 4, 1), np.uint8), np.array(["a", "b", "c\ud800"], dtype=object)
    changed = images.copy()
    changed[1, 2, 3] = 1
    sets = [
        ImageSet(images, ids, None, None),
        ImageSet(changed, ids, None, None),
        ImageSet(images, ids[::-1], None, None),
    ]
    digests = [digest_images(each) for each in sets]
    assert len(set(digests)) == 3 and digests[0] == digest_images(ImageSet(images.copy(), ids.copy(), None, None))
