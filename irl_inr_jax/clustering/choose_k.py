"""Choose the number of clusters without labels, from three curves over k.

The gap compares the tightness of k clusters with that of k clusters of uniformly distributed points. The stability is
the agreement of the k clusters found in two halves of the images. The silhouette measures the separation of clusters.
"""

import dataclasses
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float64, Int
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, silhouette_score

from irl_inr_jax.clustering.stability import cluster_by_halves, fit_quietly
from irl_inr_jax.clustering.task import check_clusterable
from irl_inr_jax.devices.threads import single_thread
from irl_inr_jax.training.progress import show_progress
from irl_inr_jax.types import InputError

MIN_IMAGES = 8
MAX_IMAGES = 5_000
_MAX_SILHOUETTE = 2_000
_IMAGES_PER_CLUSTER = 4
_NUM_REFERENCES = 10
_NUM_SPLITS = 8
# With fewer starts k-means misses small clusters, which lowers the gap. All images are clustered only once per k, so
# more starts than `NUM_STARTS` of stability.py cost little there.
_NUM_STARTS_OF_ALL = 10

# Calibrated on blobs, single Gaussians, uniform cubes and lines: points without clusters that do not fill their box
# raise the gap by less than this; halves with less agreement or gain have found different clusters.
_MIN_RISE = 0.05
_MIN_RISE_IN_STDS = 4.0
_MIN_STABILITY = 0.7
_MIN_GAIN = 0.4
_CLEAR_GAIN = 0.9
_STABILITY_TOLERANCE = 0.05


@dataclasses.dataclass(frozen=True)
class KCurves:
    """Measurements on k-means for each k; entry i of all but the gap belongs to `ks[i]`.

    ks: 2 ... K. num_images: number of images measured.
    silhouette: mean over images of (b - a) / max(a, b), in [-1, 1] (Rousseeuw 1987).
    gap, gap_std: for k = 1 ... K, the log ratio of the spread within clusters of uniform reference points to that of
        the latents, and its standard error s_k (Tibshirani, Walther and Hastie 2001).
    stability, stability_std: adjusted Rand index (at most 1; 0 by chance) between the clusters found in two halves of
        the images; mean and standard deviation over splits. stability_null: its mean for uniform reference points.
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
    """The number of clusters, or None if the data support none, and the reason in one sentence."""

    k: int | None
    reason: str


class ChosenK(NamedTuple):
    """The recommended number of clusters and the curves it follows from."""

    curves: KCurves
    recommendation: Recommendation


def choose_k(latents: Float[np.ndarray, "n d"], *, max_clusters: int, seed: int) -> ChosenK:
    """Measure the curves of k and recommend one. Raises InputError as `measure_k` does."""
    curves = measure_k(latents, max_clusters=max_clusters, seed=seed)
    return ChosenK(curves, recommend_k(curves))


def largest_k(num_images: int, max_clusters: int) -> int:
    """Return the largest k to try: `max_clusters`, or fewer so that a cluster has four images on average.

    Raises InputError for fewer than 8 images and for `max_clusters` below 2.
    """
    if num_images < MIN_IMAGES:
        raise InputError(
            f"expected at least {MIN_IMAGES} images to choose the number of clusters, found {num_images}; "
            f"give more images or set num_clusters to the number wanted"
        )
    if max_clusters < 2:
        raise InputError(f"expected max_clusters of at least 2, found {max_clusters}; set the largest k to try")
    return min(max_clusters, num_images // _IMAGES_PER_CLUSTER)


@single_thread()
def measure_k(latents: Float[np.ndarray, "n d"], *, max_clusters: int, seed: int) -> KCurves:
    """Measure the curves for k = 2 ... `largest_k` by k-means of at most 5,000 images, sampled with `seed`.

    Takes about 40 s for 5,000 images, 10 latent dimensions and 20 clusters on one core.

    Raises InputError for what `check_clusterable` and `largest_k` refuse.
    """
    check_clusterable(latents, 1)
    max_k = largest_k(len(latents), max_clusters)
    check_clusterable(latents, 2)
    rng = np.random.default_rng(seed)
    kept = rng.permutation(len(latents))[:MAX_IMAGES]
    points = latents[kept].astype(np.float64)
    points -= points.mean(axis=0)
    references = [_sample_reference(points, rng) for _ in range(_NUM_REFERENCES)]
    gaps, rows = [], []
    with show_progress("choosing k: tried", max_k) as update:
        for k in range(1, max_k + 1):
            fitted = fit_quietly(points, k, rng, num_starts=_NUM_STARTS_OF_ALL)
            gaps.append(_measure_gap(points, fitted, references, rng))
            if k > 1:
                stabilities = [_measure_stability(points, k, rng) for _ in range(_NUM_SPLITS)]
                nulls = [_measure_stability(reference, k, rng) for reference in references]
                silhouette = _measure_silhouette(points[:_MAX_SILHOUETTE], fitted.labels_[:_MAX_SILHOUETTE])
                rows.append((silhouette, np.mean(stabilities), np.std(stabilities), np.mean(nulls)))
            update(k, f"k = {k}")
    gap, gap_std = np.array(gaps).T
    return KCurves(np.arange(2, max_k + 1), len(points), np.array(rows).T[0], gap, gap_std, *np.array(rows).T[1:])


def recommend_k(curves: KCurves) -> Recommendation:
    """Recommend the k on which two halves of the images agree, provided that the latents have clusters.

    The gain at k is (s - s0) / (1 - s0), with stability s and stability s0 of uniform reference points.

    1. Structure: the gap at k exceeds that at 1 by 4 standard errors and by 0.05, so that a single Gaussian or uniform
       points have no k even if the halves agree (an elongated cloud is always cut across). Or the gain is at least 0.9:
       a small cluster far from a large one hardly raises the gap.
    2. Stability of at least 0.7 and gain of at least 0.4.
    3. Of the k within one standard deviation (or 0.05) of the most stable: the largest whose gap is within one standard
       error of the best. A few large groups are as stable as the clusters within them, so stability alone would stop
       early.

    The silhouette favours few and round clusters and is only reported. As with any rule based on k-means, a curved
    band without clusters may be taken for several.
    """
    gap, stability, null = curves.gap[1:], curves.stability, curves.stability_null
    least_rise = np.maximum(_MIN_RISE, _MIN_RISE_IN_STDS * np.hypot(curves.gap_std[1:], curves.gap_std[0]))
    gain = (stability - null) / np.maximum(1 - null, 1e-9)
    structured = (gap - curves.gap[0] > least_rise) | (gain >= _CLEAR_GAIN)
    if not structured.any():
        return Recommendation(
            None, "no clear number of clusters: clusters of the images are hardly tighter than those of uniform points"
        )
    stable = structured & (stability >= _MIN_STABILITY) & (gain >= _MIN_GAIN)
    if not stable.any():
        best = int(np.where(structured, stability, -np.inf).argmax())
        return Recommendation(
            None,
            f"no clear number of clusters: two halves of the images give different clusters for every k "
            f"(agreement at best {stability[best]:.2f} of 1, for {curves.ks[best]} clusters)",
        )
    nearly = stable & (stability >= stability[stable].max() - np.maximum(_STABILITY_TOLERANCE, curves.stability_std))
    top = int(np.where(nearly, gap, -np.inf).argmax())
    chosen = int(np.flatnonzero(nearly & (gap >= gap[top] - curves.gap_std[1:][top]))[-1])
    k = int(curves.ks[chosen])
    preferred = int(curves.ks[curves.silhouette.argmax()])
    silhouette = "the silhouette agrees" if preferred == k else f"the silhouette prefers {preferred}"
    last = ", the largest number tried," if chosen == len(curves.ks) - 1 else ""
    return Recommendation(
        k,
        f"{k} clusters{last} are found in both halves of the images "
        f"(agreement {stability[chosen]:.2f} of 1) and are tighter than those of uniform points; {silhouette}",
    )


def _sample_reference(points: Float64[np.ndarray, "n d"], rng: np.random.Generator) -> Float64[np.ndarray, "n d"]:
    """Sample as many points uniformly from the bounding box of `points` along their principal axes."""
    _, _, axes = np.linalg.svd(points, full_matrices=False)
    along = points @ axes.T
    return rng.uniform(along.min(axis=0), along.max(axis=0), along.shape) @ axes


def _measure_gap(
    points: Float64[np.ndarray, "n d"],
    fitted: KMeans,
    references: list[Float64[np.ndarray, "n d"]],
    rng: np.random.Generator,
) -> tuple[float, float]:
    """Compute Gap(k) and s_k, equations 3 and 5 of the paper, from sums of squares about the means."""
    # With fewer than k distinct points the sum is 0 and its logarithm undefined.
    floor = 1e-12 * np.sum(points**2)
    logs = [np.log(max(fit_quietly(reference, fitted.n_clusters, rng).inertia_, floor)) for reference in references]
    return float(np.mean(logs) - np.log(max(fitted.inertia_, floor))), float(np.std(logs) * np.sqrt(1 + 1 / len(logs)))


def _measure_stability(points: Float64[np.ndarray, "n d"], k: int, rng: np.random.Generator) -> float:
    """Measure the agreement of all points assigned by the means of one half and by those of the other."""
    return float(adjusted_rand_score(*cluster_by_halves(points, k, rng)))


def _measure_silhouette(points: Float64[np.ndarray, "n d"], clusters: Int[np.ndarray, "n"]) -> float:
    """Compute the silhouette; 0 where it is undefined: for a single cluster, or one for each point."""
    if not 1 < len(np.unique(clusters)) < len(points):
        return 0.0
    return float(silhouette_score(points, clusters))
