"""The last evaluation of a run, read back from DIR/eval: clusters, poses and latents without computing them again."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from irl_inr_jax.config.checked_files import DamagedFile, checksum_file, read_json
from irl_inr_jax.data.csv_cells import read_csv
from irl_inr_jax.evaluation.comparison import BASELINE
from irl_inr_jax.evaluation.curation_versions import curate_clusters, load_curations
from irl_inr_jax.evaluation.embeddings import load_embeddings
from irl_inr_jax.types import Embeddings, InputError, Pose, Scaling


class StoredEvaluation(NamedTuple):
    """Everything that an evaluation wrote about its `n` images, in their order.

    results: the content of results.json. embeddings: ids (n,), latents, pose and labels.
    classes: (n,) name of each image's class, '' without one; None without labels.
    clusters, confidence: by clusterer, (n,) each; -1 is noise. outliers: (n,) scores, or None.
    columns: the data set's own columns, name -> (n,) strings as in clusters.csv.
    cluster_names: by clusterer, number -> name of the clusters that were named; {} without corrections.
    junk: by clusterer, mask (n,) of the images that were marked as junk, whose cluster is -1; {} without corrections.
    """

    results: dict
    embeddings: Embeddings
    classes: np.ndarray | None
    clusters: dict[str, Int[np.ndarray, "n"]]
    confidence: dict[str, Float[np.ndarray, "n"]]
    outliers: Float[np.ndarray, "n"] | None
    columns: dict[str, np.ndarray]
    cluster_names: dict[str, dict[int, str]] = {}  # noqa: RUF012 (never changed in place)
    junk: dict[str, Bool[np.ndarray, "n"]] = {}  # noqa: RUF012

    @property
    def ids(self) -> np.ndarray:
        """The ids (n,)."""
        return self.embeddings.ids

    @property
    def scaling(self) -> Scaling:
        """The meaning of a stored pixel."""
        return Scaling(**self.results["data"]["scaling"])

    @property
    def raw_csv(self) -> bool:
        """True if cells of its tables that a spreadsheet would evaluate are left as they are."""
        return has_raw_cells(self.results)


TABLE, UNCORRECTED = "clusters.csv", "clusters_uncorrected.csv"
EMBEDDINGS = "embeddings.npz"


def describe_files(folder: Path, *, raw_csv: bool) -> dict:
    """Return the entry `files` of results.json: how the table is written, and the SHA-256 of the files beside it."""
    return {"raw_csv": raw_csv, "sha256": {name: checksum_file(folder / name) for name in (TABLE, EMBEDDINGS)}}


def has_raw_cells(results: dict) -> bool:
    """Return True for results whose table has cells as they are, as those of earlier versions."""
    return results["files"]["raw_csv"] if "files" in results else True


def has_raw_corrections(results: dict) -> bool:
    """Return True if tables of corrections have cells as they are: where the evaluation requested raw cells."""
    return "files" in results and results["files"]["raw_csv"]


def load_evaluation(workdir: Path) -> StoredEvaluation:
    """Read the evaluation in `workdir`/eval, with the corrections of `irl-inr curate`.

    Raises InputError for what `load_uncorrected` refuses, and for corrections of clusters that are no longer there.
    """
    stored = load_uncorrected(workdir)
    curated = {
        name: curate_clusters(curation, stored.ids, stored.clusters[name], stored.confidence[name], clusterer=name)
        for name, curation in load_curations(workdir).items()
        if name in stored.clusters
    }
    return stored._replace(
        clusters=stored.clusters | {name: found.clusters for name, found in curated.items()},
        confidence=stored.confidence
        | {name: np.where(found.junk, 0.0, found.confidence) for name, found in curated.items()},
        cluster_names={name: found.names for name, found in curated.items()},
        junk={name: found.junk for name, found in curated.items()},
    )


def load_uncorrected(workdir: Path) -> StoredEvaluation:
    """Read what `irl-inr evaluate` wrote to `workdir`/eval, without corrections.

    Raises InputError if a file is missing or damaged, and if the files are of different evaluations.
    """
    folder = workdir / "eval"
    table_name = UNCORRECTED if (folder / UNCORRECTED).is_file() else TABLE
    paths = [folder / name for name in ("results.json", EMBEDDINGS, table_name)]
    for path in paths:
        if not path.is_file():
            raise InputError(f"expected {path} of an evaluation, found none; run irl-inr evaluate --workdir {workdir}")
    results = _read(paths[0], read_json)
    for path, name in zip(paths[1:], (EMBEDDINGS, TABLE), strict=True):
        _read(path, lambda path, name=name: _check_file(path, results, name))
    embeddings = _read(paths[1], load_embeddings)
    raw = _read(paths[0], lambda _: has_raw_cells(results))
    table = _read(paths[2], lambda path: _as_arrays(read_csv(path, raw=raw)))
    names = _read(paths[0], lambda _: _clustered(results))
    missing = [name for name in ("id", *names, *(f"{name}_confidence" for name in names)) if name not in table]
    if missing or not np.array_equal(table["id"], embeddings.ids):
        found = f"no column {missing[0]}" if missing else "other images than in embeddings.npz"
        raise InputError(
            f"expected files of one evaluation in {folder}, found {found} in clusters.csv; run irl-inr evaluate "
            f"--workdir {workdir} again"
        )
    return _read(paths[2], lambda _: _assemble(results, embeddings, table, names))


def choose_clusterer(stored: StoredEvaluation, requested: str) -> str:
    """Return `requested`, or the first clusterer for ''. Raises InputError for a clusterer without a clustering."""
    names = list(stored.clusters)
    if not names:
        raise InputError("expected an evaluation with clusters, found none; run irl-inr evaluate --clusterers NAME")
    if requested and requested not in names:
        raise InputError(f"expected one of {', '.join(names)} for --clusterer, found {requested!r}")
    return requested or names[0]


def find_rows(ids: np.ndarray, wanted: np.ndarray) -> Int[np.ndarray, "n"]:
    """Return the row in `ids` of each wanted id. Raises InputError for an id that is not there."""
    rows = {str(value): row for row, value in enumerate(ids)}
    missing = [str(value) for value in wanted if str(value) not in rows]
    if missing:
        raise InputError(
            f"expected the images that were evaluated, found no {missing[0]!r} ({len(missing)} of {len(wanted)} are "
            f"missing); evaluate again, or restore the files"
        )
    return np.array([rows[str(value)] for value in wanted], np.int64)


def require_pose(stored: StoredEvaluation) -> Pose:
    """Return the poses of the images. Raises InputError for a method that predicts none."""
    if stored.embeddings.pose is None:
        raise InputError(
            f"expected a method that predicts poses, found {stored.results['method']}, which does not; train with "
            f"--config.method=irl_inr"
        )
    return stored.embeddings.pose


def name_each_class(labels: Int[np.ndarray, "n"], class_names: Sequence[str]) -> list[str]:
    """Return the name of each image's class, its number if it has no name, and '' for an image without a label."""
    return [
        "" if label < 0 else str(class_names[label]) if label < len(class_names) else str(label) for label in labels
    ]


def _read(path: Path, read):
    try:
        return read(path)
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise InputError(
            f"expected {path} as irl-inr evaluate wrote it, found a damaged file ({' '.join(str(error).split())}); "
            f"evaluate again"
        ) from None


def _clustered(results: dict) -> list[str]:
    return [name for name, entry in results["clustering"].items() if name != BASELINE and "skipped" not in entry]


def _check_file(path: Path, results: dict, name: str) -> None:
    """Raise DamagedFile unless the file is that of the results; those of earlier versions do not say."""
    if "files" in results and results["files"]["sha256"][name] != checksum_file(path):
        raise DamagedFile("it was changed since, or is of another evaluation")


def _as_arrays(table: dict[str, tuple[str, ...]]) -> dict[str, np.ndarray]:
    return {name: np.array(cells, str) for name, cells in table.items()}


def _assemble(
    results: dict, embeddings: Embeddings, table: dict[str, np.ndarray], names: list[str]
) -> StoredEvaluation:
    known = {"id", *names, *(f"{name}_confidence" for name in names)}
    labels = embeddings.labels
    classes = None if labels is None else np.array(name_each_class(labels, results["data"]["class_names"]))
    known |= set() if classes is None else {"label"}
    # A user's own column of this name would have become data_outlier_score if scores had been written.
    columns = list(table)
    first = columns.index(names[0]) if names else len(columns)
    outliers = table["outlier_score"] if "outlier_score" in columns[:first] else None
    known |= set() if outliers is None else {"outlier_score"}
    return StoredEvaluation(
        results=results,
        embeddings=embeddings,
        classes=classes,
        clusters={name: table[name].astype(np.int32) for name in names},
        confidence={name: table[f"{name}_confidence"].astype(np.float64) for name in names},
        outliers=None if outliers is None else outliers.astype(np.float64),
        columns={name: values for name, values in table.items() if name not in known},
        cluster_names={},
        junk={},
    )
