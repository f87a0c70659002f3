"""The page as one file."""

import json
import re

import pytest

from irl_inr_jax.report.html.page import SCRIPTS, read_asset, render_page, write_page
from tests.report.html.conftest import NASTY


@pytest.fixture(scope="module")
def page(arrows):
    return render_page(arrows.describe())


def test_text_of_the_data_is_only_inside_the_json_and_reads_back(page, arrows):
    found = re.search(r'<script type="application/json" id="content">(.*?)</script>', page, re.DOTALL)
    content = json.loads(found[1])
    assert content["images"]["ids"][0] == NASTY and content["classes"][0] == NASTY
    assert "window.attacked" not in page.replace(found[1], "").replace("&lt;script&gt;window.attacked", "", 1).replace(
        "onerror=&#x27;window.attacked", "", 1
    )


def test_the_page_loads_nothing_from_elsewhere(page):
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)[1]
    assert policy.startswith("default-src 'none'") and "http" not in policy and "connect-src" not in policy
    own = page.split("{{", 1)[0] + "".join(read_asset(name) for name in (*SCRIPTS, "style.css", "page.html"))
    assert not re.search(r'(src|href)\s*=\s*["\']?https?:', own) and "@import" not in own


def test_every_script_is_in_the_page_and_none_writes_html(page):
    for name in SCRIPTS:
        script = read_asset(name)
        assert script in page
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", script), name


def test_a_page_is_written_whole_with_text_that_no_encoding_has(tmp_path, arrows):
    content = arrows.describe()
    content["images"]["ids"][2] = "a\ud800"
    write_page(tmp_path / "report.html", content)
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert (tmp_path / "report.html").read_text(encoding="utf-8").rstrip().endswith("</html>")
