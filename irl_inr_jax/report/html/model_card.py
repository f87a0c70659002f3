"""A model as a small piece of HTML for notebooks: what it was fitted to, its verdict, and images of its clusters."""

import base64
import io
from html import escape

import numpy as np
from PIL import Image

from irl_inr_jax.deployment.model_bundle import ModelBundle
from irl_inr_jax.metrics.clustering_scores import NOISE
from irl_inr_jax.report.figures.examples import order_clusters
from irl_inr_jax.report.figures.known_images import name_cluster, typical_images
from irl_inr_jax.report.figures.tiles import tile_images

THUMBNAIL_SIDE = 40
NUM_THUMBNAILS = 8
MAX_CLUSTERS = 24  # rows; the largest clusters
_SIGNS = {True: ("✓", "#2a7f4f"), False: ("!", "#b3541e"), None: ("·", "#666666")}


def describe_model_html(bundle: ModelBundle, clusterer: str, parameters: str) -> str:
    """Return the HTML. parameters: the estimator with its parameters, as text."""
    facts = bundle.facts
    clusters = bundle.reference.clusters.items()
    shown = ", ".join(f"{name} ({len(np.unique(values[values != NOISE]))})" for name, values in clusters)
    head = (
        f"<b>{escape(parameters)}</b><br>{facts['num_images']:,} images: {escape(facts['description'])}. "
        f"{escape(facts['method'])}, {facts['step']:,} steps. Clusters by {escape(shown)}."
    )
    findings = "".join(_describe_finding(finding) for finding in bundle.verdict)
    verdict = f'<ul style="list-style:none;padding-left:0;margin:6px 0">{findings}</ul>' if findings else ""
    return (
        '<div style="font-family:sans-serif;font-size:13px;line-height:1.4;max-width:900px">'
        f"{head}{verdict}{make_cluster_table(bundle, clusterer)}</div>"
    )


def make_cluster_table(bundle: ModelBundle, clusterer: str) -> str:
    """Return a table of the clusters, largest first: number and name, share of the images, upright typical images."""
    reference = bundle.reference
    clusters = reference.clusters[clusterer]
    sizes, rows = dict(zip(*np.unique(clusters, return_counts=True), strict=True)), []
    for number in order_clusters(clusters)[:MAX_CLUSTERS]:
        name = name_cluster(bundle, clusterer, number)
        share = f"{100 * sizes[number] / len(clusters):.1f} %"
        picture = make_strip(bundle, clusterer, number)
        rows.append(
            f'<tr><td style="text-align:left">{escape(name)}</td><td style="text-align:right">{share}</td>'
            f'<td style="text-align:left">{picture}</td></tr>'
        )
    more = len(order_clusters(clusters)) - len(rows)
    if more > 0:
        rows.append(f'<tr><td style="text-align:left" colspan="3">and {more} smaller clusters</td></tr>')
    return f"<table><tbody>{''.join(rows)}</tbody></table>"


def make_strip(bundle: ModelBundle, clusterer: str, number: int) -> str:
    """Return an img element of typical images of a cluster, or '' if the model has no pixels of them."""
    images = typical_images(bundle, clusterer, number, num_shown=NUM_THUMBNAILS)
    if not len(images):
        return ""
    tiled = tile_images(images, num_columns=len(images), side=THUMBNAIL_SIDE, gap=2)
    return f'<img alt="images of the cluster" src="{encode_png_url(tiled)}">'


def encode_png_url(pixels: np.ndarray) -> str:
    """Return the data URL of a picture (h, w, 3) of bytes as PNG."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode("ascii")


def _describe_finding(finding: dict) -> str:
    sign, colour = _SIGNS[finding["good"]]
    return f'<li><span style="color:{colour};font-weight:bold">{sign}</span> {escape(finding["text"])}</li>'
