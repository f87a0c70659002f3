"""DIR/eval/clusters.csv with the corrections of a run, beside the table that the evaluation wrote."""

from pathlib import Path

import numpy as np

from irl_inr_jax.config.checked_files import replace_file
from irl_inr_jax.data.csv_cells import read_csv, write_csv
from irl_inr_jax.evaluation.curation import name_or_number
from irl_inr_jax.evaluation.curation_versions import load_curations
from irl_inr_jax.evaluation.stored import TABLE, UNCORRECTED, StoredEvaluation, load_evaluation


def write_curated_table(workdir: Path) -> None:
    """Write clusters.csv with corrected clusters and their names, and keep what the evaluation wrote.

    For each corrected clusterer NAME the columns NAME and NAME_confidence are replaced, and NAME_name follows them; an
    image that is junk has cluster -1 and the name junk. Without corrections the evaluation's file is put back, byte for
    byte. Raises InputError for what `load_evaluation` refuses.
    """
    folder = workdir / "eval"
    table, original = folder / TABLE, folder / UNCORRECTED
    stored = load_evaluation(workdir)
    if not any(name in stored.clusters for name in load_curations(workdir)):
        if original.is_file():
            original.replace(table)
        return
    if not original.is_file():
        with replace_file(original) as partial:
            partial.write_bytes(table.read_bytes())
    write_csv(table, correct_columns(read_csv(original, raw=stored.raw_csv), stored), raw=stored.raw_csv)


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
