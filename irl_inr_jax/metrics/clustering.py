"""How well clusters agree with classes. Class and cluster ids are integers from 0."""

import numpy as np
from jaxtyping import Float, Int, Int32
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.neighbors import NearestNeighbors

from irl_inr_jax.types import InputError

UNMATCHED = -1


def match_clusters(labels: Int[np.ndarray, "n"], clusters: Int[np.ndarray, "n"]) -> Int32[np.ndarray, "k"]:
    """The class of each cluster, one to one, such that the most images are right (Hungarian method, Kuhn 1955).

    k is the largest cluster id plus one. Where clusters outnumber classes the surplus ones are `UNMATCHED` (-1).
    """
    counts = _count_pairs(labels, clusters)
    classes, matched = linear_sum_assignment(counts, maximize=True)
    mapping = np.full(counts.shape[1], UNMATCHED, np.int32)
    mapping[matched] = classes
    return mapping


def clustering_accuracy(labels: Int[np.ndarray, "n"], clusters: Int[np.ndarray, "n"]) -> float:
    """Share of images whose cluster is matched to their class (the accuracy of Tables 2 and 3).

    The match is one to one, so every image of a surplus cluster counts as an error.
    """
    return float(np.mean(match_clusters(labels, clusters)[clusters] == labels))


def many_to_one_accuracy(labels: Int[np.ndarray, "n"], clusters: Int[np.ndarray, "n"]) -> float:
    """Share of images that belong to the majority class of their cluster.

    It never falls when clusters are split and is 1 for one image a cluster: fit only to compare at equal k, or to see
    how much of an error is surplus clusters and how much is mixing.
    """
    return float(_count_pairs(labels, clusters).max(axis=0).sum() / len(labels))


def confusion_matrix(
    labels: Int[np.ndarray, "n"], clusters: Int[np.ndarray, "n"], num_classes: int
) -> Int[np.ndarray, "num_classes columns"]:
    """Images by true class (rows) and cluster (columns), with what is right on the diagonal (Figure 5).

    Column j < num_classes is the cluster matched to class j, all zero where there is none. Surplus clusters follow,
    largest first.
    """
    counts = _count_pairs(labels, clusters, num_classes)
    mapping = match_clusters(labels, clusters)
    ordered = np.zeros_like(counts, shape=(num_classes, num_classes))
    matched = np.flatnonzero(mapping != UNMATCHED)
    ordered[:, mapping[matched]] = counts[:, matched]
    surplus = counts[:, mapping == UNMATCHED]
    by_size = np.argsort(-surplus.sum(axis=0), kind="stable")
    return np.concatenate([ordered, surplus[:, by_size]], axis=1)


def score_clusters(labels: Int[np.ndarray, "n"], clusters: Int[np.ndarray, "n"]) -> dict[str, float]:
    """`accuracy` (one to one), `many_to_one_accuracy`, `nmi` (by the arithmetic mean of the entropies) and `ari`.

    1 is best in all.
    """
    return {
        "accuracy": clustering_accuracy(labels, clusters),
        "many_to_one_accuracy": many_to_one_accuracy(labels, clusters),
        "nmi": float(normalized_mutual_info_score(labels, clusters)),
        "ari": float(adjusted_rand_score(labels, clusters)),
    }


def neighbour_purity(
    latents: Float[np.ndarray, "n d"], labels: Int[np.ndarray, "n"], num_neighbours: int = 10
) -> float:
    """Mean share of an image's nearest neighbours (Euclidean, itself not among them) that have its label.

    It asks how well the latents separate the classes before any clustering algorithm has a say.

    Raises InputError where there are not more images than neighbours asked for.
    """
    if not 1 <= num_neighbours < len(labels):
        raise InputError(
            f"expected num_neighbours from 1 to the number of images less one ({len(labels) - 1}), "
            f"found {num_neighbours}; ask for fewer neighbours or give more images"
        )
    # Without an argument kneighbors leaves each point out by its index, which is right for duplicates too.
    neighbours = NearestNeighbors(n_neighbors=num_neighbours).fit(latents).kneighbors(return_distance=False)
    return float(np.mean(labels[neighbours] == labels[:, None]))


def _count_pairs(
    labels: Int[np.ndarray, "n"], clusters: Int[np.ndarray, "n"], num_classes: int = 0
) -> Int[np.ndarray, "classes k"]:
    num_classes = max(num_classes, int(labels.max()) + 1)
    num_clusters = int(clusters.max()) + 1
    pairs = labels.astype(np.int64) * num_clusters + clusters
    return np.bincount(pairs, minlength=num_classes * num_clusters).reshape(num_classes, num_clusters)
