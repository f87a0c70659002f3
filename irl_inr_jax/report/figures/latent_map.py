"""The figure of the latents projected onto the plane, coloured by class and by cluster."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from irl_inr_jax.metrics.clustering_scores import NOISE, UNMATCHED, match_clusters
from irl_inr_jax.report.figures import canvas
from irl_inr_jax.report.figures.classes import choose_colours, name_classes

_SIDE = 440
_LEGEND_ROW = 20
_DOT_WIDTH = 16
_MAX_LEGEND = 20

# Title, the number of each image's class or cluster, their names in the legend, and their colours.
_Panel = tuple[str, Int[np.ndarray, "n"], list[str], Float[np.ndarray, "k 3"]]


def save_latent_map(
    path: Path | str,
    points: Float[np.ndarray, "n 2"],
    clusters: Int[np.ndarray, "n"],
    labels: Int[np.ndarray, "n"] | None,
    class_names: Sequence[str],
    *,
    name: str,
    cluster_names: dict[int, str],
) -> None:
    """Save `points` of `project_latents` coloured by true class, if there are labels, and by cluster.

    A cluster has the colour of the class matched to it, so that differences between the panels are errors; the legend
    lists clusters in the order of the colours. name: clusterer and data, for the title. cluster_names: of the clusters
    that have one.
    """
    listed = [cluster_names.get(i, f"cluster {i}") for i in range(int(clusters.max()) + 1)]
    panels: list[_Panel] = [("by cluster", clusters, listed, choose_colours(len(listed)))]
    if labels is not None:
        num_classes = int(labels.max()) + 1
        colours = choose_colours(num_classes + len(listed))
        colour_numbers = _colour_order(labels, clusters, num_classes)
        order = np.argsort(colour_numbers, kind="stable")
        places = np.where(clusters == NOISE, NOISE, np.argsort(order)[clusters])
        panels = [
            ("by true class", labels, name_classes(class_names, num_classes), colours[:num_classes]),
            (
                "by cluster, in the colour of the matched class",
                places,
                [listed[i] for i in order],
                colours[colour_numbers[order]],
            ),
        ]
    panels[-1] = _show_noise(*panels[-1])
    num_legend_rows = max(math.ceil(len(_legend_names(names)) / _legend_columns(names)) for _, _, names, _ in panels)
    figure = canvas.make_figure(
        canvas.MARGIN + len(panels) * (_SIDE + canvas.MARGIN),
        canvas.TITLE_HEIGHT + 26 + _SIDE + 16 + num_legend_rows * _LEGEND_ROW + canvas.MARGIN // 2,
        f"Latents z projected onto the plane: {name}",
        f"images: {len(points):,} · nearby points are images with similar z",
    )
    for i, (title, ids, names, colours) in enumerate(panels):
        _draw_panel(figure, canvas.MARGIN + i * (_SIDE + canvas.MARGIN), title, points, colours[ids])
        _draw_legend(figure, canvas.MARGIN + i * (_SIDE + canvas.MARGIN), names, colours)
    canvas.save_png(figure, path)


def _show_noise(
    title: str, clusters: Int[np.ndarray, "n"], names: list[str], colours: Float[np.ndarray, "k 3"]
) -> tuple[str, Int[np.ndarray, "n"], list[str], Float[np.ndarray, "k2 3"]]:
    """Return the panel with noise, if there is any, as an additional grey cluster."""
    if not (clusters == NOISE).any():
        return title, clusters, names, colours
    grey = np.array([to_rgb(canvas.FAINT_LINE)])
    return title, np.where(clusters == NOISE, len(names), clusters), [*names, "noise"], np.concatenate([colours, grey])


def _colour_order(
    labels: Int[np.ndarray, "n"], clusters: Int[np.ndarray, "n"], num_classes: int
) -> Int[np.ndarray, "k"]:
    """Return the colour index of each cluster: that of its class, or a new one for a surplus cluster."""
    mapping = match_clusters(labels, clusters)
    surplus = mapping == UNMATCHED
    return np.where(surplus, num_classes + np.cumsum(surplus) - 1, mapping)


def _draw_panel(
    figure: Figure, left: int, title: str, points: Float[np.ndarray, "n 2"], colours: Float[np.ndarray, "n 3"]
) -> None:
    canvas.write_text(figure, left, canvas.TITLE_HEIGHT, title)
    axes = canvas.place_axes(figure, left, canvas.TITLE_HEIGHT + 26, _SIDE, _SIDE)
    axes.spines[["top", "right"]].set(visible=True, color=canvas.FAINT_LINE)
    axes.set(xticks=[], yticks=[])
    axes.margins(0.04)
    axes.scatter(points[:, 0], points[:, 1], s=float(np.clip(12_000 / len(points), 5, 30)), c=colours, linewidths=0)


def _legend_columns(names: Sequence[str]) -> int:
    """Return the number of columns that the longest name leaves room for."""
    widest = max(canvas.measure_text(name, canvas.SMALL_POINTS) for name in names)
    return int(np.clip(_SIDE // (widest + 2 * _DOT_WIDTH), 1, 5))


def _draw_legend(figure: Figure, left: int, names: Sequence[str], colours: Float[np.ndarray, "k 3"]) -> None:
    """Draw the legend below the panel; past twenty names, where colours repeat, only their number."""
    top = canvas.TITLE_HEIGHT + 26 + _SIDE + 22
    num_columns = _legend_columns(names)
    for i, name in enumerate(_legend_names(names)):
        x, y = left + (i % num_columns) * (_SIDE // num_columns), top + (i // num_columns) * _LEGEND_ROW
        if i < _MAX_LEGEND:
            canvas.write_text(figure, x, y, "●", color=colours[i], va="center")
        canvas.write_text(figure, x + _DOT_WIDTH, y, name, fontsize=canvas.SMALL_POINTS, va="center")


def _legend_names(names: Sequence[str]) -> list[str]:
    surplus = len(names) - _MAX_LEGEND
    return [*names[:_MAX_LEGEND], f"and {surplus} more"] if surplus > 0 else list(names)
