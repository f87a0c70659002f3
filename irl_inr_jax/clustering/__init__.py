"""Clusterers: one file per algorithm, one signature, one dict.

    cluster(task: ClusterTask) -> Clustering

All raise InputError for latents that `check_clusterable` refuses. Results depend only on the task, which contains the
seed.
"""

import difflib
from collections.abc import Callable
from functools import partial

from irl_inr_jax.clustering.consensus import cluster_consensus
from irl_inr_jax.clustering.dec import cluster_dec
from irl_inr_jax.clustering.density import cluster_dbscan, cluster_hdbscan
from irl_inr_jax.clustering.diffusion import cluster_diffusion
from irl_inr_jax.clustering.hierarchical import cluster_agglomerative
from irl_inr_jax.clustering.iic import cluster_iic
from irl_inr_jax.clustering.kmeans import cluster_kmeans
from irl_inr_jax.clustering.mixture import cluster_gmm
from irl_inr_jax.clustering.orbit_knn import cluster_orbit_knn
from irl_inr_jax.clustering.orbit_selflabel import cluster_orbit_selflabel
from irl_inr_jax.clustering.scan import cluster_scan
from irl_inr_jax.clustering.task import Clustering, ClusterTask, Points, check_clusterable
from irl_inr_jax.clustering.umap_kmeans import cluster_umap_kmeans
from irl_inr_jax.types import InputError

__all__ = [
    "CLUSTERERS",
    "DETERMINISTIC",
    "ClusterTask",
    "Clustering",
    "Points",
    "check_clusterable",
    "get_clusterer",
]

CLUSTERERS: dict[str, Callable[[ClusterTask], Clustering]] = {
    "kmeans": cluster_kmeans,
    "agglomerative": partial(cluster_agglomerative, linkage="ward"),
    "agglomerative_average": partial(cluster_agglomerative, linkage="average"),
    "agglomerative_complete": partial(cluster_agglomerative, linkage="complete"),
    "gmm": cluster_gmm,
    "diffusion": cluster_diffusion,
    "consensus": cluster_consensus,
    "dbscan": cluster_dbscan,
    "hdbscan": cluster_hdbscan,
    "umap_kmeans": cluster_umap_kmeans,
    "dec": cluster_dec,
    "iic": cluster_iic,
    "scan": cluster_scan,
    "orbit_knn": cluster_orbit_knn,
    "orbit_selflabel": cluster_orbit_selflabel,
}
DETERMINISTIC = frozenset({"agglomerative", "agglomerative_average", "agglomerative_complete", "dbscan", "hdbscan"})


def get_clusterer(name: str) -> Callable[[ClusterTask], Clustering]:
    """Return the clusterer of that name. Raises InputError with the known names and the nearest one."""
    if name not in CLUSTERERS:
        nearest = difflib.get_close_matches(name, CLUSTERERS, n=1)
        hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
        raise InputError(f"expected a clusterer among {', '.join(sorted(CLUSTERERS))}, found {name!r}{hint}")
    return CLUSTERERS[name]
