"""The clusterings of an evaluation in memory with the corrections of the run."""

import dataclasses
from pathlib import Path

import numpy as np

from irl_inr_jax.evaluation.curation import CuratedClusters
from irl_inr_jax.evaluation.curation_versions import curate_clusters, load_curations
from irl_inr_jax.evaluation.pipeline import Evaluation


def curate_evaluation(workdir: Path, evaluation: Evaluation) -> dict[str, CuratedClusters]:
    """Return the corrected clusters by clusterer, of those that have corrections.

    Raises InputError for corrections of clusters that are no longer there.
    """
    clusterings, ids = evaluation.comparison.clusterings, np.asarray(evaluation.split.images.ids, str)
    return {
        name: curate_clusters(curation, ids, clusterings[name].clusters, clusterings[name].confidence, clusterer=name)
        for name, curation in load_curations(workdir).items()
        if name in clusterings
    }


def replace_clusters(evaluation: Evaluation, curated: dict[str, CuratedClusters]) -> Evaluation:
    """Return the evaluation with corrected clusters and confidences; its scores stay those of the clusterers."""
    comparison = evaluation.comparison
    corrected = {
        name: dataclasses.replace(
            comparison.clusterings[name],
            clusters=state.clusters,
            confidence=np.where(state.junk, 0.0, state.confidence).astype(np.float32),
        )
        for name, state in curated.items()
    }
    return evaluation._replace(
        comparison=dataclasses.replace(comparison, clusterings=comparison.clusterings | corrected)
    )
