"""Everything that the report shows, as one nested dict for JSON."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Int, Int32

from irl_inr_jax.clustering.neighbours.image_neighbours import index_images
from irl_inr_jax.clustering.neighbours.search import nearest_neighbours
from irl_inr_jax.clustering.orbit_graph import search_settings_of
from irl_inr_jax.clustering.task import Clustering
from irl_inr_jax.data.lazy import LazyImages
from irl_inr_jax.evaluation.comparison import BASELINE, Truth, score_clustering
from irl_inr_jax.evaluation.curation import CuratedClusters, digest_clusters, start_curation
from irl_inr_jax.evaluation.pipeline import Evaluation
from irl_inr_jax.evaluation.stored import has_raw_corrections
from irl_inr_jax.metrics.clustering_scores import NOISE
from irl_inr_jax.report.html.cluster_views import MAX_MEANT, draw_centres, find_centres, mean_upright_images
from irl_inr_jax.report.html.encoding import pack_array
from irl_inr_jax.report.html.map_layout import place_images
from irl_inr_jax.report.html.thumbnails import (
    choose_shown,
    encode_webp,
    make_thumbnails,
    pack_atlas,
    stretch_images,
    to_rgb_or_grey,
)
from irl_inr_jax.report.results_table import clustering_rows
from irl_inr_jax.types import Dataset

MAX_THUMBNAILS = 20_000
THUMBNAIL_SIDE = 48
NUM_SIMILAR = 12
MAX_SEARCHED = 20_000  # images; above, the nearest latents stand for the nearest images


def describe_report(
    results: dict,
    evaluation: Evaluation,
    dataset: Dataset,
    *,
    metrics: list[dict],
    curated: dict[str, CuratedClusters],
) -> dict[str, Any]:
    """Return the content of the page.

    results: the content of results.json. metrics: the lines of metrics.jsonl. curated: corrected clusters by clusterer.
    """
    images, embeddings, seed = evaluation.split.images, evaluation.split.embeddings, evaluation.task.seed
    clusterings = {name: found for name, found in evaluation.comparison.clusterings.items() if name != BASELINE}
    background = evaluation.task.trained.to_display(np.zeros(1, np.float32)).item()
    states = {
        name: curated.get(name, start_curation(np.asarray(images.ids, str), found.clusters, found.confidence))
        for name, found in clusterings.items()
    }
    groups = next((state.clusters for state in states.values()), np.zeros(len(images.ids), np.int32))
    shown = choose_shown(groups, MAX_THUMBNAILS, seed=seed)
    points, layout = place_images(embeddings.latents, seed=seed)
    similar, similar_by = collect_similar(evaluation)
    return {
        "title": dataset.description,
        "facts": describe_facts(results, dataset),
        "verdict": results.get("verdict", []),
        "notes": describe_notes(results, num_shown=len(shown)),
        "table": describe_scores(results["clustering"] | score_corrected(evaluation, dataset, curated)),
        "curves": describe_curves(metrics),
        "num_clusters": results["num_clusters"],
        "data": {key: results["data"][key] for key in ("name", "split", "num_images", "sha256")},
        "raw_csv": has_raw_corrections(results),
        "classes": list(dataset.class_names),
        "background": background,
        "mean_of": MAX_MEANT,
        "images": {
            "ids": [str(name) for name in images.ids],
            "labels": None if images.labels is None else pack_array(np.asarray(images.labels, np.int32)),
            "columns": {name: values.tolist() for name, values in images.columns.items()},
            "outliers": _pack_floats(evaluation.comparison.outliers),
            "theta": None if embeddings.pose is None else _pack_floats(embeddings.pose.theta),
            "tau": None if embeddings.pose is None else _pack_floats(embeddings.pose.tau),
            "points": pack_array(points),
            "layout": layout,
            "thumbnail": pack_array(_places(shown, len(images.ids))),
            "similar": pack_array(similar),
            "similar_by": similar_by,
        },
        "atlases": make_atlases(evaluation, shown, background=background),
        "clusterings": [
            describe_clustering(name, found, states[name], evaluation, background=background)
            for name, found in clusterings.items()
        ],
    }


def describe_facts(results: dict, dataset: Dataset) -> list[list[str]]:
    """Return [name, value] of the data, the method and the run."""
    data = results["data"]
    size = "x".join(map(str, data["image_shape"]))
    facts = [
        ["data", data["description"]],
        ["images", f"{data['num_images']:,} of the {data['split']} split, {size}; {data['num_train']:,} for training"],
        ["method", f"{results['method']}, step {results['step']:,}" if results.get("step") else results["method"]],
        ["computed on", results["device"]],
    ]
    facts += [["note", note] for note in dataset.notes]
    return facts + [["not read", line] for line in dataset.skipped[:20]]


def describe_notes(results: dict, *, num_shown: int) -> list[str]:
    """Return the sentences about the number of clusters, about thumbnails that are missing and about each clusterer."""
    reason, num_images = results["num_clusters"].get("reason"), results["data"]["num_images"]
    notes = [] if reason is None else [f"number of clusters: {reason}"]
    if num_shown < num_images:
        notes.append(f"{num_shown:,} of the {num_images:,} images have a thumbnail, of each cluster its share")
    for name, entry in results["clustering"].items():
        notes += [f"{name}: {entry['skipped']}"] if "skipped" in entry else []
        notes += [f"{name}: {note}" for note in entry.get("notes", ())]
    return notes


def describe_scores(entries: dict[str, dict]) -> dict[str, list]:
    """Return the columns and rows of the table of clusterers, those that the command line prints."""
    rows = clustering_rows({name: entry for name, entry in entries.items() if "skipped" not in entry})
    columns = list(dict.fromkeys(column for row in rows for column in row))
    cells = [[row.get(column) for column in columns] for row in rows]
    return {"columns": columns, "rows": [["" if cell is None else str(cell) for cell in row] for row in cells]}


def describe_curves(metrics: list[dict]) -> dict[str, dict[str, list]]:
    """Return {name: {steps, values}} of every loss that was logged; the rate and errors in degrees are no losses."""
    curves: dict[str, dict[str, list]] = {}
    for line in metrics:
        for name, value in line.items():
            if name not in ("step", "images_per_second") and not name.endswith("_deg"):
                curve = curves.setdefault(name, {"steps": [], "values": []})
                curve["steps"].append(line["step"])
                curve["values"].append(value)
    return curves


def collect_similar(evaluation: Evaluation) -> tuple[Int32[np.ndarray, "n q"], str]:
    """Return the nearest images of each image, nearest first, and in words by which distance.

    Images in memory, up to `MAX_SEARCHED`, are compared under all rotations, or as wafers; others by their latents.
    """
    split = evaluation.split
    count = min(NUM_SIMILAR, len(split.images.ids) - 1)
    if count < 1:
        return np.zeros((len(split.images.ids), 0), np.int32), ""
    stored = split.images.images
    if isinstance(stored, LazyImages) or len(stored) > MAX_SEARCHED:
        latents = split.embeddings.latents
        return nearest_neighbours(latents, latents, count, leave_out_self=True)[0], "latents"
    task = evaluation.task
    words = {"rotations": "pixels, under all rotations", "wafers": "features of wafers"}
    return index_images(stored, search_settings_of(task)).among_fitted(count), words[task.orbits.distance]


def make_atlases(
    evaluation: Evaluation, shown: Int[np.ndarray, "m"], *, background: float
) -> dict[str, dict[str, Any]]:
    """Return thumbnails of the `shown` images as taken, and of their canonical images drawn from their latents."""
    trained, images, embeddings = evaluation.task.trained, evaluation.split.images.images, evaluation.split.embeddings
    side = min(THUMBNAIL_SIDE, max(images.shape[1:3]))
    chosen = images.take(shown) if isinstance(images, LazyImages) else images[shown]
    taken = make_thumbnails(trained.displayed(chosen), side=side, background=background)
    atlases = {"taken": pack_atlas(taken)._asdict()}
    if trained.method.reconstruct is not None:
        drawn = trained.to_display(trained.render(embeddings.latents[shown], None, side=side))
        thumbnails = make_thumbnails(drawn, side=side, background=background)
        atlases["canonical"] = pack_atlas(thumbnails)._asdict()
    return atlases


def score_corrected(
    evaluation: Evaluation, dataset: Dataset, curated: dict[str, CuratedClusters]
) -> dict[str, dict[str, Any]]:
    """Return the entries of corrected clusters for the table; junk is left out."""
    entries, labels = {}, evaluation.split.images.labels
    for name, state in curated.items():
        kept = ~state.junk
        transductive = evaluation.comparison.clusterings[name].transductive
        corrected = Clustering(state.clusters[kept], state.confidence[kept].astype(np.float32), transductive)
        truth = Truth(None, None if labels is None else labels[kept], dataset.class_names)
        entries[f"{name}, corrected"] = score_clustering(corrected, truth)
    return entries


def describe_clustering(
    name: str, clustering: Clustering, state: CuratedClusters, evaluation: Evaluation, *, background: float
) -> dict[str, Any]:
    """Return clusters, names and confidences, and for each cluster its centre, mean upright image and drawing.

    junk: the rows that were marked as junk, which pictures of clusters leave out; `clusters` is where they were.
    """
    task, embeddings = evaluation.task, evaluation.split.embeddings
    trained, images = task.trained, evaluation.split.images.images
    groups = rows_by_cluster(state.clusters)
    groups += [np.array([], np.int64)] * (state.next_number - len(groups))  # clusters of junk alone
    centres = find_centres(embeddings, groups)
    means = mean_upright_images(trained, images, embeddings.pose, groups, fill=task.fill)
    pictures: dict[str, Sequence[str]] = {"means": _encode(trained.to_display(means), background)}
    if trained.method.reconstruct is not None:
        drawn = trained.to_display(draw_centres(trained, embeddings, centres))
        pictures["drawings"] = _encode(drawn, background)
    return {
        "name": name,
        "clusters": pack_array(np.asarray(state.home, np.int32)),
        "confidence": _pack_floats(state.confidence),
        "names": {str(number): text for number, text in state.names.items()},
        "junk": np.flatnonzero(state.junk).tolist(),
        "digest": digest_clusters(state),
        "count": len(groups),
        "fitted": "transductive" if clustering.transductive else "inductive",
        "centres": centres.tolist(),
        **pictures,
    }


def rows_by_cluster(clusters: Int[np.ndarray, "n"]) -> list[Int[np.ndarray, "_"]]:
    """Return the rows of each cluster from 0 to the last; images without a cluster are in none."""
    return [np.flatnonzero(clusters == number) for number in range(int(clusters.max(initial=NOISE)) + 1)]


def _places(shown: Int[np.ndarray, "m"], total: int) -> Int32[np.ndarray, "n"]:
    places = np.full(total, -1, np.int32)
    places[shown] = np.arange(len(shown), dtype=np.int32)
    return places


def _pack_floats(values: np.ndarray | jax.Array | None) -> dict[str, Any] | None:
    return None if values is None else pack_array(np.asarray(values, np.float32))


def _encode(images: np.ndarray, background: float) -> list[str]:
    pixels = (255 * stretch_images(images, background) + 0.5).astype(np.uint8)
    return [encode_webp(picture) for picture in to_rgb_or_grey(pixels)]
