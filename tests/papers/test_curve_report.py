"""Figures and tables of curves, from invented points."""

import math
import re
from urllib.parse import unquote

import pytest
from PIL import Image

from irl_inr_jax.types import InputError
from papers.curve_report import describe_run, format_page, read_published, write_curves
from papers.runner import read_json, write_json
from tests.conftest import ROOT
from tests.papers.curve_records import SHIFTS, record_of


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
    names = [f"curve-{name}.{ending}" for name in ("simclr", "vae") for ending in ("json", "png")]
    assert [path.name for path in files] == [*names, "curves.md"]
    widths = []
    for path in files[1:4:2]:
        assert path.stat().st_size < 100_000
        with Image.open(path) as figure:
            widths.append(figure.width)
    assert widths[1] > 2.5 * 376 > widths[0]
    page = files[-1].read_text()
    assert page.index("Spatial-VAE") < page.index("## SimCLR") and "(curve-vae.png)" in page


def test_published_runs_stay_and_those_of_the_workdir_replace_theirs(tmp_path):
    def write(name, title, *, workdir):
        record = record_of("simclr", kmeans=[0.1, 0.2, 0.3]) | {"title": title}
        write_json(tmp_path / workdir / "curves" / name / "points.json", record)

    write("simclr-long", "One", workdir="a")
    write("simclr-quick", "Two", workdir="a")
    write_curves(tmp_path / "a", tmp_path / "out")
    write("simclr-long", "Three", workdir="b")
    written = write_curves(tmp_path / "b", tmp_path / "out")
    page = written[-1].read_text()
    assert "## Three" in page and "## Two" in page and "## One" not in page and len(written) == 5
    assert read_json(tmp_path / "out" / "curve-simclr-long.json")["title"] == "Three"
    assert write_curves(tmp_path / "none", tmp_path / "out")[-1].read_text() == page


def test_a_run_with_other_settings_says_so_and_its_files_are_linked(tmp_path):
    name = "simclr-long-data.path=a%2Fb"
    changed = record_of("simclr", kmeans=[0.1, 0.2, 0.3]) | {"seed": 4, "set": [["data.path", "a/b"], ["seed", 4]]}
    write_json(tmp_path / "curves" / name / "points.json", changed)
    page = write_curves(tmp_path, tmp_path / "out")[-1].read_text()
    assert f"## SimCLR on MNIST(U), data.path=a/b, seed=4 (`{name}`)" in page
    assert "; seed 4; differences from the publication: smaller networks; num_test=2000; data.path=a/b; seed=4." in page
    for link in re.findall(r"\]\(([^)]*)\)", page):
        assert (tmp_path / "out" / unquote(link)).exists(), link


def test_runs_of_one_curve_with_narrow_and_published_networks_have_different_headings(tmp_path):
    narrow = record_of("simclr", kmeans=[0.1, 0.2, 0.3])
    for name, record in {"simclr-long": narrow, "simclr-paper": narrow | {"scale": "paper", "differs": []}}.items():
        write_json(tmp_path / "curves" / name / "points.json", record)
    page = write_curves(tmp_path, tmp_path / "out")[-1].read_text()
    for heading in ("SimCLR on MNIST(U) (`simclr-long`)", "SimCLR on MNIST(U), published networks (`simclr-paper`)"):
        assert f"\n## {heading}\n" in page


def test_records_without_settings_are_of_a_curves_own_with_finite_values_and_unknown_curves_are_refused(tmp_path):
    record = record_of("simclr", kmeans=[0.1, 0.2, 0.3])
    before = record_of("simclr", kmeans=[0.1, 0.2, 0.3], mse=[math.nan] * 3)
    del before["set"], before["seed"]
    path = tmp_path / "curves" / "simclr-long" / "points.json"
    write_json(path, before)
    write_curves(tmp_path, tmp_path / "out")
    assert read_json(tmp_path / "out" / "curve-simclr-long.json") == record
    write_json(path.parents[1] / "simclr-long-seed=4" / "points.json", before)
    with pytest.raises(InputError, match=r"expected the settings of the run in .*seed=4"):
        write_curves(tmp_path, tmp_path / "out")
    write_json(path, record | {"curve": "simclear"})
    with pytest.raises(InputError, match=r"expected a curve among .*, found 'simclear'"):
        write_curves(tmp_path, tmp_path / "out")


def test_the_committed_page_and_its_figures_are_those_of_the_generator():
    page = (ROOT / "docs" / "results" / "curves.md").read_text()
    assert page == format_page(read_published(ROOT / "docs" / "results"))
    shown = [unquote(link) for link in re.findall(r"\((curve-[^)]*\.png)\)", page)]
    assert sorted(shown) == sorted(path.name for path in ROOT.glob("docs/results/curve-*.png"))
    assert all(path.stat().st_size < 100_000 for path in ROOT.glob("docs/results/*.png"))


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"curve": "thesis", "scale": "long"}'])
def test_a_file_that_is_no_record_is_named(tmp_path, text):
    (tmp_path / "curve-thesis-long.json").write_text(text)
    with pytest.raises(InputError, match=r"expected the points of a curve in .*curve-thesis-long\.json"):
        read_published(tmp_path)
