"""The figure of predicted against true rotation angles."""

from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from irl_inr_jax.metrics.circular import angle_difference, circular_correlation, median_angle_error_deg
from irl_inr_jax.report.figures import canvas

_SIDE = 380
_DOT_COLOUR = "#1f5f9e"
_SMALLEST_ERROR = 0.01  # degrees; smaller ones are in the first bin


def save_rotation_scatter(
    path: Path | str, true: Float[np.ndarray, "n"], predicted: Float[np.ndarray, "n"], *, name: str
) -> None:
    """Save a scatter plot of predicted against true rotation and a histogram of the errors (Figure 4).

    Angles are in radians with any winding number, and shown in degrees: rotations in [0, 360], absolute errors on a
    logarithmic axis up to 180, where images that are taken upside down show. name: of the data, for the title.
    """
    correlation = circular_correlation(true, predicted)
    figure = canvas.make_figure(
        2 * _SIDE + 210,
        canvas.TITLE_HEIGHT + _SIDE + 72,
        f"Predicted against true rotation: {name}",
        f"images: {len(true):,} · circular correlation {_format(correlation, '.3f')} · "
        f"median error {median_angle_error_deg(true, predicted):.2g}°",
    )
    _draw_scatter(canvas.place_axes(figure, 76, canvas.TITLE_HEIGHT + 8, _SIDE, _SIDE), true, predicted)
    errors = np.abs(np.degrees(angle_difference(predicted, true)))
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
    bins = np.geomspace(_SMALLEST_ERROR, 180, 61).tolist()
    weights = np.full(len(errors), 100 / len(errors))
    axes.hist(np.clip(errors, _SMALLEST_ERROR, 180), bins=bins, weights=weights, color=_DOT_COLOUR)
    axes.axvline(max(float(np.median(errors)), _SMALLEST_ERROR), color=canvas.FAINT_INK, linewidth=1, linestyle="--")
    axes.set_xscale("log")
    axes.set_xlim(_SMALLEST_ERROR, 180)
    axes.set_xticks([0.01, 0.1, 1, 10, 180], ["≤ 0.01", "0.1", "1", "10", "180"])
    axes.set_xlabel("error of the rotation (degrees; dashed: median)", fontsize=canvas.TEXT_POINTS, color=canvas.INK)
    axes.set_ylabel("share of images (%)", fontsize=canvas.TEXT_POINTS, color=canvas.INK)


def _format(value: float, spec: str) -> str:
    return "undefined" if np.isnan(value) else format(value, spec)
