"""DIR/eval/clusters.csv with the corrections of a run, beside the table that the evaluation wrote."""

import csv
import io
from pathlib import Path

import numpy as np

from irl_inr_jax.config.storage import write_in_one_step
from irl_inr_jax.evaluation.curation import name_or_number
from irl_inr_jax.evaluation.curation_versions import load_curations
from irl_inr_jax.evaluation.stored import UNCORRECTED, StoredEvaluation, load_evaluation


def write_curated_table(workdir: Path) -> None:
    """Write clusters.csv with corrected clusters and their names, and keep what the evaluation wrote.

    For each corrected clusterer NAME the columns NAME and NAME_confidence are replaced, and NAME_name follows them; an
    image that is junk has cluster -1 and the name junk. Without corrections the evaluation's file is put back, byte for
    byte. Raises InputError for what `load_evaluation` refuses.
    """
    folder = workdir / "eval"
    table, original = folder / "clusters.csv", folder / UNCORRECTED
    stored = load_evaluation(workdir)
    if not any(name in stored.clusters for name in load_curations(workdir)):
        if original.is_file():
            original.replace(table)
        return
    if not original.is_file():
        partial = original.with_suffix(".tmp")
        partial.write_bytes(table.read_bytes())
        partial.replace(original)
    with original.open(newline="") as file:
        header, *rows = csv.reader(file)
    columns = dict(zip(header, zip(*rows, strict=True), strict=True))
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    written = correct_columns(columns, stored)
    writer.writerow(written)
    writer.writerows(zip(*written.values(), strict=True))
    write_in_one_step(table, text.getvalue())


def correct_columns(columns: dict[str, tuple[str, ...]], stored: StoredEvaluation) -> dict[str, list[str]]:
    """Return the columns of clusters.csv, each (n,), with the corrected clusters of `stored` and their names."""
    written = {}
    for column, values in columns.items():
        clusterer = column.removesuffix("_confidence")
        if clusterer not in stored.cluster_names:
            written[column] = list(values)
        elif column == clusterer:
            written[column] = list(map(str, stored.clusters[clusterer].tolist()))
        else:
            written[column] = [f"{share:.4f}" for share in stored.confidence[clusterer]]
            taken = f"{clusterer}_name" in columns
            written[f"cluster_{clusterer}_name" if taken else f"{clusterer}_name"] = list_names(stored, clusterer)
    return written


def list_names(stored: StoredEvaluation, clusterer: str) -> list[str]:
    """Return the name of each image's cluster, 'cluster 3' for one without a name, 'none' and 'junk'."""
    names = stored.cluster_names.get(clusterer, {})
    junk = stored.junk.get(clusterer, np.zeros(len(stored.ids), bool))
    return [
        "junk" if is_junk else name_or_number(number, names)
        for number, is_junk in zip(stored.clusters[clusterer].tolist(), junk.tolist(), strict=True)
    ]
