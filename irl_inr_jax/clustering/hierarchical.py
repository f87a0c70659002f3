"""Agglomerative clustering; Ward linkage is `Agg` in the paper's Table 2 and Algorithm 2 of the thesis."""

from typing import Literal

import fastcluster
import numpy as np
from jaxtyping import Float, Int32
from scipy.cluster.hierarchy import linkage as link_by_pairs
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from irl_inr_jax.clustering.assignment import assign_by_vote, subsample, subsample_notes
from irl_inr_jax.clustering.task import Clustering, ClusterTask, check_clusterable

# 1.8 GB: the distances of all pairs in float64 and SciPy's working copy of them.
MAX_PAIRED_ROWS = 15_000
# About a minute and a half on one core at d = 32.
MAX_WARD_ROWS = 60_000


def cluster_agglomerative(task: ClusterTask, *, linkage: Literal["ward", "average", "complete"]) -> Clustering:
    """Merge the two nearest clusters until k remain.

    linkage: distance of two clusters. ward: increase of the variance within clusters by their union; average, complete:
    mean and largest distance between their images.

    Up to `MAX_PAIRED_ROWS` images are clustered by SciPy, as in scikit-learn's AgglomerativeClustering. Above, Ward
    uses fastcluster (Müllner, 2013), which makes the same tree with the same heights in O(n d) memory and O(n^2 d)
    time, up to `MAX_WARD_ROWS`. The other linkages, and Ward above that limit, are fitted to a random subsample.

    Other images are assigned by vote, and confidence is that of `assign_by_vote`. `linkage` of the result is the whole
    tree. Raises InputError for what `check_clusterable` refuses.
    """
    latents = task.fitted.latents
    check_clusterable(latents, task.num_clusters)
    rows = subsample(len(latents), MAX_WARD_ROWS if linkage == "ward" else MAX_PAIRED_ROWS, task.seed)
    sample = latents[rows].astype(np.float64)
    notes = subsample_notes(len(rows), len(latents))
    if len(rows) > MAX_PAIRED_ROWS:
        merges = fastcluster.linkage_vector(sample, method="ward")
        notes = (
            f"more than {MAX_PAIRED_ROWS:,} images: computed by fastcluster, without all pairwise distances",
            *notes,
        )
    elif len(rows) > 1:
        merges = link_by_pairs(sample, linkage)
    else:
        merges = np.zeros((0, 4))
    clusters, confidence, vote_notes = assign_by_vote(sample, cut_tree(merges, task.num_clusters), task, rows=rows)
    return Clustering(
        clusters=clusters,
        confidence=confidence,
        transductive=task.transductive,
        notes=(*notes, *vote_notes),
        linkage=merges,
        linkage_rows=rows,
    )


def cut_tree(merges: Float[np.ndarray, "merges 4"], num_clusters: int) -> Int32[np.ndarray, "n"]:
    """Undo the last k - 1 merges and return the clusters, numbered by their first image.

    There are exactly k clusters; SciPy's `fcluster` gives fewer if merges at the cut have equal heights.
    """
    num_rows = len(merges) + 1
    kept = merges[: num_rows - num_clusters, :2].astype(np.int64)
    parents = np.repeat(num_rows + np.arange(len(kept)), 2)
    graph = coo_array((np.ones(kept.size, np.int8), (kept.reshape(-1), parents)), shape=(num_rows + len(kept),) * 2)
    return connected_components(graph, directed=False)[1][:num_rows].astype(np.int32)
