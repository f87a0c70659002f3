"""Agglomerative clustering: Ward is `Agg` in the paper's Table 2 and Algorithm 2 of the thesis."""

from typing import Literal

import fastcluster
import numpy as np
from jaxtyping import Float, Int32
from scipy.cluster.hierarchy import linkage as link_by_pairs
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from irl_inr_jax.clustering.assignment import assign_by_vote, subsample_notes, subsample
from irl_inr_jax.clustering.task import Clustering, ClusterTask, check_clusterable

# 1.8 GB: the distances of all pairs in float64, and the copy of them that SciPy works on.
MAX_PAIRED_ROWS = 15_000
# Some four minutes of one core at d = 16.
MAX_WARD_ROWS = 100_000


def cluster_agglomerative(task: ClusterTask, *, linkage: Literal["ward", "average", "complete"]) -> Clustering:
    """Merge the two nearest clusters until k are left. Nearest by `linkage`: what their union adds to the variance
    within clusters (ward), the mean (average) or the largest (complete) distance of two images, one of each.

    Up to `MAX_PAIRED_ROWS` images by SciPy, as scikit-learn's AgglomerativeClustering does. Above, Ward by fastcluster
    (Müllner, 2013), which makes the same tree, heights included, in O(n d) memory and O(n^2 d) time, up to
    `MAX_WARD_ROWS`. The other two have no such form: they, and Ward above that, learn from a seeded sample.

    Images not learnt from join by vote, and confidence is as in `assign_by_vote`. The whole tree is in `linkage`.
    Raises InputError for what `check_clusterable` refuses.
    """
    latents = task.fitted.latents
    check_clusterable(latents, task.num_clusters)
    rows = subsample(len(latents), MAX_WARD_ROWS if linkage == "ward" else MAX_PAIRED_ROWS, task.seed)
    learnt = latents[rows].astype(np.float64)
    notes = subsample_notes(len(rows), len(latents))
    if len(rows) > MAX_PAIRED_ROWS:
        merges = fastcluster.linkage_vector(learnt, method="ward")
        notes = (f"past {MAX_PAIRED_ROWS:,} images: fastcluster, which needs no distances of all pairs", *notes)
    elif len(rows) > 1:
        merges = link_by_pairs(learnt, linkage)
    else:
        merges = np.zeros((0, 4))
    clusters, confidence = assign_by_vote(learnt, cut_tree(merges, task.num_clusters), task, rows=rows)
    return Clustering(
        clusters=clusters,
        confidence=confidence,
        transductive=task.transductive,
        notes=notes,
        linkage=merges,
        linkage_rows=rows,
    )


def cut_tree(merges: Float[np.ndarray, "merges 4"], num_clusters: int) -> Int32[np.ndarray, "n"]:
    """The clusters that are left when the last k - 1 merges are undone, numbered by their first image.

    Exactly k, where SciPy's `fcluster` gives fewer when merges of equal height lie at the cut.
    """
    num_rows = len(merges) + 1
    kept = merges[: num_rows - num_clusters, :2].astype(np.int64)
    parents = np.repeat(num_rows + np.arange(len(kept)), 2)
    graph = coo_array((np.ones(kept.size, np.int8), (kept.reshape(-1), parents)), shape=(num_rows + len(kept),) * 2)
    return connected_components(graph, directed=False)[1][:num_rows].astype(np.int32)
