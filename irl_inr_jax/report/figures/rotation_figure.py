"""The figure of predicted against true rotation angles."""

from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from irl_inr_jax.metrics.circular import angle_difference, circular_correlation, median_angle_error_deg
from irl_inr_jax.report.figures import canvas

_SIDE = 380
_DOT_COLOUR = "#1f5f9e"


def save_rotation_scatter(path: Path | str, true: Float[np.ndarray, "n"], predicted: Float[np.ndarray, "n"]) -> None:
    """Save a scatter plot of predicted against true rotation and a histogram of the errors (Figure 4).

    Angles are in radians with any winding number, and shown in degrees: rotations in [0, 360], errors in [-180, 180].
    """
    correlation = circular_correlation(true, predicted)
    figure = canvas.make_figure(
        2 * _SIDE + 210,
        canvas.TITLE_HEIGHT + _SIDE + 72,
        "Predicted against true rotation",
        f"images: {len(true):,} · circular correlation {_format(correlation, '.3f')} · "
        f"median error {median_angle_error_deg(true, predicted):.1f}°",
    )
    _draw_scatter(canvas.place_axes(figure, 76, canvas.TITLE_HEIGHT + 8, _SIDE, _SIDE), true, predicted)
    errors = np.degrees(angle_difference(predicted, true))
    _draw_histogram(canvas.place_axes(figure, _SIDE + 170, canvas.TITLE_HEIGHT + 8, _SIDE, _SIDE), errors)
    canvas.save_png(figure, path)


def _draw_scatter(axes: Axes, true: Float[np.ndarray, "n"], predicted: Float[np.ndarray, "n"]) -> None:
    is_sparse = len(true) < 500
    axes.plot([0, 360], [0, 360], color=canvas.FAINT_LINE, linewidth=1, zorder=0)
    axes.scatter(
        np.degrees(true) % 360,
        np.degrees(predicted) % 360,
        s=16 if is_sparse else 6,
        alpha=0.8 if is_sparse else 0.35,
        linewidths=0,
        color=_DOT_COLOUR,
    )
    axes.set(xlim=(0, 360), ylim=(0, 360), xticks=range(0, 361, 90), yticks=range(0, 361, 90))
    axes.set_xlabel("true rotation (degrees)", fontsize=canvas.TEXT_POINTS, color=canvas.INK)
    axes.set_ylabel("predicted rotation (degrees)", fontsize=canvas.TEXT_POINTS, color=canvas.INK)


def _draw_histogram(axes: Axes, errors: Float[np.ndarray, "n"]) -> None:
    bins = np.linspace(-180, 180, 73).tolist()
    axes.hist(errors, bins=bins, weights=np.full(len(errors), 100 / len(errors)), color=_DOT_COLOUR)
    axes.set(xlim=(-180, 180), xticks=range(-180, 181, 90))
    axes.set_xlabel("predicted − true (degrees)", fontsize=canvas.TEXT_POINTS, color=canvas.INK)
    axes.set_ylabel("share of images (%)", fontsize=canvas.TEXT_POINTS, color=canvas.INK)


def _format(value: float, spec: str) -> str:
    return "undefined" if np.isnan(value) else format(value, spec)
