"""The findings of `inspect` as text."""

from irl_inr_jax.report.inspection_text import describe_cost, describe_inspection, describe_search

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


def test_all_findings_are_in_the_text():
    text = describe_inspection(FACTS)
    for expected in (
        "1,234 for training, 5 for testing; 32x30, 1 channel of uint8; 1.2 MB streamed from disk",
        "longer side 22 to 212 px",
        "0 (minimum), 2 (1 %), 3.5 (median), 200 (99 %), 255 (maximum)",
        "columns: lot, wafer",
        "skipped, since they could not be read: 12",
        "9.png: it is empty",
        "without a label: 34 of the training images",
        "median error of 1.5 degrees; undefined in 12 % of the images (median |c21| 0.050)",
        "advice\n  some classes have a single image or none",
    ):
        assert expected in text
    assert "10.png" not in text and "ring" in text and "700" in text
    assert "advice" not in describe_inspection({**FACTS, "advice": []})
    assert "no labels; they are optional" in describe_inspection({**FACTS, "classes": {}})


def test_the_cost_names_steps_time_speed_and_memory():
    cost = {"device": "cpu", "images_per_second": 143.2, "num_steps": 1440, "data_mb": 38.0, "state_mb": 56.0}
    text = describe_cost(cost | {"working_mb": 44.0}, 128, "21 min 32 s")
    assert "1,440 steps of 128 images, about 21 min 32 s" in text and "(143 images/s), about 138 MB" in text


def test_the_search_for_neighbours_has_a_line_of_its_own():
    assert describe_search(0.0) == "" and "about 1 min 5 s to search" in describe_search(65.0)
