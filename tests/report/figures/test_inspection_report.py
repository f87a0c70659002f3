import numpy as np
import pytest
from PIL import Image

from irl_inr_jax.config import base
from irl_inr_jax.data.assembly import assemble_dataset
from irl_inr_jax.data.source import array_source, row_ids
from irl_inr_jax.evaluation.orientation import Orientation
from irl_inr_jax.report.figures.inspection_figures import save_contact_sheet, save_histograms
from irl_inr_jax.report.inspection_text import describe_cost, describe_inspection

FACTS = {
    "description": "images of lots",
    "notes": ["longer side 22 to 212 px, 1 channel", "pixels: uint8 0 to 255"],
    "num_train": 1234,
    "num_test": 5,
    "shape": [32, 30, 1],
    "type": "uint8",
    "megabytes": 1.25,
    "streamed": True,
    "percentiles": {0: 0.0, 1: 2.0, 50: 3.5, 99: 200.0, 100: 255.0},
    "first_ids": ["a", "b"],
    "columns": ["lot", "wafer"],
    "skipped": [f"{i}.png: it is empty" for i in range(12)],
    "classes": {"train": {"ring": 700, "none": 500}, "test": {"ring": 3, "none": 2}},
    "num_unlabelled": 34,
    "orientation": {"median_strength": 0.05, "median_error_deg": 1.5, "undefined_share": 0.125},
    "advice": ["some classes have a single image or none"],
}


def test_a_reader_is_told_all_that_was_understood():
    text = describe_inspection(FACTS)
    for shown in (
        "1,234 for training, 5 for testing; 32x30, 1 channel of uint8; 1.2 MB streamed from disk",
        "longer side 22 to 212 px",
        "0 (least), 2 (1 %), 3.5 (median), 200 (99 %), 255 (greatest)",
        "columns: lot, wafer",
        "could not be read and left out: 12",
        "9.png: it is empty",
        "without a label: 34 of the training images",
        "median error of 1.5 degrees; lost in 12 %",
        "look: some classes have a single image or none",
    ):
        assert shown in text
    assert "10.png" not in text and "ring" in text and "700" in text
    assert "no labels, which is fine" in describe_inspection({**FACTS, "classes": {}})


def test_the_cost_of_a_run_is_said_in_words():
    cost = {"device": "cpu", "images_per_second": 143.2, "num_steps": 1440, "data_mb": 38.0, "state_mb": 56.0}
    text = describe_cost(cost | {"working_mb": 44.0}, 128, "21 min 32 s")
    assert "1,440 steps of 128 images, about 21 min 32 s" in text and "(143 images/s), about 138 MB" in text


@pytest.mark.parametrize("labels", [None, np.array(["", "wolf", "bee"])[np.arange(30) % 3]])
@pytest.mark.parametrize("ground", [0, 255])
def test_pictures_show_images_as_bright_as_they_were_stored(tmp_path, labels, ground):
    images = np.full((30, 12, 12), ground, np.uint8)
    images[:, 3:8, 4:7] = 120 + np.arange(30)[:, None, None]
    source = array_source("x", images, row_ids("i", 30), labels=labels)
    dataset = assemble_dataset(base.get_config().data, source)
    save_contact_sheet(tmp_path / "sheet.png", dataset)
    orientation = Orientation(np.full(30, 0.1), np.linspace(0, 180, 30))
    save_histograms(tmp_path / "histograms.png", dataset, images[..., None], orientation)
    for name in ("sheet.png", "histograms.png"):
        with Image.open(tmp_path / name) as picture:
            pixels = np.asarray(picture.convert("L"))
        assert min(pixels.shape) > 100
        if name == "sheet.png":
            # Cells are enlarged by squares, so stored values are found again to rounding.
            assert {120, 149} <= set(np.unique(pixels[pixels > 100]))
            assert (pixels == ground).sum() > 30 * 100
