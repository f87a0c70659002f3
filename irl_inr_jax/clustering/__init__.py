"""Clusterers of latents: one file an algorithm, one signature, one dict.

    cluster(latents (n, d) float, *, num_clusters: int, seed: int) -> labels (n,) int32 in 0 .. num_clusters - 1

All raise InputError for latents that `check_clusterable` refuses. The same seed gives the same labels.
"""

import difflib
from collections.abc import Callable

import numpy as np

from irl_inr_jax.clustering.hierarchical import cluster_agglomerative
from irl_inr_jax.clustering.inputs import check_clusterable
from irl_inr_jax.clustering.kmeans import cluster_kmeans
from irl_inr_jax.types import InputError

__all__ = ["CLUSTERERS", "check_clusterable", "get_clusterer"]

CLUSTERERS: dict[str, Callable[..., np.ndarray]] = {
    "kmeans": cluster_kmeans,
    "agglomerative": cluster_agglomerative,
}


def get_clusterer(name: str) -> Callable[..., np.ndarray]:
    """The clusterer of that name. Raises InputError naming the known ones and the nearest."""
    if name not in CLUSTERERS:
        nearest = difflib.get_close_matches(name, CLUSTERERS, n=1)
        hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
        raise InputError(f"expected a clusterer among {', '.join(sorted(CLUSTERERS))}, found {name!r}{hint}")
    return CLUSTERERS[name]
