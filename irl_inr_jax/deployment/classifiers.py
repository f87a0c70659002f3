"""Classifiers of clusterers that have a rule for any image: read from an evaluation, and matched with its clusters."""

from pathlib import Path

import numpy as np
from jaxtyping import Int

from irl_inr_jax.clustering.store import load_classifier
from irl_inr_jax.evaluation.stored import StoredEvaluation
from irl_inr_jax.types import PyTree

MIN_AGREEMENT = 0.9  # share of the images on which a classifier and corrected clusters agree


def read_classifiers(
    folder: Path, stored: StoredEvaluation, *, seed: int
) -> tuple[dict[str, PyTree], dict[str, Int[np.ndarray, "k"]]]:
    """Return params by clusterer, and the cluster of each output of its classifier.

    folder: of the clusterings of the evaluation. A classifier is left out if its clusters were corrected so much that
    its outputs no longer match them; images are then assigned by a vote of their neighbours.
    """
    classifiers, numbers = {}, {}
    for name, clusters in stored.clusters.items():
        found = load_classifier(folder / f"{name}-{seed}.npz")
        if found is None or len(found.clusters) != len(clusters):
            continue
        matched = match_outputs(found.clusters, clusters, num_outputs=stored.results["num_clusters"]["used"])
        if np.mean(matched[found.clusters] == clusters) >= MIN_AGREEMENT:
            classifiers[name], numbers[name] = found.params, matched
    return classifiers, numbers


def match_outputs(
    outputs: Int[np.ndarray, "n"], clusters: Int[np.ndarray, "n"], *, num_outputs: int
) -> Int[np.ndarray, "k"]:
    """Return the most common cluster of the images of each output; an output without images keeps its number."""
    matched = np.arange(max(num_outputs, int(outputs.max(initial=-1)) + 1), dtype=np.int32)
    for output in np.unique(outputs):
        values, counts = np.unique(clusters[outputs == output], return_counts=True)
        matched[output] = values[counts.argmax()]
    return matched
