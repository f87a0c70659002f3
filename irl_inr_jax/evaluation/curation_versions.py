"""Corrections of the clusterings of a run: DIR/curation.json, a list of versions for each clusterer.

With the versions the file has the clustering that they were made on, by id. If an evaluation numbers the clusters in
another way, each number in the corrections is replaced by that of the cluster with the same images.
"""

from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from irl_inr_jax.config.checked_files import CHECKSUM, read_json, write_json
from irl_inr_jax.evaluation.curation import (
    AssignImages,
    CuratedClusters,
    KeepImages,
    MarkJunk,
    Merge,
    Move,
    Operation,
    Rename,
    apply_operations,
    start_curation,
)
from irl_inr_jax.metrics.clustering_scores import NOISE
from irl_inr_jax.types import InputError

FILE_NAME = "curation.json"
FILE_FORMAT = "irl-inr curation versions"
FILE_VERSION = 1
MIN_OVERLAP = 0.5  # shared images over images in either; above one half no cluster has two partners
KINDS: dict[str, type[Operation]] = {
    "rename": Rename,
    "merge": Merge,
    "move": Move,
    "junk": MarkJunk,
    "keep": KeepImages,
    "assign": AssignImages,
}


class CurationVersion(NamedTuple):
    """Operations that were added together. made: date and time. source: file or flag that they are from."""

    made: str
    source: str
    operations: tuple[Operation, ...]


class Curation(NamedTuple):
    """Versions of the corrections of one clusterer, and the clusters (n,) by ids (n,) that they refer to."""

    ids: np.ndarray
    clusters: Int[np.ndarray, "n"]
    versions: tuple[CurationVersion, ...]

    @property
    def operations(self) -> tuple[Operation, ...]:
        """The operations of all versions."""
        return tuple(operation for version in self.versions for operation in version.operations)


def load_curations(workdir: Path) -> dict[str, Curation]:
    """Return the corrections by clusterer, {} if there are none. Raises InputError for a damaged file."""
    path = workdir / FILE_NAME
    if not path.is_file():
        return {}
    try:
        content = read_json(path)
        if content["format"] != FILE_FORMAT or content["version"] > FILE_VERSION:
            raise ValueError(f"format {content['format']!r}, version {content['version']}")
        return {name: _read_curation(entry) for name, entry in content["clusterings"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise InputError(
            f"expected corrections that this version of irl-inr curate can read in {path}, found something else "
            f"({' '.join(str(error).split())}); restore the file, or move it away to go "
            f"without corrections; to accept edits of yours delete its line {CHECKSUM}"
        ) from None


def save_curations(workdir: Path, curations: dict[str, Curation]) -> None:
    """Write the corrections in one step; without any version, remove the file."""
    path, kept = workdir / FILE_NAME, {name: found for name, found in curations.items() if found.versions}
    if not kept:
        path.unlink(missing_ok=True)
        return
    clusterings = {
        name: {
            "reference": {"ids": [str(value) for value in found.ids], "clusters": found.clusters.tolist()},
            "versions": [
                version._asdict() | {"operations": [operation_to_json(one) for one in version.operations]}
                for version in found.versions
            ],
        }
        for name, found in kept.items()
    }
    content = {"format": FILE_FORMAT, "version": FILE_VERSION, "clusterings": clusterings}
    write_json(path, content)


def curate_clusters(
    curation: Curation,
    ids: np.ndarray,
    clusters: Int[np.ndarray, "n"],
    confidence: Float[np.ndarray, "n"],
    *,
    clusterer: str,
) -> CuratedClusters:
    """Return the clusterer's clusters with the corrections. Raises InputError for what `rebase` refuses."""
    operations = rebase(curation, ids, clusters, clusterer=clusterer).operations
    return apply_operations(start_curation(ids, clusters, confidence), operations)


def rebase(curation: Curation, ids: np.ndarray, clusters: Int[np.ndarray, "n"], *, clusterer: str) -> Curation:
    """Return the corrections with the cluster numbers of another evaluation of the same images, some more, or fewer.

    A cluster of the reference becomes the one with which it shares more than `MIN_OVERLAP` of the images that both
    evaluations have; a cluster that the corrections made gets a number that is free. Raises InputError if a cluster
    that the corrections name has no such partner.
    """
    position = {str(name): row for row, name in enumerate(curation.ids)}
    rows = np.array([position.get(str(name), -1) for name in ids], np.int64)
    common = rows >= 0
    before, after = curation.clusters[rows[common]], clusters[common]
    if len(ids) == len(curation.ids) and common.all() and np.array_equal(before, after):
        return Curation(ids, clusters, curation.versions)
    known = set(curation.clusters.tolist())
    mapping, free = {NOISE: NOISE}, int(max(clusters.max(initial=NOISE), curation.clusters.max(initial=NOISE))) + 1
    for number in sorted(_numbers_of(curation.operations) - {NOISE}):
        if number not in known:  # made by the corrections
            mapping[number] = free
            free += 1
            continue
        partner, overlap = _find_partner(before, after, number)
        if overlap <= MIN_OVERLAP:
            raise InputError(
                f"expected the clusters by {clusterer} that were corrected, found others: no cluster shares more than "
                f"{100 * overlap:.0f} % with cluster {number} of {FILE_NAME}, since the evaluation has changed; "
                f"evaluate as before, or drop the corrections with irl-inr curate --clusterer {clusterer} --restore 0"
            )
        mapping[number] = partner
    versions = tuple(
        version._replace(operations=tuple(_renumber(operation, mapping) for operation in version.operations))
        for version in curation.versions
    )
    return Curation(ids, clusters, versions)


def operation_to_json(operation: Operation) -> dict[str, Any]:
    """Return an operation as report.html writes it: `kind`, and `from` for the source of a merge."""
    kind = next(name for name, made in KINDS.items() if isinstance(operation, made))
    fields = asdict(operation)
    if "source" in fields:
        fields["from"] = fields.pop("source")
    return {"kind": kind, **fields}


def operation_from_json(content: dict[str, Any]) -> Operation:
    """Return the operation of `operation_to_json`. Raises ValueError for anything else."""
    fields = dict(content)
    kind = fields.pop("kind", None)
    if kind not in KINDS:
        raise ValueError(f"an operation of kind {kind!r}")
    if "from" in fields:
        fields["source"] = fields.pop("from")
    types = {"cluster": int, "source": int, "into": int, "name": str, "by": str}
    for name, value in fields.items():
        if name in types and (not isinstance(value, types[name]) or isinstance(value, bool)):
            raise ValueError(f"{name} {value!r} in {kind}")
    if "ids" in fields:
        fields["ids"] = tuple(str(value) for value in fields["ids"])
    fields |= {name: tuple(fields[name]) for name in ("clusters", "confidence") if name in fields}
    try:
        return KINDS[kind](**fields)
    except TypeError as error:
        raise ValueError(f"{kind}: {error}") from None


def _read_curation(entry: dict) -> Curation:
    reference = entry["reference"]
    versions = tuple(
        CurationVersion(each["made"], each["source"], tuple(map(operation_from_json, each["operations"])))
        for each in entry["versions"]
    )
    return Curation(np.array(reference["ids"], str), np.array(reference["clusters"], np.int32), versions)


def _numbers_of(operations: Iterable[Operation]) -> set[int]:
    numbers = set()
    for operation in operations:
        match operation:
            case Rename(cluster, _):
                numbers.add(cluster)
            case Merge(source, into):
                numbers |= {source, into}
            case Move(_, into):
                numbers.add(into)
            case AssignImages(_, clusters, _, _):
                numbers |= set(clusters)
    return numbers


def _find_partner(before: Int[np.ndarray, "m"], after: Int[np.ndarray, "m"], number: int) -> tuple[int, float]:
    """Return the cluster of `after` with the largest overlap with a cluster of `before`, and that overlap."""
    members = before == number
    best, overlap = NOISE, 0.0
    for candidate in np.unique(after[members]):
        others = after == candidate
        share = float((members & others).sum() / (members | others).sum())
        if candidate >= 0 and share > overlap:
            best, overlap = int(candidate), share
    return best, overlap


def _renumber(operation: Operation, mapping: dict[int, int]) -> Operation:
    match operation:
        case Rename(cluster, _):
            return replace(operation, cluster=mapping[cluster])
        case Merge(source, into):
            return Merge(mapping[source], mapping[into])
        case Move(_, into):
            return replace(operation, into=mapping[into])
        case AssignImages(_, clusters, _, _):
            return replace(operation, clusters=tuple(mapping[number] for number in clusters))
        case _:
            return operation
