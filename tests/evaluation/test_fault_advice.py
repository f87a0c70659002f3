"""Advice on images that are made with exactly one fault."""

import dataclasses

import numpy as np

from irl_inr_jax.config import base
from irl_inr_jax.data.assembly import assemble_dataset
from irl_inr_jax.data.description import sample_images
from irl_inr_jax.data.source import array_source, row_ids
from irl_inr_jax.evaluation.fault_advice import advise_on_background, advise_on_sizes, find_faults, name_rows


def blobs():
    """Blobs at random places near the centre, on a background of 0."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:32, :32] - 15.5
    places = rng.uniform(-6, 6, (40, 2, 1, 1))
    return np.exp(-((y - places[:, 0]) ** 2 + (x - places[:, 1]) ** 2) / 8)[..., None]


def advise(images, **data):
    config = base.get_config().data
    config.update(data)
    dataset = assemble_dataset(config, array_source("x", images, row_ids("i", len(images))))
    return find_faults(dataset, sample_images(dataset), same_scale=config.same_scale)


def test_each_fault_has_one_line_and_clean_images_have_none():
    clean = (255 * blobs()).astype(np.uint8)
    assert advise(clean) == advise(255 - clean) == []
    marked, framed, blank, copied, mixed = (clean.copy() for _ in range(5))
    framed[:, [0, -1]] = framed[:, :, [0, -1]] = 200
    marked[:, 29:31, 2:12] = 255
    blank[[3, 7, 8, 9]] = 0
    copied[5] = copied[2]
    mixed[[1, 4]] = 255 - mixed[[1, 4]]
    for images, words in (
        (marked, "rows 29 to 30, columns 2 to 11"),
        (framed, "a frame of 1 pixel along the border"),
        (blank, "4 of 40 images are blank (i/00003, i/00007, i/00008, …)"),
        (copied, "1 of 40 images are equal to an earlier one (i/00005; i/00005 equals i/00002)"),
        (mixed, "2 of 40 sampled images have the opposite background"),
    ):
        [line] = advise(images)
        assert words in line
    [line] = advise(255 - clean, background="0")
    assert "config.data.background=auto" in line


def test_the_advised_mask_removes_the_mark():
    marked = (255 * blobs()).astype(np.uint8)
    marked[:, 29:31, 2:12] = 255
    [line] = advise(marked)
    assert "config.data.mask=(28, 31, 1, 12) makes it background" in line
    assert advise(marked, mask=(28, 31, 1, 12)) == []
    boxed = (255 * blobs()).astype(np.uint8)
    boxed[:, [2, -3], 2:-2] = boxed[:, 2:-2, [2, -3]] = 200
    [line] = advise(boxed)
    assert "mask" not in line and "config.data.crop=circle" in line


def test_of_streamed_images_only_the_sample_is_searched():
    images = (255 * blobs()).astype(np.uint8)
    images[3] = 0
    [line] = advise(images, memory_mb=0)
    assert "1 of 40 sampled images are blank" in line


def test_dark_objects_on_a_grey_background_name_the_setting():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(40, 32, 32, 1))
    dark = np.clip(128 - 120 * blobs() + 5 * noise, 0, 255).astype(np.uint8)
    [line] = advise(dark)
    assert "config.data.invert=True" in line and advise(dark, invert=True) == []
    assert advise_on_background(blobs(), row_ids("i", 40), low=-1.0) == []


def test_sizes_are_compared_only_at_one_scale():
    assert advise_on_sizes((10, 80)) == []
    [line] = advise_on_sizes((10, 81))
    assert "from 10 to 81 pixels" in line and "config.data.same_scale=False" in line
    dataset = assemble_dataset(
        base.get_config().data, array_source("x", (255 * blobs()).astype(np.uint8), row_ids("i", 40))
    )
    assert dataset.side_range == (32, 32)
    differing = dataclasses.replace(dataset, side_range=(4, 64))
    sample = sample_images(differing)
    assert len(find_faults(differing, sample, same_scale=True)) == 1
    assert find_faults(differing, sample, same_scale=False) == []


def test_at_most_three_rows_are_named():
    ids = np.array(list("abcde"))
    assert name_rows(np.array([0, 2]), ids) == "a, c" and name_rows(np.arange(5), ids) == "a, b, c, …"
