"""Spread the corrections of a run to the other images, and list the images to look at next."""

import hashlib
import json
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from ml_collections import ConfigDict

from irl_inr_jax.clustering.label_refinement import refine_clusters
from irl_inr_jax.clustering.neighbours.image_neighbours import index_images
from irl_inr_jax.clustering.neighbours.search import nearest_neighbours
from irl_inr_jax.clustering.neighbours.training_neighbours import read_neighbours, write_neighbours
from irl_inr_jax.clustering.propagation import choose_clusters, choose_informative, propagate_clusters
from irl_inr_jax.config.checks import check_config
from irl_inr_jax.config.storage import from_json, to_json
from irl_inr_jax.data.csv_cells import read_csv, write_csv
from irl_inr_jax.data.datasets import make_dataset
from irl_inr_jax.data.lazy import LazyImages
from irl_inr_jax.evaluation.curation import (
    AssignImages,
    CuratedClusters,
    apply_operations,
    name_or_number,
    start_curation,
)
from irl_inr_jax.evaluation.similar_images import make_similar_settings
from irl_inr_jax.evaluation.stored import StoredEvaluation, has_raw_corrections
from irl_inr_jax.types import Dataset, ImageSet, InputError
from irl_inr_jax.workflows.curation_steps import add_version, current_curation

NUM_LISTED = 50
MAX_SEARCHED = 60_000  # images; above, or where they are streamed, the nearest latents stand for the nearest images


def spread_corrections(workdir: Path, stored: StoredEvaluation, clusterer: str, *, by: str) -> str:
    """Add a version with the clusters of the images that were not corrected, write the list, and describe both.

    by: 'propagate' or 'refine'. Without a corrected image there is only the list. Raises InputError if the images are
    not those that were evaluated.
    """
    config = from_json(workdir / "config.json")
    check_config(config)
    dataset = make_dataset(config.data)
    images = evaluated_images(dataset, stored, workdir)
    curation = current_curation(workdir, stored, clusterer)
    own = [operation for operation in curation.operations if not isinstance(operation, AssignImages)]
    state = apply_operations(start_curation(curation.ids, curation.clusters, stored.confidence[clusterer]), own)
    neighbours = find_neighbours(workdir, config, dataset, images, stored)
    shares = compute_shares(state, neighbours)
    if by == "refine" and state.corrected.any():
        shares = refine_clusters(
            images.images,
            dataset.scaling,
            shares,
            corrected=state.corrected & ~state.junk,
            config=config,
            seed=config.seed,
        )
    path = place_list(workdir, clusterer)
    known = state.corrected | state.junk
    listed = choose_informative(shares, neighbours, known=known, count=NUM_LISTED)
    write_list(path, state, shares, listed, raw=has_raw_corrections(stored.results))
    advice = (
        f"{path}: {len(listed)} images to look at next; fill in name or junk, and apply the file with irl-inr curate"
    )
    if not state.corrected.any():
        return f"no image has been put into a cluster yet, so that there is nothing to spread\n{advice}"
    clusters, confidence = choose_clusters(shares)
    rows = np.flatnonzero(~known)
    operation = AssignImages(
        tuple(map(str, curation.ids[rows])),
        tuple(clusters[rows].tolist()),
        tuple(np.round(confidence[rows], 4).tolist()),
        by,
    )
    add_version(workdir, curation, clusterer, source=f"--{by}", operations=[operation])
    changed = int((clusters[rows] != state.home[rows]).sum())
    return (
        f"version {len(curation.versions) + 1} of the clusters by {clusterer}: "
        f"{int(state.corrected.sum()):,} corrected images change {changed:,} of the {len(rows):,} others; "
        f"mean confidence {confidence[rows].mean():.2f}\n{advice}"
    )


def compute_shares(state: CuratedClusters, neighbours: Int[np.ndarray, "n q"]) -> Float[np.ndarray, "n k"]:
    """Return the shares of the clusters after propagation from the corrected images."""
    return propagate_clusters(
        neighbours, state.clusters, corrected=state.corrected, left_out=state.junk, num_clusters=state.next_number
    )


def evaluated_images(dataset: Dataset, stored: StoredEvaluation, workdir: Path) -> ImageSet:
    """Return the images of the evaluated split. Raises InputError if they are others now."""
    split = dataset.test if stored.results["data"]["split"] == "test" and dataset.test else dataset.train
    if not np.array_equal(split.ids, stored.ids):
        raise InputError(f"expected the images that were evaluated, found others; evaluate {workdir} again")
    return split


def find_neighbours(
    workdir: Path, config: ConfigDict, dataset: Dataset, images: ImageSet, stored: StoredEvaluation
) -> Int[np.ndarray, "n q"]:
    """Return the nearest images of each image by `config.orbits.distance`, searched once for an evaluation."""
    count = min(config.clustering.orbit_knn.num_neighbours, len(stored.ids) - 1)
    latents = stored.embeddings.latents
    if isinstance(images.images, LazyImages) or len(latents) > MAX_SEARCHED:
        return nearest_neighbours(latents, latents, count, leave_out_self=True)[0]
    blocks = [json.loads(to_json(block)) for block in (config.orbits, config.wafers)]
    facts = [stored.results["data"].get("sha256"), count, config.views.fill, *blocks]
    digest = hashlib.sha256(json.dumps(facts).encode()).hexdigest()
    path = workdir / "eval" / "clusterings" / "neighbours.npz"
    found = read_neighbours(path, digest)
    if found is None:
        found = index_images(images.images, make_similar_settings(config, dataset.scaling)).among_fitted(count)
        path.parent.mkdir(exist_ok=True)
        write_neighbours(path, found, digest)
    return found


def write_list(
    path: Path,
    state: CuratedClusters,
    shares: Float[np.ndarray, "n k"],
    listed: Int[np.ndarray, "m"],
    *,
    raw: bool,
) -> None:
    """Write a CSV file with the listed images: id, empty columns name and junk, and what is expected for them.

    raw: leave cells that a spreadsheet would evaluate as they are.
    """
    lines = []
    for row in listed:
        first, *others = np.argsort(-shares[row], kind="stable")[:2]
        second = [name_or_number(int(others[0]), state.names), f"{shares[row, others[0]]:.2f}"] if others else ["", ""]
        cells = [name_or_number(int(first), state.names), f"{shares[row, first]:.2f}", *second]
        lines.append([str(state.ids[row]), "", "", *cells])
    header = ("id", "name", "junk", "expected", "share", "second", "second_share")
    columns = [[line[number] for line in lines] for number in range(len(header))]
    write_csv(path, dict(zip(header, columns, strict=True)), raw=raw)


def place_list(workdir: Path, clusterer: str) -> Path:
    """Return the path of the list of images to look at next."""
    return workdir / "eval" / f"next_{clusterer}.csv"


def read_next_rows(workdir: Path, ids: np.ndarray, clusterer: str, *, raw: bool) -> list[int]:
    """Return the rows of the listed images that are there, in the order of the list; [] without a list.

    raw: of `write_list`. Raises InputError for a file that is no such list.
    """
    path = place_list(workdir, clusterer)
    if not path.is_file():
        return []
    rows = {str(name): row for row, name in enumerate(ids)}
    try:
        listed = read_csv(path, raw=raw)["id"]
    except (ValueError, KeyError) as error:
        reason = f"no column {error}" if isinstance(error, KeyError) else " ".join(str(error).split())
        raise InputError(
            f"expected a list of images in {path}, found something else ({reason}); remove it, or write it again with "
            f"irl-inr curate --propagate"
        ) from None
    return [rows[name] for name in listed if name in rows]
