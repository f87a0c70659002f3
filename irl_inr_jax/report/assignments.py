"""What became of every image, as a table that any spreadsheet opens."""

import csv
from collections.abc import Sequence
from pathlib import Path

from irl_inr_jax.comparison import BASELINE
from irl_inr_jax.evaluation import Evaluation
from irl_inr_jax.report.classes import name_classes


def save_assignments(path: Path, evaluation: Evaluation, class_names: Sequence[str]) -> None:
    """A CSV file, one row an image in input order: `id`, `label` where there are any, `outlier_score`, and for each
    clusterer NAME, its cluster from 0 or -1 for none, and NAME_confidence in [0, 1].
    """
    embeddings = evaluation.embeddings
    columns = {"id": list(embeddings.ids)}
    if embeddings.labels is not None:
        names = name_classes(class_names, int(embeddings.labels.max()) + 1)
        columns["label"] = [names[label] for label in embeddings.labels]
    if evaluation.outliers is not None:
        columns["outlier_score"] = [f"{score:.4f}" for score in evaluation.outliers]
    for name, clustering in evaluation.clusterings.items():
        if name != BASELINE:
            columns[name] = clustering.clusters.tolist()
            columns[f"{name}_confidence"] = [f"{share:.4f}" for share in clustering.confidence]
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
