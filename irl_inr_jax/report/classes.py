"""How classes and clusters are called and coloured in every figure."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib import colormaps

_LONGEST_NAME = 22


def name_classes(class_names: Sequence[str], num_classes: int) -> list[str]:
    """One short name a class: the data set's own, cut at 22 letters, or the class's number where it has none."""
    names = [str(class_names[i]) if i < len(class_names) else str(i) for i in range(num_classes)]
    return [name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…" for name in names]


def choose_colours(num_colours: int) -> Float[np.ndarray, "num_colours 3"]:
    """RGB in [0, 1]. Twenty differ: ten saturated hues first, then the same ten lightened; after that they repeat."""
    tab20 = np.array(colormaps["tab20"].colors)
    return np.concatenate([tab20[0::2], tab20[1::2]])[np.arange(num_colours) % 20]
