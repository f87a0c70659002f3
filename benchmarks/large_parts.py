"""Parts of an evaluation that benchmarks/large.py measures, each (synthetic images, empty folder) -> notes."""

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Int32
from ml_collections import ConfigDict

from benchmarks.latents import make_latents
from irl_inr_jax.clustering import CLUSTERERS, Clustering, ClusterTask, Points
from irl_inr_jax.clustering.choose_k import MAX_IMAGES, choose_k
from irl_inr_jax.clustering.kmeans import assign_to_centres
from irl_inr_jax.clustering.neighbours.search import nearest_neighbours
from irl_inr_jax.clustering.outlier_index import count_neighbours, index_outliers, measure_isolation
from irl_inr_jax.clustering.outliers import MAX_ROWS, outlier_scores
from irl_inr_jax.clustering.stability import MAX_ROWS as MAX_STABILITY_ROWS
from irl_inr_jax.clustering.stability import measure_stability
from irl_inr_jax.config import base
from irl_inr_jax.data.lazy import LazyImages
from irl_inr_jax.devices.compute import choose_speed
from irl_inr_jax.evaluation.comparison import Truth, score_clustering
from irl_inr_jax.evaluation.embeddings import embed_images, save_embeddings
from irl_inr_jax.evaluation.neighbour_agreement import MAX_IMAGES as MAX_AGREEMENT_IMAGES
from irl_inr_jax.evaluation.neighbour_agreement import measure_neighbour_agreement
from irl_inr_jax.evaluation.pipeline import EvaluationOptions, evaluate
from irl_inr_jax.evaluation.verdict import judge_run
from irl_inr_jax.report.assignments import save_assignments
from irl_inr_jax.report.figures.projection import project_latents
from irl_inr_jax.report.figures.run_figures import save_run_figures
from irl_inr_jax.report.html.content import describe_report
from irl_inr_jax.report.html.map_layout import place_images
from irl_inr_jax.report.html.page import write_page
from irl_inr_jax.training.inference import TrainedMethod
from irl_inr_jax.types import Dataset, ImageSet, Method, Scaling

SIDE = 12


class Synthetic(NamedTuple):
    """Images with labels, their task, clusters for parts that need some, and the configuration."""

    dataset: Dataset
    task: ClusterTask
    clusters: Int32[np.ndarray, "n"]
    config: ConfigDict


def make_synthetic(num_images: int, dim: int, num_clusters: int) -> Synthetic:
    """Return images whose pixels are a linear map of their latents, which a linear encoder inverts."""
    latents = make_latents(num_images, dim, num_clusters=num_clusters)
    rng = np.random.default_rng(1)
    basis = np.linalg.qr(rng.standard_normal((SIDE * SIDE, dim)))[0].astype(np.float32)
    # Small enough for [0, 1] about a grey of 1/2.
    basis *= 0.5 / np.abs(latents[:1000] @ basis.T).max()

    def read(rows: np.ndarray) -> np.ndarray:
        unit = np.clip(0.5 + latents[rows] @ basis.T, 0, 1)
        return np.round(65_535 * unit).astype(np.uint16).reshape(-1, SIDE, SIDE, 1)

    def encode(params, model_state, images):
        return (images.reshape(len(images), -1) - 0.5) @ params["encoder"]["kernel"], None

    def reconstruct(params, model_state, latents, coords):
        return jnp.full((*coords.shape[:2], 1), 0.5)

    images = LazyImages(read, (SIDE, SIDE, 1), np.dtype(np.uint16), np.arange(num_images))
    clusters, _ = assign_to_centres(latents[:num_clusters], latents)
    ids = np.array([f"image/{row:07d}" for row in range(num_images)])
    scaling = Scaling(1 / 65_535, 0.0, 0.0, "")
    names = tuple(f"class {number}" for number in range(num_clusters))
    split = ImageSet(images, ids, clusters, None)
    dataset = Dataset("synthetic", split, None, names, scaling, "synthetic")
    params = {"encoder": {"kernel": jnp.asarray(np.linalg.pinv(basis).T)}, "decoder": jnp.ones(1)}
    trained = TrainedMethod(Method("linear", _unused, _unused, encode, reconstruct), params, {}, scaling, 512)
    config = base.get_config()
    points = Points(latents, images)
    options = {name: config[name] for name in ("augment", "orbits", "wafers")}
    steps = {"steps_per_call": choose_speed(config).steps_per_call}
    task = ClusterTask(points, points, num_clusters, 0, trained, config.clustering, fill=0.0, **steps, **options)
    return Synthetic(dataset, task, clusters, config)


def _unused(*arguments):
    raise AssertionError("nothing is trained here")


def run_named_clusterer(name: str, synthetic: Synthetic, folder: Path) -> tuple[str, ...]:
    """Cluster the images by one clusterer; return its notes."""
    return CLUSTERERS[name](synthetic.task).notes


def run_scores(synthetic: Synthetic, folder: Path) -> tuple[str, ...]:
    """Score clusters that differ from the classes in a tenth of the images."""
    labels = synthetic.dataset.train.labels
    clusters = np.where(np.arange(len(labels)) % 10 == 0, np.roll(labels, 1), labels)
    confidence = np.ones(len(labels), np.float32)
    score_clustering(Clustering(clusters, confidence, True), Truth(labels, labels, synthetic.dataset.class_names))
    return ()


def run_choose_k(synthetic: Synthetic, folder: Path) -> tuple[str, ...]:
    """Choose the number of clusters."""
    choose_k(synthetic.task.fitted.latents, max_clusters=20, seed=0)
    return (f"{MAX_IMAGES:,} images",)


def run_stability(synthetic: Synthetic, folder: Path) -> tuple[str, ...]:
    """Measure the stability of k-means."""
    measure_stability(synthetic.task.fitted.latents, synthetic.task.num_clusters, seed=0)
    return (f"{MAX_STABILITY_ROWS:,} images",)


def run_outliers(synthetic: Synthetic, folder: Path) -> tuple[str, ...]:
    """Compute the outlier scores of all images."""
    outlier_scores(synthetic.task)
    return (f"among {MAX_ROWS:,} images",)


def run_outlier_index(synthetic: Synthetic, folder: Path) -> tuple[str, ...]:
    """Index the images, and score as many as new ones."""
    latents = synthetic.task.fitted.latents
    index = index_outliers(latents)
    count = count_neighbours(len(latents))
    found = nearest_neighbours(latents[::10], latents, count, leave_out_self=False)
    measure_isolation(found.rows, found.distances, index)
    return ()


def run_agreement(synthetic: Synthetic, folder: Path) -> tuple[str, ...]:
    """Compare the clusters with the nearest images under all rotations."""
    measure_neighbour_agreement(synthetic.task, {"clusters": _clustering(synthetic)})
    return (f"{MAX_AGREEMENT_IMAGES:,} images",)


def run_latent_map(synthetic: Synthetic, folder: Path) -> tuple[str, ...]:
    """Project latents for the figure."""
    _, rows = project_latents(synthetic.task.fitted.latents, 0)
    return (f"{len(rows):,} images",)


def run_report_map(synthetic: Synthetic, folder: Path) -> tuple[str, ...]:
    """Place all images on the map of the report."""
    _, layout = place_images(synthetic.task.fitted.latents, seed=0)
    return (layout,)


def run_files(synthetic: Synthetic, folder: Path) -> tuple[str, ...]:
    """Write embeddings.npz and clusters.csv."""
    embeddings = embed_images(synthetic.task.trained, synthetic.dataset.train)
    save_embeddings(folder / "embeddings.npz", embeddings)
    scores = np.ones(len(synthetic.clusters), np.float32)
    names = synthetic.dataset.class_names
    save_assignments(
        folder / "clusters.csv", embeddings, {"kmeans": _clustering(synthetic)}, scores, names, {}, raw=False
    )
    return ()


def run_evaluation(synthetic: Synthetic, folder: Path) -> tuple[str, ...]:
    """Evaluate with k-means: scores, verdict, figures and the page."""
    dataset, task, _, config = synthetic
    options = EvaluationOptions("train", True, ["kmeans"], str(task.num_clusters), 1, None, False)
    evaluation = evaluate(task.trained, dataset, config, options)
    results = {**evaluation.results, "method": "linear", "step": 1}
    results["verdict"] = [finding._asdict() for finding in judge_run(evaluation, dataset, config, metrics=[])]
    save_run_figures(folder, task.trained, dataset, evaluation, config, cluster_names={})
    (folder / "results.json").write_text(json.dumps(results))
    content = describe_report(results, evaluation, dataset, metrics=[], curated={})
    for entry in content["clusterings"]:
        entry["next"] = []
    write_page(folder / "report.html", content)
    return (f"report of {(folder / 'report.html').stat().st_size / 1e6:.0f} MB",)


def _clustering(synthetic: Synthetic) -> Clustering:
    return Clustering(synthetic.clusters, np.ones(len(synthetic.clusters), np.float32), True)


OF_LATENTS = (
    *("kmeans", "agglomerative", "agglomerative_average", "agglomerative_complete", "gmm", "diffusion"),
    *("consensus", "dbscan", "hdbscan", "umap_kmeans"),
)
PARTS: dict[str, Callable[[Synthetic, Path], tuple[str, ...]]] = {
    **{name: functools.partial(run_named_clusterer, name) for name in OF_LATENTS},
    "orbit_knn": functools.partial(run_named_clusterer, "orbit_knn"),
    "scores": run_scores,
    "choose_k": run_choose_k,
    "stability": run_stability,
    "outlier scores": run_outliers,
    "outlier index": run_outlier_index,
    "neighbour agreement": run_agreement,
    "latents.png": run_latent_map,
    "map of the report": run_report_map,
    "clusters.csv": run_files,
    "evaluate": run_evaluation,
}
