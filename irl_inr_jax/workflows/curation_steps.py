"""Add and drop versions of the corrections of a run, and keep its clusters.csv in step."""

import datetime
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from irl_inr_jax.evaluation.curated_table import write_curated_table
from irl_inr_jax.evaluation.curation import CuratedClusters, Operation, apply_operations, start_curation
from irl_inr_jax.evaluation.curation_versions import (
    Curation,
    CurationVersion,
    load_curations,
    rebase,
    save_curations,
)
from irl_inr_jax.evaluation.stored import StoredEvaluation


def current_curation(workdir: Path, stored: StoredEvaluation, clusterer: str) -> Curation:
    """Return the corrections in the numbers of the present evaluation, without versions if there are none.

    Raises InputError for corrections of clusters that are no longer there.
    """
    ids, clusters = np.asarray(stored.ids, str), stored.clusters[clusterer]
    found = load_curations(workdir).get(clusterer, Curation(ids, clusters, ()))
    return rebase(found, ids, clusters, clusterer=clusterer)


def states_of_versions(curation: Curation, stored: StoredEvaluation, clusterer: str) -> list[CuratedClusters]:
    """Return the clustering without corrections, then that after each version."""
    states = [start_curation(curation.ids, curation.clusters, stored.confidence[clusterer])]
    for version in curation.versions:
        states.append(apply_operations(states[-1], version.operations))
    return states


def add_version(
    workdir: Path, curation: Curation, clusterer: str, *, source: str, operations: Sequence[Operation]
) -> None:
    """Append a version and write the file and clusters.csv."""
    made = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
    version = CurationVersion(made, source, tuple(operations))
    save_curations(
        workdir,
        load_curations(workdir) | {clusterer: curation._replace(versions=(*curation.versions, version))},
    )
    write_curated_table(workdir)


def keep_versions(workdir: Path, curation: Curation, clusterer: str, count: int) -> None:
    """Drop the versions after the first `count` and write the file and clusters.csv."""
    kept = curation._replace(versions=curation.versions[:count])
    save_curations(workdir, load_curations(workdir) | {clusterer: kept})
    write_curated_table(workdir)
