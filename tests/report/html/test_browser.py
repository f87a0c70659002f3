"""The page in a real browser: headless Chromium opens the file from disk, without a network."""

import csv
import json
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from irl_inr_jax.data.csv_cells import restore_cell
from irl_inr_jax.evaluation.curation import MarkJunk, Rename, apply_operations, start_curation
from irl_inr_jax.evaluation.curation_table import read_corrections_table
from irl_inr_jax.geometry.coords import invert_pose
from irl_inr_jax.geometry.warps import transform_images
from irl_inr_jax.report.html.page import write_page
from tests.report.html.conftest import NASTY

pytestmark = pytest.mark.slow
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
# Lines of Chromium about its own speed, under software rendering and when a test reads pixels.
ABOUT_SPEED = ("GPU stall", "SwiftShader", "willReadFrequently")
# Software rendering, as machines without a graphics card have; the sandbox cannot start as root.
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("there is no chromium on the PATH")
    with playwright.sync_playwright() as session:
        chromium = session.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser, tmp_path):
    """open_page(content): the page, offline; no error may have been logged at the end of the test."""
    problems, contexts = [], []

    def open_content(content):
        write_page(tmp_path / "report.html", content)
        context = browser.new_context(offline=True, accept_downloads=True, viewport={"width": 1300, "height": 900})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda line: problems.append(line.text) if line.type in ("error", "warning") else None)
        page.on("request", lambda request: problems.append(request.url) if request.url.startswith("http") else None)
        page.goto(f"file://{tmp_path / 'report.html'}")
        return page

    yield open_content
    for context in contexts:
        context.close()
    assert not [line for line in problems if not any(words in line for words in ABOUT_SPEED)]


@pytest.fixture
def page(arrows, open_page):
    return open_page(arrows.describe(verdict=[{"name": "loss", "good": False, "text": NASTY}]))


def open_map(page):
    page.click("#tab-map")
    page.wait_for_function("document.querySelector('#map-plot .gl-container canvas') !== null")
    return page.locator("#map-frame").bounding_box()


def download(page, selector, tmp_path):
    with page.expect_download() as waiting:
        page.click(selector)
    path = tmp_path / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


def test_text_of_the_data_is_shown_as_text_and_never_run(page, arrows):
    assert NASTY in page.locator("#title").inner_text() and page.locator(".verdict li.bad").inner_text() == NASTY
    page.click("#tab-clusters")
    page.locator(".thumb").first.wait_for()
    page.evaluate("document.querySelector('.more')?.click()")
    for name in ("class", "column:site"):
        open_map(page)
        page.select_option("#colour", name)
        assert NASTY in page.locator("#legend").inner_text()
    page.wait_for_timeout(300)
    assert page.evaluate("window.attacked") is None and page.locator("img[src=x]").count() == 0


def test_all_points_are_on_the_map_and_the_ones_in_a_lasso_become_a_file(page, arrows, tmp_path):
    box = open_map(page)
    assert page.evaluate("document.getElementById('map-plot').data[0].x.length") == 90
    page.click("[data-mode=lasso]")
    corners = [(2, 2), (box["width"] - 2, 2), (box["width"] - 2, box["height"] - 2), (2, box["height"] - 2), (2, 2)]
    page.mouse.move(box["x"] + 2, box["y"] + 2)
    page.mouse.down()
    for right, down in corners:
        page.mouse.move(box["x"] + right, box["y"] + down, steps=8)
    page.mouse.up()
    page.wait_for_function("document.getElementById('selection-count').textContent === '90 selected'")
    with download(page, "#map-selection .download-selection", tmp_path).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert "'=1+1" in {row["id"] for row in rows}  # no cell is a formula
    assert sorted(restore_cell(row["id"]) for row in rows) == sorted(arrows.dataset.train.ids)
    assert {row["label"] for row in rows} >= {"middle"}


def test_the_upright_view_is_the_image_transformed_back_by_its_pose(page, arrows):
    page.click("#tab-clusters")
    page.locator(".thumb canvas").first.wait_for()
    page.wait_for_timeout(300)
    read = """() => [...document.querySelectorAll('.thumb canvas')].slice(0, 12).map((canvas) => {
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        return [Number(canvas.dataset.row), canvas.dataset.kind, [...data]];
    })"""
    taken = page.evaluate(read)
    page.keyboard.press("u")
    upright = page.evaluate(read)
    pose = invert_pose(jax.tree.map(jnp.asarray, arrows.evaluation.split.embeddings.pose))
    stored = jnp.asarray(arrows.dataset.train.images, jnp.float32) / 255
    enlarged = {"canvas": (74, 74), "zoom": 74 / 24}
    expected = np.asarray(transform_images(stored, pose, interpolation="bilinear", fill=0.0, **enlarged))
    for (row, kind, pixels), (_, before, plain) in zip(upright, taken, strict=True):
        shown, as_taken = (np.array(values).reshape(74, 74, 4)[..., 0] / 255 for values in (pixels, plain))
        assert (before, kind) == ("taken", "upright")
        assert np.corrcoef(shown.ravel(), expected[row, ..., 0].ravel())[0, 1] > 0.97
        assert np.corrcoef(as_taken.ravel(), expected[row, ..., 0].ravel())[0, 1] < 0.97 or row == 0


def test_an_image_opens_with_its_pose_its_clusters_and_its_nearest_images(page):
    page.click("#tab-clusters")
    page.locator(".thumb").nth(3).click()
    text = page.locator("#detail").inner_text()
    assert (
        "counter-clockwise" in text and "kmeans" in text and "agglomerative" in text and "under all rotations" in text
    )
    assert page.locator("#detail .thumb").count() == 12 and page.locator("#detail .views canvas").count() == 4
    page.click("#close-detail")
    assert not page.locator("#detail").is_visible()


def test_edits_are_applied_undone_and_downloaded(page, arrows, tmp_path):
    clusters = arrows.evaluation.comparison.clusterings["kmeans"].clusters
    page.click("#tab-clusters")
    page.fill("#cluster-name", NASTY)
    page.keyboard.press("Enter")
    page.locator(f'[data-cluster="{1}"]').click()
    page.select_option("#merge-into", "2")
    page.click("#merge")
    assert page.locator("#cluster-list button").count() == 2
    page.click("#junk")
    page.click("#tab-curate")
    assert page.locator("ol.edits li").count() == 3
    page.click("#undo")
    found = json.loads(download(page, "#download-json", tmp_path).read_text())
    assert found["format"] == "irl-inr curation" and found["clusterer"] == "kmeans"
    assert found["data"]["sha256"] == arrows.evaluation.results["data"]["sha256"]
    assert found["clustering"] == arrows.describe()["clusterings"][0]["digest"]
    assert found["operations"] == [
        {"kind": "rename", "cluster": 0, "name": NASTY[:120]},
        {"kind": "merge", "from": 1, "into": 2},
    ]
    with download(page, "#download-csv", tmp_path).open(newline="") as file:
        rows = list(csv.DictReader(file))
    expected = np.where(clusters == 1, 2, clusters)
    assert [int(row["cluster"]) for row in rows] == expected.tolist() and {row["junk"] for row in rows} == {"0"}
    assert {row["name"] for row in rows} == {NASTY[:120], "cluster 2"}


def test_corrections_of_the_run_are_shown_and_edited_further(open_page, arrows, tmp_path):
    found = arrows.evaluation.comparison.clusterings["kmeans"]
    ids = np.asarray(arrows.evaluation.split.images.ids, str)
    junk = ids[np.flatnonzero(found.clusters == 2)[:1]]
    start = start_curation(ids, found.clusters, found.confidence)
    state = apply_operations(start, [Rename(1, "one"), MarkJunk(tuple(junk.tolist()))])
    content = arrows.describe(curated={"kmeans": state})
    content["clusterings"][0]["next"] = [5, 3]
    page = open_page(content)
    page.click("#tab-clusters")
    texts = page.locator("#cluster-list button").all_inner_texts()
    assert [text.split("\n")[0] for text in texts] == ["cluster 0", "one", "cluster 2", "junk"]
    assert texts[-1].split("\n")[-1] == "1 images"
    page.click("#tab-curate")
    assert [node.get_attribute("data-row") for node in page.locator("#next .thumb").all()] == ["5", "3"]
    (tmp_path / "page.csv").write_bytes(download(page, "#download-csv", tmp_path).read_bytes())
    assert read_corrections_table(tmp_path / "page.csv", state, raw=False) == ()


@pytest.mark.parametrize("raw", [False, True])
def test_a_name_that_looks_like_a_formula_is_downloaded_as_tables_of_the_run_are_written(
    open_page, arrows, tmp_path, raw
):
    found = arrows.evaluation.comparison.clusterings["kmeans"]
    state = start_curation(np.asarray(arrows.evaluation.split.images.ids, str), found.clusters, found.confidence)
    page = open_page(arrows.describe(files={"raw_csv": raw}))
    page.click("#tab-clusters")
    page.fill("#cluster-name", "'=x")
    page.keyboard.press("Enter")
    page.click("#tab-curate")
    (tmp_path / "page.csv").write_bytes(download(page, "#download-csv", tmp_path).read_bytes())
    assert read_corrections_table(tmp_path / "page.csv", state, raw=raw) == (Rename(0, "'=x"),)


def test_selected_images_are_moved_and_marked_by_the_keyboard(page):
    page.click("#tab-clusters")
    page.locator(".thumb").first.focus()
    page.keyboard.press("Space")
    assert page.locator("#selection-count").inner_text() == "1 selected"
    row = int(page.locator(".thumb").first.get_attribute("data-row"))
    page.keyboard.press("5")
    page.locator("#curate .move").click()
    assert "1 images are moved" in page.locator("ol.edits").inner_text()
    page.keyboard.press("Control+z")
    assert page.locator("ol.edits").count() == 0 and row >= 0


def test_two_clusterings_are_compared_and_the_images_of_a_cell_are_shown(page, arrows):
    first, second = (arrows.evaluation.comparison.clusterings[name].clusters for name in ("kmeans", "agglomerative"))
    page.click("#tab-compare")
    for a in range(3):
        for b in range(3):
            count = int(((first == a) & (second == b)).sum())
            cell = page.locator(f'[data-pair="{a},{b}"]')
            assert cell.inner_text() == (str(count) if count else "")
    a, b = int(first[5]), int(second[5])
    page.locator(f'[data-pair="{a},{b}"]').click()
    assert page.locator("#changed-images .thumb").count() == min(60, int(((first == a) & (second == b)).sum()))


def test_the_map_moves_with_the_pointer_and_keeps_its_points_after(page):
    box = open_map(page)
    before = page.evaluate("document.getElementById('map-plot').layout.xaxis.range")
    page.mouse.move(box["x"] + 400, box["y"] + 300)
    page.mouse.down()
    page.mouse.move(box["x"] + 500, box["y"] + 300, steps=5)
    assert "translate(100px, 0px)" in page.evaluate("document.getElementById('map-plot').style.transform")
    page.mouse.up()
    page.wait_for_function("document.getElementById('map-plot').style.transform === ''")
    after = page.evaluate("document.getElementById('map-plot').layout.xaxis.range")
    shift = (before[1] - before[0]) * 100 / box["width"]
    np.testing.assert_allclose(np.array(before) - after, [shift, shift], rtol=0.02)


def test_a_zoom_by_the_wheel_is_kept_if_a_click_follows_at_once(page):
    box = open_map(page)
    page.mouse.move(box["x"] + 300, box["y"] + 200)
    page.mouse.wheel(0, -300)
    page.mouse.click(box["x"] + 310, box["y"] + 210)
    page.wait_for_function("document.getElementById('map-plot').style.transform === ''")
    low, high = page.evaluate("document.getElementById('map-plot').layout.xaxis.range")
    whole = page.evaluate("document.getElementById('map-plot').layout.yaxis.range")
    assert 0 < high - low < 2.1 and whole[1] - whole[0] < 2.1


def test_a_report_without_labels_pose_and_decoder_opens_too(unlabelled, open_page):
    page = open_page(unlabelled.describe())
    assert "accuracy" not in page.locator("#scores").inner_text() and page.locator("#upright").is_disabled()
    for number in "2345":
        page.keyboard.press(number)
    page.click("#tab-clusters")
    page.locator(".thumb").first.click()
    assert page.locator("#detail .views canvas").count() == 1
