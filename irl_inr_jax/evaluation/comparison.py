"""Compare clusterers on the same latents: compute or load each clustering, time it and score it over several seeds."""

import dataclasses
import logging
import time
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32, Int

from irl_inr_jax.clustering import DETERMINISTIC, Clustering, ClusterTask, Points, get_clusterer
from irl_inr_jax.clustering.outliers import outlier_scores
from irl_inr_jax.clustering.pixel_kmeans import cluster_pixels
from irl_inr_jax.clustering.store import TimedClustering, digest_task, load_clustering, save_clustering
from irl_inr_jax.metrics.clustering_scores import (
    NOISE,
    confusion_matrix,
    per_class_accuracy,
    purity_and_recall,
    score_clusters,
)
from irl_inr_jax.types import InputError

BASELINE = "pixels_kmeans"
logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Truth:
    """Labels of the images, used for scoring only: None without labels, -1 for an image without one.

    class_names: one per label.
    """

    fitted: Int[np.ndarray, "m"] | None
    assigned: Int[np.ndarray, "n"] | None
    class_names: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Scores and clusterings by clusterer.

    scores: the entry of each clusterer in results.json. clusterings: those of the first seed, without skipped ones.
    outliers: (n,) outlier score of each assigned image; None where the latents are not finite.
    """

    scores: dict[str, dict]
    clusterings: dict[str, Clustering]
    outliers: Float32[np.ndarray, "n"] | None


def compare_clusterers(
    task: ClusterTask, truth: Truth, clusterers: list[str], *, num_seeds: int, folder: Path | None
) -> Comparison:
    """Run k-means on the pixels and each clusterer on the task; `folder` stores clusterings between evaluations.

    Random clusterers run with `num_seeds` seeds, starting at the task's. A clusterer that raises InputError is skipped:
    its entry contains the reason, and the others still run.
    """
    scores, clusterings = {}, {}
    for name in [BASELINE, *clusterers]:
        random = name not in DETERMINISTIC and name != BASELINE
        seeds = range(task.seed, task.seed + (num_seeds if random else 1))
        try:
            runs = [run_clusterer(name, dataclasses.replace(task, seed=seed), folder) for seed in seeds]
        except InputError as error:
            scores[name] = {"skipped": str(error)}
            continue
        scores[name] = describe_runs(runs, truth, random=random)
        clusterings[name] = runs[0].clustering
    finite = all(np.isfinite(points.latents).all() for points in (task.fitted, task.assigned))
    return Comparison(scores, clusterings, outlier_scores(task) if finite else None)


def run_clusterer(name: str, task: ClusterTask, folder: Path | None) -> TimedClustering:
    """Return the clustering by one clusterer with one seed, loaded from `folder` if it is stored there."""
    if name == BASELINE:
        task = without_latents(task)
    path = None if folder is None else folder / f"{name}-{task.seed}.npz"
    digest = "" if path is None else digest_task(name, task)
    stored = None if path is None else load_clustering(path, digest)
    if stored is not None:
        logger.info("%s, seed %d: loaded from an earlier evaluation", name, task.seed)
        return stored
    logger.info("%s, seed %d: clustering %d images", name, task.seed, len(task.assigned.images))
    cluster = cluster_pixels if name == BASELINE else get_clusterer(name)
    started = time.monotonic()
    timed = TimedClustering(cluster(task), time.monotonic() - started)
    if path is not None:
        save_clustering(path, digest, timed)
    return timed


def without_latents(task: ClusterTask) -> ClusterTask:
    """Return the task of the assigned images alone, with no latents: the baseline depends on the pixels only."""
    images = task.assigned.images
    points = Points(np.zeros((len(images), 0), np.float32), images)
    return dataclasses.replace(task, fitted=points, assigned=points)


def describe_runs(runs: list[TimedClustering], truth: Truth, *, random: bool) -> dict:
    """Return the entry of results.json: scores of the first seed; for several, mean and standard deviation too."""
    clustering = runs[0].clustering
    entry = score_clustering(clustering, truth)
    if random and len(runs) > 1:
        each = [score_clustering(run.clustering, truth) for run in runs]
        names = [name for name, value in each[0].items() if isinstance(value, float)]
        entry["seeds"] = {name: summarise([scores[name] for scores in each]) for name in names}
    return entry | {
        "transductive": clustering.transductive,
        "random": random,
        "notes": list(dict.fromkeys(note for run in runs for note in run.clustering.notes)),
        "measures": clustering.measures,
        "seconds": float(np.mean([run.seconds for run in runs])),
    }


def score_clustering(clustering: Clustering, truth: Truth) -> dict:
    """Return the number of clusters and, with labels, `score_clusters`, scores of each class and confusion matrix."""
    clusters = clustering.clusters
    entry: dict = {
        "num_clusters": len(np.unique(clusters[clusters != NOISE])),
        "noise_share": float(np.mean(clusters == NOISE)),
    }
    if truth.assigned is not None and (truth.assigned >= 0).any():
        num_classes = len(truth.class_names)
        known = truth.assigned >= 0
        labels, clusters = truth.assigned[known], clusters[known]
        purity, recall = purity_and_recall(labels, clusters, num_classes)
        entry |= score_clusters(labels, clusters)
        entry["per_class_accuracy"] = name_shares(per_class_accuracy(labels, clusters, num_classes), truth.class_names)
        entry["per_class_purity"] = name_shares(purity, truth.class_names)
        entry["per_class_recall"] = name_shares(recall, truth.class_names)
        entry["confusion"] = confusion_matrix(labels, clusters, num_classes).tolist()
    if truth.fitted is not None and clustering.neighbours is not None:
        neighbours, own = truth.fitted[clustering.neighbours], truth.fitted[:, None]
        known = (neighbours >= 0) & (own >= 0)
        entry["neighbour_purity"] = float((neighbours == own)[known].mean()) if known.any() else None
    return entry


def name_shares(shares: Float[np.ndarray, "k"], names: tuple[str, ...]) -> dict[str, float | None]:
    """Return the share of each class by its name, None for NaN."""
    return {name: None if np.isnan(share) else float(share) for name, share in zip(names, shares, strict=True)}


def summarise(values: list[float]) -> dict:
    """Return mean, sample standard deviation (as in the paper's tables) and values over seeds."""
    return {"mean": float(np.mean(values)), "std": float(np.std(values, ddof=1)), "values": values}
