"""Names and colours of classes and clusters in the figures."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from matplotlib import color_sequences
from matplotlib.colors import to_rgba_array

from irl_inr_jax.report.figures.canvas import make_drawable

_LONGEST_NAME = 22
# Matplotlib's ten, then ten from its other qualitative maps, each with the largest CIELAB distance from the previous
# ones. The smallest distance is 27, of purple and pink among the first ten; matplotlib's `tab20` has pairs at 17.
_COLOURS = np.concatenate(
    [
        to_rgba_array(color_sequences["tab10"])[:, :3],
        to_rgba_array(["#fdc086", "#a1d99b", "#f0027f", "#637939", "#a6761d"])[:, :3],
        to_rgba_array(["#f7b6d2", "#aec7e8", "#1b9e77", "#393b79", "#d6616b"])[:, :3],
    ]
)


def name_classes(class_names: Sequence[str], num_classes: int) -> list[str]:
    """Return one short name per class: that of the data set, cut at 22 letters, or the class number if it has none."""
    names = [make_drawable(str(class_names[i])) if i < len(class_names) else str(i) for i in range(num_classes)]
    return [name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…" for name in names]


def add_unlabelled_class(
    labels: Int[np.ndarray, "n"] | None, class_names: Sequence[str]
) -> tuple[Int[np.ndarray, "n"] | None, Sequence[str]]:
    """Return labels and names with the images without a label, -1, as an additional class "no label"."""
    if labels is None or (labels >= 0).all():
        return labels, class_names
    return np.where(labels < 0, len(class_names), labels), (*class_names, "no label")


def choose_colours(num_colours: int) -> Float[np.ndarray, "num_colours 3"]:
    """Return RGB colours in [0, 1]; the first twenty are clearly distinct, then they repeat."""
    return _COLOURS[np.arange(num_colours) % len(_COLOURS)]
