"""The site builds without a warning, names every command, and opens without a network."""

import html
import os
import re
import subprocess
import sys

import pytest

from irl_inr_jax.commands.main import VERBS
from tests.conftest import ROOT

pytest.importorskip("mkdocs")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the site, built as by `make docs`."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    env = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_every_command_has_a_page_in_the_navigation(site):
    home = (site / "index.html").read_text()
    for verb in VERBS:
        assert f'href="commands/{verb}.html"' in home
        assert f'<h1 id="irl-inr-{verb}">irl-inr {verb}' in (site / "commands" / f"{verb}.html").read_text()


def test_no_page_loads_anything_from_another_host(site):
    for page in site.rglob("*.html"):
        text = page.read_text()
        loaded = re.findall(r"<(?:script|img|iframe|source)\b[^>]*\bsrc=\"(https?:[^\"]+)", text)
        loaded += re.findall(r"<link\b[^>]*\brel=\"(?:stylesheet|icon|preconnect)\"[^>]*\bhref=\"(https?:[^\"]+)", text)
        assert not loaded, f"{page.relative_to(site)} loads {loaded}"


def test_signatures_show_shapes_and_docstrings_their_fields(site):
    page = html.unescape(re.sub(r"<[^>]+>", "", (site / "python.html").read_text()))
    assert re.search(r"Float\[np\.ndarray, [\"']n d[\"']\]", page)
    assert "tau: position of the canonical origin" in page
    assert "budget (float or None): Minutes of training" in page


def test_notebooks_are_pages_with_their_outputs(site):
    for notebook in ROOT.glob("docs/notebooks/*.ipynb"):
        page = (site / "notebooks" / f"{notebook.stem}.html").read_text()
        assert "data:image/png;base64," in page, notebook.name
