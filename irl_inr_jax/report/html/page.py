"""Put content, style and scripts together to one page."""

import html
from importlib import resources
from pathlib import Path
from typing import Any

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
        "{{title}}": html.escape(str(content["title"])),
        "{{style}}": read_asset("style.css"),
        "{{plotly}}": read_plotly(),
        "{{content}}": encode_json(content),
        "{{scripts}}": f'(() => {{\n"use strict";\n{scripts}\n}})();',
    }
    page = read_asset("page.html")
    # Split first, so that a placeholder in the content stays as it is.
    for name in parts:
        page = page.replace(name, f"\0{name}\0")
    return "".join(parts.get(piece, piece) for piece in page.split("\0"))


def write_page(path: Path, content: dict[str, Any]) -> None:
    """Write the page as UTF-8, in one move, so that an interrupted call leaves no part of it."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(render_page(content), encoding="utf-8", errors="replace")
    partial.replace(path)


def read_asset(name: str) -> str:
    """Return the text of one of the files in `assets`."""
    return (resources.files("irl_inr_jax.report.html") / "assets" / name).read_text(encoding="utf-8")


def read_plotly() -> str:
    """Return plotly.js, which its Python package contains."""
    return (resources.files("plotly") / "package_data" / "plotly.min.js").read_text(encoding="utf-8")
