"""What became of every image, as a table that any spreadsheet opens."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from irl_inr_jax.clustering import Clustering
from irl_inr_jax.comparison import BASELINE
from irl_inr_jax.report.classes import name_classes
from irl_inr_jax.types import Embeddings


def save_assignments(
    path: Path,
    embeddings: Embeddings,
    clusterings: dict[str, Clustering],
    outliers: Float32[np.ndarray, "n"] | None,
    class_names: Sequence[str],
) -> None:
    """A CSV file, one row an image in input order: `id`, `label` where there are any, `outlier_score`, and for each
    clusterer NAME, its cluster from 0 or -1 for none, and NAME_confidence in [0, 1].
    """
    columns = {"id": list(embeddings.ids)}
    if embeddings.labels is not None:
        names = name_classes(class_names, int(embeddings.labels.max()) + 1)
        columns["label"] = [names[label] for label in embeddings.labels]
    if outliers is not None:
        columns["outlier_score"] = [f"{score:.4f}" for score in outliers]
    for name, clustering in clusterings.items():
        if name != BASELINE:
            columns[name] = clustering.clusters.tolist()
            columns[f"{name}_confidence"] = [f"{share:.4f}" for share in clustering.confidence]
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
