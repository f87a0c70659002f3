"""All clusterers on the same latents: run or taken from disk, timed, scored, over several seeds."""

import dataclasses
import time
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int

from irl_inr_jax.clustering import DETERMINISTIC, Clustering, ClusterTask, Points, get_clusterer
from irl_inr_jax.clustering.outliers import outlier_scores
from irl_inr_jax.clustering.store import Kept, digest_task, load_clustering, save_clustering
from irl_inr_jax.evaluation.memory import watch_memory
from irl_inr_jax.metrics.clustering_scores import NOISE, confusion_matrix, per_class_accuracy, score_clusters
from irl_inr_jax.types import InputError

BASELINE = "pixels_kmeans"


@dataclasses.dataclass(frozen=True)
class Truth:
    """Labels of the images, for scores alone: None where there are none, -1 for an image without.

    class_names: one a label.
    """

    fitted: Int[np.ndarray, "m"] | None
    assigned: Int[np.ndarray, "n"] | None
    class_names: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Comparison:
    """scores: the entry of each clusterer in results.json. clusterings: with the first seed, those that were made.

    outliers: (n,) the outlier score of each assigned image, None for latents that allow none.
    """

    scores: dict[str, dict]
    clusterings: dict[str, Clustering]
    outliers: Float32[np.ndarray, "n"] | None


def compare_clusterers(
    task: ClusterTask, truth: Truth, clusterers: list[str], *, num_seeds: int, folder: Path | None
) -> Comparison:
    """Each clusterer on the task, and k-means of the bare pixels first; `folder` keeps clusterings between runs.

    A clusterer that is random runs with `num_seeds` seeds from the task's on. One that declines gets an entry that says
    why, and no clusters; the others go on.
    """
    scores, clusterings = {}, {}
    for name in [BASELINE, *clusterers]:
        random = name not in DETERMINISTIC and name != BASELINE
        runs = []
        try:
            for seed in range(task.seed, task.seed + (num_seeds if random else 1)):
                runs.append(run_clusterer(name, dataclasses.replace(task, seed=seed), folder))
        except InputError as error:
            scores[name] = {"skipped": str(error)}
            continue
        scores[name] = describe_runs(runs, truth, random=random)
        clusterings[name] = runs[0].clustering
    # Of latents that are not finite every clusterer has said so by now.
    finite = all(np.isfinite(points.latents).all() for points in (task.fitted, task.assigned))
    return Comparison(scores, clusterings, outlier_scores(task) if finite else None)


def run_clusterer(name: str, task: ClusterTask, folder: Path | None) -> Kept:
    """The clustering by one clusterer with one seed, from `folder` if it is there."""
    if name == BASELINE:
        task = of_pixels(task)
    path = None if folder is None else folder / f"{name}-{task.seed}.npz"
    digest = "" if path is None else digest_task(name, task)
    kept = None if path is None else load_clustering(path, digest)
    if kept is not None:
        task.say(f"{name}, seed {task.seed}: kept from an earlier evaluation")
        return kept
    task.say(f"{name}, seed {task.seed}: clustering {len(task.assigned.images)} images")
    cluster = get_clusterer("kmeans" if name == BASELINE else name)
    started = time.monotonic()
    with watch_memory() as grown:
        clustering = cluster(task)
        kept = Kept(clustering, time.monotonic() - started, grown())
    if path is not None:
        save_clustering(path, digest, kept)
    return kept


def of_pixels(task: ClusterTask) -> ClusterTask:
    """The same task with the pixels of the assigned images for latents, which are clustered by themselves."""
    images = task.assigned.images
    points = Points(np.asarray(images).reshape(len(images), -1).astype(np.float32), images)
    return dataclasses.replace(task, fitted=points, assigned=points)


def describe_runs(runs: list[Kept], truth: Truth, *, random: bool) -> dict:
    """The entry of results.json: the first seed's scores and, of several seeds, mean and standard deviation of each."""
    clustering = runs[0].clustering
    entry = score_clustering(clustering, truth)
    if random and len(runs) > 1:
        each = [score_clustering(run.clustering, truth) for run in runs]
        numbers = [name for name, value in each[0].items() if isinstance(value, float)]
        entry["seeds"] = {name: summarise([scores[name] for scores in each]) for name in numbers}
    return entry | {
        "transductive": clustering.transductive,
        "random": random,
        "notes": list(dict.fromkeys(note for run in runs for note in run.clustering.notes)),
        "measures": clustering.measures,
        "seconds": float(np.mean([run.seconds for run in runs])),
        "peak_mb": float(np.max([run.peak_mb for run in runs])),
    }


def score_clustering(clustering: Clustering, truth: Truth) -> dict:
    """Sizes, and for images with labels every score of `score_clusters`, accuracy by class and the confusion matrix."""
    clusters = clustering.clusters
    entry: dict = {
        "num_clusters": len(np.unique(clusters[clusters != NOISE])),
        "noise_share": float(np.mean(clusters == NOISE)),
    }
    if truth.assigned is not None and (truth.assigned >= 0).any():
        num_classes = len(truth.class_names)
        known = truth.assigned >= 0
        labels, clusters = truth.assigned[known], clusters[known]
        by_class = per_class_accuracy(labels, clusters, num_classes)
        entry |= score_clusters(labels, clusters)
        entry["per_class_accuracy"] = {
            name: None if np.isnan(share) else float(share)
            for name, share in zip(truth.class_names, by_class, strict=True)
        }
        entry["confusion"] = confusion_matrix(labels, clusters, num_classes).tolist()
    if truth.fitted is not None and clustering.neighbours is not None:
        mined, own = truth.fitted[clustering.neighbours], truth.fitted[:, None]
        known = (mined >= 0) & (own >= 0)
        entry["neighbour_purity"] = float((mined == own)[known].mean()) if known.any() else None
    return entry


def summarise(values: list[float]) -> dict:
    """Mean and standard deviation (of the sample, as the paper's tables have it) over seeds, and the values."""
    return {"mean": float(np.mean(values)), "std": float(np.std(values, ddof=1)), "values": values}
