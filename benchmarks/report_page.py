"""Measure size, first paint and slowest frame of a report in headless Chromium.

    python -m benchmarks.report_page --page runs/mnist/report.html
    python -m benchmarks.report_page --page runs/mnist/report.html --num_points 60000

Needs playwright and chromium on the PATH. The graphics are rendered by software, as without a graphics card. Frames are
those while the map is dragged, and separately the slowest when a point is first pointed at, whose thumbnail is then
decoded, and when the map is drawn again after the drag. --num_points replaces the
points by as many: ten groups of normal points, without thumbnails, so that a map of any size can be measured.
"""

import json
import shutil
import statistics
import tempfile
from pathlib import Path

from absl import flags

from irl_inr_jax.commands.flags import parse_flags, run_script

PAGE = flags.DEFINE_string("page", None, "report.html of a run")
NUM_POINTS = flags.DEFINE_integer("num_points", 0, "points of the map instead of those of the page", lower_bound=0)
CHROMIUM_FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
NUM_MOVES = 60
WATCH_FRAMES = """() => {
    window.frames_ms = [];
    let last = performance.now();
    const tick = () => {
        const now = performance.now();
        window.frames_ms.push(now - last);
        last = now;
        requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
}"""


def main() -> int:
    """Print one row; return the exit status."""
    from irl_inr_jax.report.text_table import format_table
    from irl_inr_jax.types import InputError

    if PAGE.value is None or not Path(PAGE.value).is_file():
        raise InputError(f"expected --page FILE, a report.html, found {PAGE.value}; write one with irl-inr report")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise InputError("expected chromium on the PATH, found none; install it first")
    with tempfile.TemporaryDirectory() as folder:
        page = Path(PAGE.value)
        if NUM_POINTS.value:
            page = replace_points(page, Path(folder) / "report.html", NUM_POINTS.value)
        print(format_table([measure(page, chromium)]))
    return 0


def replace_points(page: Path, copy: Path, num_points: int) -> Path:
    """Write a copy of a page with other points and return its path."""
    import numpy as np

    from irl_inr_jax.report.html.encoding import encode_json, pack_array

    before, rest = page.read_text(encoding="utf-8").split('id="content">', 1)
    text, after = rest.split("</script>", 1)
    content = json.loads(text)
    rng, groups = np.random.default_rng(0), np.arange(num_points) % 10
    angles = 2 * np.pi * groups / 10
    points = 0.7 * np.stack([np.cos(angles), np.sin(angles)], axis=1) + rng.normal(0, 0.08, (num_points, 2))
    content["images"] |= {
        "ids": [f"point {number}" for number in range(num_points)],
        "labels": None,
        "columns": {},
        "points": pack_array(points.astype(np.float32)),
        "thumbnail": pack_array(np.full(num_points, -1, np.int32)),
        "similar": pack_array(np.zeros((num_points, 0), np.int32)),
        "outliers": None,
        "theta": None,
        "tau": None,
    }
    ones, clusters = pack_array(np.ones(num_points, np.float32)), pack_array(groups.astype(np.int32))
    content["clusterings"] = [
        entry | {"clusters": clusters, "confidence": ones, "means": [], "drawings": None, "count": 10}
        for entry in content["clusterings"][:2]
    ]
    copy.write_text(f'{before}id="content">{encode_json(content)}</script>{after}', encoding="utf-8")
    return copy


def measure(page: Path, chromium: str) -> dict[str, object]:
    """Open the page, drag its map and return the row."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as session:
        browser = session.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        tab = browser.new_context(offline=True, viewport={"width": 1300, "height": 900}).new_page()
        tab.goto(page.absolute().as_uri())
        tab.wait_for_function("performance.getEntriesByName('first-contentful-paint').length === 1")
        paint = tab.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        tab.click("#tab-map")
        tab.wait_for_function("document.querySelector('#map-plot .gl-container canvas') !== null")
        tab.wait_for_timeout(3000)
        box = tab.locator("#map-frame").bounding_box()
        assert box is not None
        left, top = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        tab.evaluate(WATCH_FRAMES)
        tab.mouse.move(left, top)
        tab.wait_for_timeout(700)
        hovered = tab.evaluate("window.frames_ms.splice(0)")
        tab.mouse.down()
        for number in range(NUM_MOVES):
            tab.mouse.move(left + 2 * number, top + number)
            tab.wait_for_timeout(16)
        dragged = tab.evaluate("window.frames_ms.splice(0)")
        tab.mouse.up()
        tab.wait_for_timeout(1500)
        redrawn = tab.evaluate("window.frames_ms")
        points = tab.evaluate("document.getElementById('map-plot').data[0].x.length")
        browser.close()
    return {
        "points": points,
        "MB": page.stat().st_size / 1e6,
        "first paint s": paint / 1000,
        "first thumbnail ms": max(hovered),
        "median drag frame ms": statistics.median(dragged),
        "slowest ms": max(dragged),
        "redraw ms": max(redrawn),
    }


if __name__ == "__main__":
    parse_flags()
    run_script(main)
