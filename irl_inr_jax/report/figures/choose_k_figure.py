"""The figure of the criteria by which the number of clusters is chosen."""

from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from irl_inr_jax.clustering.choose_k import KCurves, Recommendation
from irl_inr_jax.report.figures import canvas

_WIDTH, _HEIGHT = 300, 230
_STEP = _WIDTH + 76
_HEADING = 48
_COLOUR = "#1f5f9e"


def save_k_curves(path: Path | str, curves: KCurves, recommendation: Recommendation) -> None:
    """Save curves of stability, gap and silhouette over the number of clusters, with the recommendation as title."""
    subtitle = f"images: {curves.num_images:,} · in every panel higher is better · dashed: the recommended number"
    if recommendation.k is None:
        subtitle = f"images: {curves.num_images:,} · in every panel higher is better"
    figure = canvas.make_figure(
        canvas.MARGIN + 3 * _STEP - 10,
        canvas.TITLE_HEIGHT + 8 + _HEADING + _HEIGHT + 64,
        recommendation.reason[0].upper() + recommendation.reason[1:],
        subtitle,
    )
    all_ks = np.arange(1, len(curves.gap) + 1)
    panels = [
        ("Stability", "agreement of clusterings of two halves", curves.ks, curves.stability, curves.stability_std),
        ("Gap", "compactness relative to data without clusters", all_ks, curves.gap, curves.gap_std),
        ("Silhouette", "separation of the clusters", curves.ks, curves.silhouette, None),
    ]
    for i, (name, meaning, ks, values, std) in enumerate(panels):
        left, top = canvas.MARGIN + 38 + i * _STEP, canvas.TITLE_HEIGHT + 8
        canvas.write_text(figure, left, top, name)
        canvas.write_text(figure, left, top + 19, meaning, color=canvas.FAINT_INK, fontsize=canvas.SMALL_POINTS)
        axes = canvas.place_axes(figure, left, top + _HEADING, _WIDTH, _HEIGHT)
        if name == "Stability":
            _draw_null(axes, curves)
        _draw_curve(axes, ks, values, std, recommendation.k)
        axes.set_xlim(0.5, all_ks[-1] + 0.5)
        axes.set_xlabel("number of clusters", fontsize=canvas.TEXT_POINTS, color=canvas.INK)
    canvas.save_png(figure, path)


def _draw_curve(
    axes: Axes,
    ks: Int[np.ndarray, "j"],
    values: Float[np.ndarray, "j"],
    std: Float[np.ndarray, "j"] | None,
    k: int | None,
) -> None:
    axes.errorbar(ks, values, yerr=std, color=_COLOUR, marker="o", markersize=3.5, linewidth=1.3, elinewidth=0.8)
    if k is not None:
        axes.axvline(k, color=canvas.FAINT_INK, linewidth=1, linestyle=(0, (4, 3)), zorder=0)
        axes.plot(k, values[ks == k], color=_COLOUR, marker="o", markersize=9, linestyle="none")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(5))


def _draw_null(axes: Axes, curves: KCurves) -> None:
    axes.plot(curves.ks, curves.stability_null, color=canvas.FAINT_LINE, linewidth=1.3)
    # At the right end, where the two curves are farthest apart.
    axes.annotate(
        "data without clusters",
        (curves.ks[-1], curves.stability_null[-1]),
        xytext=(0, -6),
        textcoords="offset pixels",
        ha="right",
        va="top",
        fontsize=canvas.SMALL_POINTS,
        color=canvas.FAINT_INK,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
    )
    axes.set_ylim(min(0.0, float(np.min(curves.stability - curves.stability_std))), 1.05)
