"""The clusters of every image as a CSV file."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from irl_inr_jax.clustering import Clustering
from irl_inr_jax.data.csv_cells import write_csv
from irl_inr_jax.evaluation.comparison import BASELINE
from irl_inr_jax.evaluation.stored import name_each_class
from irl_inr_jax.types import Embeddings


def save_assignments(
    path: Path,
    embeddings: Embeddings,
    clusterings: dict[str, Clustering],
    outliers: Float32[np.ndarray, "n"] | None,
    class_names: Sequence[str],
    columns: dict[str, np.ndarray],
    *,
    raw: bool,
) -> None:
    """Write a CSV file with one row per image in input order.

    Columns: `id`, `label` if there are labels, `outlier_score` if there are scores; for each clusterer NAME its cluster
    from 0, or -1 for none, and NAME_confidence in [0, 1]; then the data set's `columns`, prefixed with data_ where the
    name is taken. raw: leave cells that a spreadsheet would evaluate as they are.
    """
    table = {"id": list(embeddings.ids)}
    if embeddings.labels is not None:
        table["label"] = name_each_class(embeddings.labels, class_names)
    if outliers is not None:
        table["outlier_score"] = [f"{score:.4f}" for score in outliers]
    for name, clustering in clusterings.items():
        if name != BASELINE:
            table[name] = clustering.clusters.tolist()
            table[f"{name}_confidence"] = [f"{share:.4f}" for share in clustering.confidence]
    for name, values in columns.items():
        table[f"data_{name}" if name in table else name] = values.tolist()
    write_csv(path, table, raw=raw)
