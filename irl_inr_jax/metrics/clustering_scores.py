"""Agreement of clusters with classes. Class ids and cluster ids are integers from 0, except for the cluster `NOISE`.

Images of `NOISE` are in no cluster: they are errors in every accuracy, and no class is matched to noise.
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
    """Match each cluster to a class, one to one, with the most correct images (Hungarian method, Kuhn 1955).

    k is the largest cluster id plus one, 0 if all images are noise. If clusters outnumber classes the surplus ones are
    `UNMATCHED` (-1). Ties are resolved by balanced accuracy.
    """
    counts = _count_pairs(labels, clusters)
    # The shares add up to less than one image, so they only resolve ties, and scores do not depend on the numbering.
    shares = counts / np.maximum(np.bincount(labels), 1)[:, None] / (len(counts) + 1)
    classes, matched = linear_sum_assignment(counts + shares, maximize=True)
    mapping = np.full(counts.shape[1], UNMATCHED, np.int32)
    mapping[matched] = classes
    return mapping


def clustering_accuracy(labels: Int[np.ndarray, "n"], clusters: Int[np.ndarray, "n"]) -> float:
    """Compute the share of images whose cluster is matched to their class (the accuracy of Tables 2 and 3).

    The match is one to one: images of surplus clusters and noise count as errors.
    """
    return float(np.mean(_find_correct(labels, clusters)))


def per_class_accuracy(
    labels: Int[np.ndarray, "n"], clusters: Int[np.ndarray, "n"], num_classes: int = 0
) -> Float[np.ndarray, "classes"]:
    """Compute the share of correct images of each class after the matching, that is, its recall.

    0 for a class without a matched cluster, NaN for a class without images. There are `num_classes` classes, or more if
    the largest label requires it.
    """
    sizes = np.bincount(labels, minlength=num_classes)
    correct = np.bincount(labels, weights=_find_correct(labels, clusters), minlength=num_classes)
    return np.divide(correct, sizes, out=np.full(len(sizes), np.nan), where=sizes > 0)


def balanced_accuracy(labels: Int[np.ndarray, "n"], clusters: Int[np.ndarray, "n"]) -> float:
    """Compute the mean of `per_class_accuracy` over the classes with images, so that all classes count equally.

    The match is that of `clustering_accuracy`, which maximises correct images rather than this mean.
    """
    return float(np.nanmean(per_class_accuracy(labels, clusters)))


def many_to_one_accuracy(labels: Int[np.ndarray, "n"], clusters: Int[np.ndarray, "n"]) -> float:
    """Compute the share of images that belong to the majority class of their cluster; noise never does.

    It does not decrease when clusters are split and is 1 for one image per cluster. Use it to compare results with
    equal k, or to separate errors due to surplus clusters from errors due to mixed clusters.
    """
    return float(_count_pairs(labels, clusters).max(axis=0).sum() / len(labels))


def purity_and_recall(
    labels: Int[np.ndarray, "n"], clusters: Int[np.ndarray, "n"], num_classes: int = 0
) -> tuple[Float[np.ndarray, "classes"], Float[np.ndarray, "classes"]]:
    """Compute purity and recall of each class in the clusters, one or more, whose most common class it is.

    Purity is the share of the class in these clusters, NaN if there are none; recall is the share of the class that is
    in them, NaN for a class without images. Noise is in no cluster. A tie goes to the class that is named first.
    """
    counts = _count_pairs(labels, clusters, num_classes)
    owners = counts.argmax(axis=0)
    own = np.where(owners == np.arange(len(counts))[:, None], counts, 0).sum(axis=1)
    in_clusters = np.bincount(owners, weights=counts.sum(axis=0), minlength=len(counts))
    sizes = np.bincount(labels, minlength=len(counts))
    purity = np.divide(own, in_clusters, out=np.full(len(counts), np.nan), where=in_clusters > 0)
    return purity, np.divide(own, sizes, out=np.full(len(counts), np.nan), where=sizes > 0)


def confusion_matrix(
    labels: Int[np.ndarray, "n"], clusters: Int[np.ndarray, "n"], num_classes: int
) -> Int[np.ndarray, "num_classes columns"]:
    """Count images by true class (rows) and cluster (columns), with correct images on the diagonal (Figure 5).

    Column j < num_classes is the cluster matched to class j, or zero if there is none. Surplus clusters follow, largest
    first, and last, if there is any noise, a column of noise.
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
    """Compute `accuracy` (one to one), `balanced_accuracy`, `many_to_one_accuracy`, `nmi`, `ami` and `ari`; best is 1.

    The information scores are normalised by the arithmetic mean of the entropies. They and `ari` compare partitions and
    treat noise as one cluster, so a class that is noise as a whole raises them, whereas it lowers the accuracies.
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
    """Compute the mean share of an image's nearest neighbours (Euclidean, itself excluded) that have its label.

    It measures how well the latents separate the classes, independent of a clusterer. Raises InputError unless there
    are more images than neighbours.
    """
    if not 1 <= num_neighbours < len(labels):
        raise InputError(
            f"expected num_neighbours from 1 to the number of images less one ({len(labels) - 1}), "
            f"found {num_neighbours}; set a smaller number or give more images"
        )
    # Without an argument kneighbors excludes each point by its index, not its duplicates.
    neighbours = NearestNeighbors(n_neighbors=num_neighbours).fit(latents).kneighbors(return_distance=False)
    return float(np.mean(labels[neighbours] == labels[:, None]))


def _find_correct(labels: Int[np.ndarray, "n"], clusters: Int[np.ndarray, "n"]) -> Bool[np.ndarray, "n"]:
    # Noise is -1 and selects the last entry, which is no class.
    return np.append(match_clusters(labels, clusters), UNMATCHED)[clusters] == labels


def _count_pairs(
    labels: Int[np.ndarray, "n"], clusters: Int[np.ndarray, "n"], num_classes: int = 0
) -> Int[np.ndarray, "classes k"]:
    """Count images by class and cluster, without noise; no columns if all images are noise."""
    num_classes = max(num_classes, int(labels.max()) + 1)
    num_clusters = int(clusters.max()) + 1
    kept = clusters != NOISE
    pairs = labels[kept].astype(np.int64) * num_clusters + clusters[kept]
    return np.bincount(pairs, minlength=num_classes * num_clusters).reshape(num_classes, num_clusters)
