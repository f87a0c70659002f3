"""One clustering as a table: CSV or Parquet."""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from irl_inr_jax.config.checked_files import replace_file
from irl_inr_jax.data.csv_cells import write_csv
from irl_inr_jax.evaluation.curated_table import list_names
from irl_inr_jax.evaluation.stored import StoredEvaluation


def tabulate_clusters(
    stored: StoredEvaluation, clusterer: str, shifts_px: Float[np.ndarray, "n 2"] | None
) -> dict[str, np.ndarray]:
    """Return the columns of the exported table, `id` first, each (n,).

    cluster from 0 or -1 for noise and junk, cluster_name if there are corrections, confidence in [0, 1], outlier_score,
    class, theta in radians counter-clockwise, tau_x and tau_y in pixels of the image to the right and up, then the data
    set's own columns. Columns that are not known are left out; own columns are prefixed with data_ where their name is
    taken.
    """
    pose = stored.embeddings.pose
    known = {
        "id": stored.ids,
        "cluster": stored.clusters[clusterer],
        "cluster_name": np.array(list_names(stored, clusterer)) if clusterer in stored.cluster_names else None,
        "confidence": stored.confidence[clusterer],
        "outlier_score": stored.outliers,
        "class": stored.classes,
        "theta": None if pose is None else np.asarray(pose.theta),
        "tau_x": None if shifts_px is None else shifts_px[:, 0],
        "tau_y": None if shifts_px is None else shifts_px[:, 1],
    }
    table = {name: values for name, values in known.items() if values is not None}
    for name, values in stored.columns.items():
        table[f"data_{name}" if name in table else name] = values
    return table


def write_table(path: Path, table: dict[str, np.ndarray], *, raw: bool) -> None:
    """Write the columns to `path`, as Parquet if its suffix is .parquet, otherwise as CSV in UTF-8.

    raw: leave cells of CSV that a spreadsheet would evaluate as they are.
    """
    if path.suffix == ".parquet":
        import pyarrow
        import pyarrow.parquet

        columns = {name: values.tolist() if values.dtype.kind == "U" else values for name, values in table.items()}
        with replace_file(path) as partial:
            pyarrow.parquet.write_table(pyarrow.table(columns), partial)
        return
    write_csv(path, {name: values.tolist() for name, values in table.items()}, raw=raw)
