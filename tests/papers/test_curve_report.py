"""Figures and tables of curves, from invented points."""

import re

import pytest
from PIL import Image

from irl_inr_jax.types import InputError
from papers.curve_report import INTRODUCTION, describe_run, published_values, write_curves
from papers.curves import CURVES
from papers.runner import write_json
from tests.conftest import ROOT

SHIFTS = ([0.5, 0.25], [0.75, 0.5], [0.875, 0.625])


def record_of(name, **values):
    """A record with three points; values: name → values of the three points."""
    points = [
        {
            "step": step,
            "epoch": step / 50,
            "seconds": 60.0 * step,
            "values": {key: each[number] for key, each in values.items()},
            "images": [60000, 2000],
            "data_sha256": "0123456789abcdef" * 4,
        }
        for number, step in enumerate((100, 1000, 12_000))
    ]
    facts = {"curve": name, "title": CURVES[name].title, "scale": "long", "run": "a", "num_epochs": 100}
    return {**facts, "settings": ["num_test=2000"], "differs": ["smaller networks"], "points": points, "final": None}


def test_a_section_has_three_points_and_the_published_values_in_the_same_columns():
    record = record_of("spatial_vae", kmeans=[0.1, 0.2, 0.3], translation=SHIFTS, rotation_error_deg=[90.0, 80.04, 70])
    text = describe_run("spatial_vae-long", record)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert rows == [
        "| steps | epochs | training | k-means, % | median angle error, ° | shift |",
        "| --- | --- | --- | --- | --- | --- |",
        "| 100 | 2 | 1 h 40 min | 10.0 | 90.0 | 0.500, 0.250 |",
        "| 1,000 | 20 | 16 h 40 min | 20.0 | 80.0 | 0.750, 0.500 |",
        "| 12,000 | 240 | 200 h 0 min | 30.0 | 70.0 | 0.875, 0.625 |",
        "| published |  |  | 31.9 |  | 0.982, 0.983 |",
    ]
    assert "differences from the publication: smaller networks; num_test=2000." in text
    assert "60,000 + 2,000 images (test sha256 0123456789ab)" in text and "SCAN" not in text


def test_a_final_measurement_is_beside_its_published_value():
    record = record_of("simclr", kmeans=[0.1, 0.2, 0.3])
    record["final"] = {"row": "SimCLR + SCAN", "step": 12_000, "settings": [["a.b", 3]], "seconds": 1, "value": 0.5}
    text = describe_run("simclr-long", record)
    assert "SimCLR + SCAN after 12,000 steps, a.b=3: 50.0 %, published 85.4 ± 1.46." in text
    assert "| published |  |  |  |" in text


def test_published_values_are_those_of_the_same_measure():
    curve = CURVES["target_vae"]
    both = ("rotation", "rotation_fisher_lee")
    assert published_values(curve, "kmeans", both) == [pytest.approx(0.6463)]
    assert published_values(curve, "translation", both) == [0.972, 0.971]
    assert published_values(curve, "rotation", both) == [0.859]
    assert published_values(curve, "rotation_fisher_lee", both) == []
    assert published_values(CURVES["irl_inr_rotated"], "rotation_fisher_lee", both[1:]) == [0.9891]


def test_each_run_has_a_small_figure_whose_width_follows_its_panels(tmp_path):
    with pytest.raises(InputError, match="expected runs of python -m papers curve"):
        write_curves(tmp_path, tmp_path / "out")
    values = {"kmeans": [0.1, 0.2, 0.3], "agglomerative": [0.2, 0.2, 0.2]}
    pose = {"translation": SHIFTS, "rotation_error_deg": [90.0, 80.0, 70.0]}
    for name, record in (
        ("simclr", record_of("simclr", **values)),
        ("vae", record_of("spatial_vae", **values, **pose)),
    ):
        write_json(tmp_path / "curves" / name / "points.json", record)
    write_json(tmp_path / "curves" / "empty" / "points.json", record_of("thesis") | {"points": []})
    files = write_curves(tmp_path, tmp_path / "out")
    assert [path.name for path in files] == ["curve-vae.png", "curve-simclr.png", "curves.md"]
    widths = []
    for path in files[:2]:
        assert path.stat().st_size < 100_000
        with Image.open(path) as figure:
            widths.append(figure.width)
    assert widths[0] > 2.5 * 376 > widths[1]
    page = files[2].read_text()
    assert page.index("Spatial-VAE") < page.index("## SimCLR") and "(curve-vae.png)" in page


def test_the_committed_page_and_its_figures_are_those_of_the_generator():
    page = (ROOT / "docs" / "results" / "curves.md").read_text()
    assert page.startswith(INTRODUCTION)
    shown = re.findall(r"\((curve-[^)]*\.png)\)", page)
    assert sorted(shown) == sorted(path.name for path in ROOT.glob("docs/results/*.png"))
    assert all(path.stat().st_size < 100_000 for path in ROOT.glob("docs/results/*.png"))
