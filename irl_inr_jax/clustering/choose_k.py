"""The number of clusters when nobody knows it: three curves over k, and one rule that reads them.

The gap asks whether k clusters are tighter than k clusters of a cloud without any. The stability asks whether two
halves of the images find the same k clusters. The silhouette asks how far clusters lie apart. None needs a label.
"""

import dataclasses
import warnings
from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Float64, Int
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score, silhouette_score

from irl_inr_jax.clustering.task import check_clusterable
from irl_inr_jax.types import InputError

MIN_IMAGES = 8
MAX_IMAGES = 5_000
_MAX_SILHOUETTE = 2_000
_IMAGES_A_CLUSTER = 4
_NUM_REFERENCES = 10
_NUM_SPLITS = 8
# With fewer, k-means misses small clusters that are there: halves disagree about them, and the gap has a dent.
# All images are clustered but once for each k, so that more starts cost little there.
_NUM_STARTS = 4
_NUM_STARTS_OF_ALL = 10

# Found on blobs, Gaussians, even cubes and lines: a cloud that does not fill its box raises the gap by less than this;
# halves that agree less, or gain less of what a cloud without clusters leaves to be gained, found different clusters.
_LEAST_RISE = 0.05
_LEAST_RISE_IN_STDS = 4.0
_LEAST_STABILITY = 0.7
_LEAST_GAIN = 0.4
_PLAIN_GAIN = 0.9
_NEARLY_AS_STABLE = 0.05


@dataclasses.dataclass(frozen=True)
class KCurves:
    """What is measured of k-means for each k; entry i of all but the gap belongs to `ks[i]`.

    ks: 2 ... K. num_images: how many were measured.
    silhouette: mean over images of (b - a) / max(a, b), in [-1, 1] (Rousseeuw 1987).
    gap, gap_std: for k = 1 ... K, the logarithm by which the clusters are tighter than those of an even cloud, and its
        standard error s_k (Tibshirani, Walther and Hastie 2001).
    stability, stability_std: adjusted Rand index, at most 1 and 0 by chance, of the clusters that two halves of the
        images find; mean and standard deviation over splits. stability_null: the same of an even cloud.
    """

    ks: Int[np.ndarray, "j"]
    num_images: int
    silhouette: Float64[np.ndarray, "j"]
    gap: Float64[np.ndarray, "j+1"]
    gap_std: Float64[np.ndarray, "j+1"]
    stability: Float64[np.ndarray, "j"]
    stability_std: Float64[np.ndarray, "j"]
    stability_null: Float64[np.ndarray, "j"]


@dataclasses.dataclass(frozen=True)
class Recommendation:
    """The number of clusters, None where none stands out, and why in one sentence."""

    k: int | None
    reason: str


def largest_k(num_images: int, max_clusters: int) -> int:
    """The largest k that is tried: `max_clusters`, or fewer so that a cluster has four images on average.

    Raises InputError for fewer than 8 images and for `max_clusters` below 2.
    """
    if num_images < MIN_IMAGES:
        raise InputError(
            f"expected at least {MIN_IMAGES} images to choose the number of clusters, found {num_images}; "
            f"give more images or set num_clusters to the number wanted"
        )
    if max_clusters < 2:
        raise InputError(f"expected max_clusters of at least 2, found {max_clusters}; set it to the most to be tried")
    return min(max_clusters, num_images // _IMAGES_A_CLUSTER)


def measure_k(
    latents: Float[np.ndarray, "n d"], *, max_clusters: int, seed: int, update: Callable[[int, str], None]
) -> KCurves:
    """The curves for k = 2 ... `largest_k`, by k-means of at most 5,000 images drawn with `seed`.

    `update(done, note)` is called as each k is finished, `largest_k` times in all, k = 1 being one of them.
    About 40 s for 5,000 images, 10 latents and 20 clusters on one core.

    Raises InputError for what `check_clusterable` and `largest_k` refuse.
    """
    check_clusterable(latents, 1)
    max_k = largest_k(len(latents), max_clusters)
    check_clusterable(latents, 2)
    rng = np.random.default_rng(seed)
    kept = rng.permutation(len(latents))[:MAX_IMAGES]
    points = latents[kept].astype(np.float64)
    points -= points.mean(axis=0)
    references = [_draw_reference(points, rng) for _ in range(_NUM_REFERENCES)]
    gaps, rows = [], []
    for k in range(1, max_k + 1):
        fitted = _fit(points, k, rng, num_starts=_NUM_STARTS_OF_ALL)
        gaps.append(_measure_gap(points, fitted, references, rng))
        if k > 1:
            shown = fitted.labels_[:_MAX_SILHOUETTE]
            stabilities = [_measure_stability(points, k, rng) for _ in range(_NUM_SPLITS)]
            nulls = [_measure_stability(reference, k, rng) for reference in references]
            silhouette = _measure_silhouette(points[:_MAX_SILHOUETTE], shown)
            rows.append((silhouette, np.mean(stabilities), np.std(stabilities), np.mean(nulls)))
        update(k, f"k = {k}")
    gap, gap_std = np.array(gaps).T
    return KCurves(np.arange(2, max_k + 1), len(points), np.array(rows).T[0], gap, gap_std, *np.array(rows).T[1:])


def recommend_k(curves: KCurves) -> Recommendation:
    """The k that two halves of the images agree on, where the latents have clusters at all.

    Below, the gain at k is the part (s - s0) / (1 - s0) that stability s has of what that of an even cloud, s0, leaves.

    1. Structure. The gap at k exceeds that at 1 by 4 standard errors and by 0.05. So one Gaussian or an even cloud has
       no k, however well halves agree on where to cut it: an elongated one is always cut across. Or the gain is at
       least 0.9: a small cluster far from a large one hardly raises the gap.
    2. Stability of at least 0.7 and gain of at least 0.4.
    3. Of the k within one standard deviation (or 0.05) of the most stable: the largest whose gap is within one standard
       error of the best. Few large groups are found again as surely as the clusters within them, so that stability
       alone would stop early.

    The silhouette, which likes few and round clusters, has no vote: the reason says whether it agrees. A curved band
    without clusters may pass for several, as for any rule that rests on k-means.
    """
    gap, stability, null = curves.gap[1:], curves.stability, curves.stability_null
    least_rise = np.maximum(_LEAST_RISE, _LEAST_RISE_IN_STDS * np.hypot(curves.gap_std[1:], curves.gap_std[0]))
    gain = (stability - null) / np.maximum(1 - null, 1e-9)
    structured = (gap - curves.gap[0] > least_rise) | (gain >= _PLAIN_GAIN)
    if not structured.any():
        return Recommendation(
            None, "no k stands out: cut into clusters, the images are hardly tighter than a cloud without clusters"
        )
    stable = structured & (stability >= _LEAST_STABILITY) & (gain >= _LEAST_GAIN)
    if not stable.any():
        best = int(np.where(structured, stability, -np.inf).argmax())
        return Recommendation(
            None,
            f"no k stands out: two halves of the images find different clusters at every k "
            f"(agreement at best {stability[best]:.2f} of 1, for {curves.ks[best]} clusters)",
        )
    nearly = stable & (stability >= stability[stable].max() - np.maximum(_NEARLY_AS_STABLE, curves.stability_std))
    top = int(np.where(nearly, gap, -np.inf).argmax())
    chosen = int(np.flatnonzero(nearly & (gap >= gap[top] - curves.gap_std[1:][top]))[-1])
    k = int(curves.ks[chosen])
    rival = int(curves.ks[curves.silhouette.argmax()])
    silhouette = "the silhouette agrees" if rival == k else f"the silhouette prefers {rival}"
    last = ", the most that were tried," if chosen == len(curves.ks) - 1 else ""
    return Recommendation(
        k,
        f"{k} clusters{last} are found again in either half of the images "
        f"(agreement {stability[chosen]:.2f} of 1) and are tighter than chance; {silhouette}",
    )


def _draw_reference(points: Float64[np.ndarray, "n d"], rng: np.random.Generator) -> Float64[np.ndarray, "n d"]:
    """As many points, even over the box around `points` whose sides lie along their principal axes."""
    _, _, axes = np.linalg.svd(points, full_matrices=False)
    along = points @ axes.T
    return rng.uniform(along.min(axis=0), along.max(axis=0), along.shape) @ axes


def _fit(points: Float64[np.ndarray, "n d"], k: int, rng: np.random.Generator, num_starts: int = _NUM_STARTS) -> KMeans:
    with warnings.catch_warnings():
        # Raised where fewer than k points differ, which is no fault here: clusters stay empty.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return KMeans(k, n_init=num_starts, tol=1e-3, random_state=int(rng.integers(2**31))).fit(points)


def _measure_gap(
    points: Float64[np.ndarray, "n d"],
    fitted: KMeans,
    references: list[Float64[np.ndarray, "n d"]],
    rng: np.random.Generator,
) -> tuple[float, float]:
    """Gap(k) and s_k, equations 3 and 5 of the paper, of sums of squares about the means."""
    # Fewer than k points that differ leave nothing within the clusters, and the logarithm of nothing.
    floor = 1e-12 * np.sum(points**2)
    logs = [np.log(max(_fit(reference, fitted.n_clusters, rng).inertia_, floor)) for reference in references]
    return float(np.mean(logs) - np.log(max(fitted.inertia_, floor))), float(np.std(logs) * np.sqrt(1 + 1 / len(logs)))


def _measure_stability(points: Float64[np.ndarray, "n d"], k: int, rng: np.random.Generator) -> float:
    """Agreement of all points assigned by the means of one half and by those of the other."""
    order = rng.permutation(len(points))
    halves = order[: len(points) // 2], order[len(points) // 2 :]
    first, second = (_fit(points[half], k, rng).predict(points) for half in halves)
    return float(adjusted_rand_score(first, second))


def _measure_silhouette(points: Float64[np.ndarray, "n d"], clusters: Int[np.ndarray, "n"]) -> float:
    """0, as of points between two clusters, where it is undefined: a single cluster, or one for each point."""
    if not 1 < len(np.unique(clusters)) < len(points):
        return 0.0
    return float(silhouette_score(points, clusters))
