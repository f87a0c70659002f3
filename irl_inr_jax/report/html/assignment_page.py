"""The page about new images: drift in one sentence, clusters before and now, and the images that look new."""

import heapq
import html
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from irl_inr_jax.config.checked_files import write_in_one_step
from irl_inr_jax.deployment.drift import Drift
from irl_inr_jax.deployment.image_assignment import AssignedImages
from irl_inr_jax.deployment.model_bundle import ModelBundle
from irl_inr_jax.metrics.clustering_scores import NOISE
from irl_inr_jax.report.html.page import read_asset
from irl_inr_jax.report.html.thumbnails import encode_webp, make_thumbnails
from irl_inr_jax.types import InputError

MAX_OUTSIDE = 120  # images outside the known clusters that are shown, the most novel ones
MAX_OF_CLUSTER = 12
SIDE = 72  # pixels of a thumbnail
_OUTSIDE = "<h2>Outside the known clusters: "
_STYLE = """
.summary { font-size: 17px; max-width: 1000px; padding: 10px 14px; background: var(--soft); }
.summary { border-left: 5px solid var(--good); }
.summary.alarm { border-color: var(--bad); }
.tile { width: 84px; margin: 0; }
.tile img { width: 74px; height: 74px; display: block; }
.tile figcaption { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.strip { display: flex; gap: 3px; } .strip img { width: 36px; height: 36px; }
"""


class Shown(NamedTuple):
    """An image that is shown: its novelty, its place in the order of arrival, id, cluster and thumbnail."""

    novelty: float
    place: int
    id: str
    cluster: int
    picture: UInt8[np.ndarray, "s s k"]


class Gallery:
    """The images that the page shows, collected while all pass: the most novel ones, and a few of each cluster."""

    def __init__(self, bundle: ModelBundle):
        self.bundle = bundle
        self.background = bundle.trained.to_display(np.zeros(1, np.float32)).item()
        self.outside: list[tuple[float, int, Shown]] = []
        self.num_outside = 0
        self.of_cluster: dict[int, list[Shown]] = {}
        self.counts: dict[int, int] = {}
        self.num_images = 0

    def add(self, assigned: AssignedImages) -> None:
        """Take from a chunk of images what is shown."""
        clusters = assigned.measured.clusters
        self.num_outside += int(assigned.is_outside.sum())
        for row, cluster in enumerate(clusters.tolist()):
            self.counts[cluster] = self.counts.get(cluster, 0) + 1
            members, novelty = self.of_cluster.setdefault(cluster, []), float(assigned.novelty[row])
            place = self.num_images + row
            if assigned.is_outside[row]:
                if len(self.outside) < MAX_OUTSIDE:
                    heapq.heappush(self.outside, (novelty, -place, self._show(assigned, row, place)))
                elif novelty > self.outside[0][0]:
                    heapq.heapreplace(self.outside, (novelty, -place, self._show(assigned, row, place)))
            elif len(members) < MAX_OF_CLUSTER:
                members.append(self._show(assigned, row, place))
        self.num_images += len(clusters)

    def _show(self, assigned: AssignedImages, row: int, place: int) -> Shown:
        trained = self.bundle.trained
        shown = trained.to_display(trained.to_unit(assigned.stored[row : row + 1]))
        picture = make_thumbnails(shown, side=SIDE, background=self.background)[0]
        cluster = int(assigned.measured.clusters[row])
        return Shown(float(assigned.novelty[row]), place, str(assigned.ids[row]), cluster, picture)


def check_earlier_page(path: Path) -> None:
    """Raise InputError if there is a file that is no page of `save_assignment_page`."""
    if path.exists() and not is_assignment_page(path):
        raise InputError(
            f"expected no file, or an earlier page of irl-inr assign, in {path}, found another file; choose another "
            f"--out"
        )


def is_assignment_page(path: Path) -> bool:
    """Return True if the file is a page of `save_assignment_page`."""
    try:
        return _OUTSIDE in path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False


def save_assignment_page(path: Path, bundle: ModelBundle, drift: Drift, gallery: Gallery, *, title: str) -> None:
    """Write the page, one file that loads nothing."""
    write_in_one_step(path, render_assignment_page(bundle, drift, gallery, title=title))


def render_assignment_page(bundle: ModelBundle, drift: Drift, gallery: Gallery, *, title: str) -> str:
    """Return the page as text."""
    clusterer = next(iter(bundle.clusterers), "")
    alarm = " alarm" if drift.alarm else ""
    names = bundle.cluster_names.get(clusterer, {})
    outside = sorted((shown for *_, shown in gallery.outside), key=lambda shown: (-shown.novelty, shown.place))
    more = f", the {len(outside)} most novel" if gallery.num_outside > len(outside) else ""
    tiles = "".join(_tile(shown, names) for shown in outside) or "<p class='muted'>None.</p>"
    return (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'; style-src 'unsafe-inline'; "
        f'img-src data:"><title>{_text(title)}</title><style>{read_asset("style.css")}{_STYLE}</style></head><body>'
        f"<header><h1>{gallery.num_images:,} new images: {_text(title)}</h1></header><main>"
        f"<p class='summary{alarm}'>{_text(drift.sentence)}</p>"
        f"<p class='muted'>Model of {_text(bundle.facts['description'])}, {bundle.facts['num_images']:,} images; "
        f"digest {bundle.digest[:12]}</p>"
        f"{_OUTSIDE}{gallery.num_outside:,} images{more}</h2>"
        f"<div class='gallery'>{tiles}</div>"
        f"<h2>Clusters by {_text(clusterer)}</h2>{_table(bundle, drift, gallery, clusterer, names)}"
        "</main></body></html>\n"
    )


def _table(bundle: ModelBundle, drift: Drift, gallery: Gallery, clusterer: str, names: dict[int, str]) -> str:
    known = bundle.reference.clusters.get(clusterer, np.zeros(len(bundle.reference.ids), np.int32))
    shifts = {shift.cluster: shift for shift in drift.clusters}
    rows = []
    for number in sorted({*known.tolist(), *gallery.counts}):
        count, shift = gallery.counts.get(number, 0), shifts.get(number)
        strip = "".join(_image(shown) for shown in gallery.of_cluster.get(number, []))
        cells = [
            f"{100 * np.mean(known == number):.1f} %",
            f"{100 * count / max(gallery.num_images, 1):.1f} %",
            f"{count:,}",
            f"{0 if shift is None else shift.outside:,}",
            f"{0.0 if shift is None else shift.novelty:+.1f}",
        ]
        numbers = "".join(f"<td class='number'>{cell}</td>" for cell in cells)
        label = _text(_name_cluster(number, names))
        rows.append(f"<tr><td>{label}</td>{numbers}<td><div class='strip'>{strip}</div></td></tr>")
    head = ("cluster", "of known", "of new", "new images", "outside", "novelty", "examples within the known clusters")
    return (
        f"<table><thead><tr>{''.join(f'<th>{name}</th>' for name in head)}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table><p class='muted'>novelty: of the median new image of the cluster, in "
        "spreads of the known images above their median</p>"
    )


def _name_cluster(number: int, names: dict[int, str]) -> str:
    return names.get(number) or ("no cluster" if number == NOISE else f"cluster {number}")


def _tile(shown: Shown, names: dict[int, str]) -> str:
    caption = f"{shown.novelty:.1f} · {_name_cluster(shown.cluster, names)}"
    return (
        f"<figure class='tile' title='{_text(shown.id)}'>{_image(shown)}<figcaption>{_text(caption)}</figcaption>"
        f"<figcaption>{_text(shown.id)}</figcaption></figure>"
    )


def _image(shown: Shown) -> str:
    return f"<img src='{encode_webp(shown.picture)}' alt='{_text(shown.id)}' title='{_text(shown.id)}'>"


def _text(text: str) -> str:
    return html.escape(text.encode("utf-8", "replace").decode("utf-8"), quote=True)
