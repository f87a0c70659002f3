"""Put content, style and scripts together to one page."""

import html
import re
from importlib import resources
from pathlib import Path
from typing import Any

from irl_inr_jax.config.checked_files import write_in_one_step
from irl_inr_jax.report.html.encoding import encode_json

# In the order in which they use each other.
SCRIPTS = (
    "data.js",
    "pictures.js",
    "curation.js",
    "overview.js",
    "map.js",
    "gallery.js",
    "clusters.js",
    "detail.js",
    "compare.js",
    "curate.js",
    "main.js",
)


def render_page(content: dict[str, Any]) -> str:
    """Return the page, which loads nothing: content, style, plotly.js and our scripts are inside it.

    Text of the content reaches the page only through JSON and DOM text nodes, so it is never read as HTML or script.
    """
    scripts = "\n".join(read_asset(name) for name in SCRIPTS)
    parts = {
        "{{title}}": html.escape(content["title"].encode("utf-8", "replace").decode("utf-8")),
        "{{style}}": read_asset("style.css"),
        "{{plotly}}": read_plotly(),
        "{{content}}": encode_json(content),
        "{{scripts}}": f'(() => {{\n"use strict";\n{scripts}\n}})();',
    }
    # One pass, so that braces in the content stay as they are.
    return re.sub(r"\{\{\w+\}\}", lambda found: parts[found[0]], read_asset("page.html"))


def write_page(path: Path, content: dict[str, Any]) -> None:
    """Write the page, whole or not at all."""
    write_in_one_step(path, render_page(content))


def read_asset(name: str) -> str:
    """Return the text of one of the files in `assets`."""
    return (resources.files("irl_inr_jax.report.html") / "assets" / name).read_text(encoding="utf-8")


def read_plotly() -> str:
    """Return plotly.js, which its Python package contains."""
    return (resources.files("plotly") / "package_data" / "plotly.min.js").read_text(encoding="utf-8")
