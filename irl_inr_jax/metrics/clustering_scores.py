"""How well clusters agree with classes. Class ids are integers from 0, and so are cluster ids but for `NOISE`.

An image of `NOISE` is in no cluster. It is an error in every accuracy, and no class is matched to noise.
"""

import numpy as np
from jaxtyping import Bool, Float, Int, Int32
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score, normalized_mutual_info_score
from sklearn.neighbors import NearestNeighbors

from irl_inr_jax.types import InputError

NOISE = -1
UNMATCHED = -1


def match_clusters(labels: Int[np.ndarray, "n"], clusters: Int[np.ndarray, "n"]) -> Int32[np.ndarray, "k"]:
    """The class of each cluster, one to one, such that the most images are right (Hungarian method, Kuhn 1955).

    k is the largest cluster id plus one, 0 where all is noise. Where clusters outnumber classes the surplus ones are
    `UNMATCHED` (-1). Of matches with equally many images right, one with the best balanced accuracy.
    """
    counts = _count_pairs(labels, clusters)
    # The shares add up to less than 1, one image, so they decide between equals only, and no score hangs on numbering.
    shares = counts / np.maximum(np.bincount(labels), 1)[:, None] / (len(counts) + 1)
    classes, matched = linear_sum_assignment(counts + shares, maximize=True)
    mapping = np.full(counts.shape[1], UNMATCHED, np.int32)
    mapping[matched] = classes
    return mapping


def clustering_accuracy(labels: Int[np.ndarray, "n"], clusters: Int[np.ndarray, "n"]) -> float:
    """Share of images whose cluster is matched to their class (the accuracy of Tables 2 and 3).

    The match is one to one, so every image of a surplus cluster counts as an error, and so does noise.
    """
    return float(np.mean(_find_right(labels, clusters)))


def per_class_accuracy(
    labels: Int[np.ndarray, "n"], clusters: Int[np.ndarray, "n"], num_classes: int = 0
) -> Float[np.ndarray, "classes"]:
    """For each class the share of its images that are right after the matching: the recall, as scikit-learn calls it.

    0 for a class that no cluster is matched to, NaN for one that does not occur. Classes are those up to the largest
    label, or `num_classes` where that is more.
    """
    sizes = np.bincount(labels, minlength=num_classes)
    right = np.bincount(labels, weights=_find_right(labels, clusters), minlength=num_classes)
    return np.divide(right, sizes, out=np.full(len(sizes), np.nan), where=sizes > 0)


def balanced_accuracy(labels: Int[np.ndarray, "n"], clusters: Int[np.ndarray, "n"]) -> float:
    """Mean of `per_class_accuracy` over the classes that occur, so that rare ones count as much as common ones.

    The match is that of `clustering_accuracy`, which seeks the most images first and not the best mean over classes.
    """
    return float(np.nanmean(per_class_accuracy(labels, clusters)))


def many_to_one_accuracy(labels: Int[np.ndarray, "n"], clusters: Int[np.ndarray, "n"]) -> float:
    """Share of images that belong to the majority class of their cluster; noise does not.

    It never falls when clusters are split and is 1 for one image a cluster: fit only to compare at equal k, or to see
    how much of an error is surplus clusters and how much is mixing.
    """
    return float(_count_pairs(labels, clusters).max(axis=0).sum() / len(labels))


def confusion_matrix(
    labels: Int[np.ndarray, "n"], clusters: Int[np.ndarray, "n"], num_classes: int
) -> Int[np.ndarray, "num_classes columns"]:
    """Images by true class (rows) and cluster (columns), with what is right on the diagonal (Figure 5).

    Column j < num_classes is the cluster matched to class j, all zero where there is none. Surplus clusters follow,
    largest first, and then, only where there is any, one column of noise.
    """
    counts = _count_pairs(labels, clusters, num_classes)
    mapping = match_clusters(labels, clusters)
    ordered = np.zeros_like(counts, shape=(num_classes, num_classes))
    matched = np.flatnonzero(mapping != UNMATCHED)
    ordered[:, mapping[matched]] = counts[:, matched]
    surplus = counts[:, mapping == UNMATCHED]
    by_size = np.argsort(-surplus.sum(axis=0), kind="stable")
    noise = np.bincount(labels[clusters == NOISE], minlength=num_classes)[:, None]
    return np.concatenate([ordered, surplus[:, by_size], noise[:, : int(noise.any())]], axis=1)


def score_clusters(labels: Int[np.ndarray, "n"], clusters: Int[np.ndarray, "n"]) -> dict[str, float]:
    """`accuracy` (one to one), `balanced_accuracy`, `many_to_one_accuracy`, `nmi`, `ami` and `ari`. 1 is best in all.

    The information scores are normalised by the arithmetic mean of the entropies. To them and to `ari` noise is one
    cluster of its own: they compare two partitions and have no other word for it, so that a class which is left out
    whole counts in its favour there, and against it in the accuracies.
    """
    return {
        "accuracy": clustering_accuracy(labels, clusters),
        "balanced_accuracy": balanced_accuracy(labels, clusters),
        "many_to_one_accuracy": many_to_one_accuracy(labels, clusters),
        "nmi": float(normalized_mutual_info_score(labels, clusters)),
        "ami": float(adjusted_mutual_info_score(labels, clusters)),
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


def _find_right(labels: Int[np.ndarray, "n"], clusters: Int[np.ndarray, "n"]) -> Bool[np.ndarray, "n"]:
    # Noise, being -1, looks up the last entry, which is no class.
    return np.append(match_clusters(labels, clusters), UNMATCHED)[clusters] == labels


def _count_pairs(
    labels: Int[np.ndarray, "n"], clusters: Int[np.ndarray, "n"], num_classes: int = 0
) -> Int[np.ndarray, "classes k"]:
    """Images by class and cluster, without noise: no columns where all is noise."""
    num_classes = max(num_classes, int(labels.max()) + 1)
    num_clusters = int(clusters.max()) + 1
    kept = clusters != NOISE
    pairs = labels[kept].astype(np.int64) * num_clusters + clusters[kept]
    return np.bincount(pairs, minlength=num_classes * num_clusters).reshape(num_classes, num_clusters)
