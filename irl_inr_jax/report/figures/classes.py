"""How classes and clusters are called and coloured in every figure."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from matplotlib import colormaps
from matplotlib.colors import to_rgba_array

_LONGEST_NAME = 22
# Matplotlib's ten, then ten from its other qualitative maps, each the farthest in CIELAB from those before it. No two
# are nearer than 27, the distance of purple and pink among the first ten; matplotlib's own `tab20` has pairs at 17.
_COLOURS = np.concatenate(
    [
        colormaps["tab10"].colors,
        to_rgba_array(["#fdc086", "#a1d99b", "#f0027f", "#637939", "#a6761d"])[:, :3],
        to_rgba_array(["#f7b6d2", "#aec7e8", "#1b9e77", "#393b79", "#d6616b"])[:, :3],
    ]
)


def name_classes(class_names: Sequence[str], num_classes: int) -> list[str]:
    """One short name a class: the data set's own, cut at 22 letters, or the class's number where it has none."""
    names = [str(class_names[i]) if i < len(class_names) else str(i) for i in range(num_classes)]
    return [name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…" for name in names]


def name_all(
    labels: Int[np.ndarray, "n"] | None, class_names: Sequence[str]
) -> tuple[Int[np.ndarray, "n"] | None, Sequence[str]]:
    """Labels and names where images without a label, -1, are one class more, called so."""
    if labels is None or (labels >= 0).all():
        return labels, class_names
    return np.where(labels < 0, len(class_names), labels), (*class_names, "no label")


def choose_colours(num_colours: int) -> Float[np.ndarray, "num_colours 3"]:
    """RGB in [0, 1]. The first twenty are told apart at a glance; after that they repeat."""
    return _COLOURS[np.arange(num_colours) % len(_COLOURS)]
