"""Corrections from a file: the edits that report.html downloads as JSON, or a table."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from irl_inr_jax.data.readers.table_files import TABLE_SUFFIXES
from irl_inr_jax.evaluation.curation import (
    AssignImages,
    CuratedClusters,
    Operation,
    check_operations,
    digest_clusters,
)
from irl_inr_jax.evaluation.curation_table import read_corrections_table
from irl_inr_jax.evaluation.curation_versions import operation_from_json, operation_to_json
from irl_inr_jax.types import InputError

EDITS_FORMAT = "irl-inr curation"
EDITS_VERSION = 1


def read_corrections(
    path: Path,
    states: Sequence[CuratedClusters],
    applied: Sequence[Sequence[Operation]],
    *,
    clusterer: str,
    data: dict,
    raw: bool,
) -> tuple[Operation, ...]:
    """Return the operations of a file that the clustering does not have yet; () if it has them all.

    states: the clustering without corrections and after each version; the last is the present one. applied: the
    operations of each version. data: the entry of that name in results.json. raw: of `read_corrections_table`. Raises
    InputError for a file of another run, clusterer or version, and for what `check_operations` and
    `read_corrections_table` refuse.
    """
    if not path.is_file():
        raise InputError(f"expected a file with corrections, found no {path}")
    suffix = path.suffix.lower()
    if suffix == ".json":
        operations = select_new_edits(read_edits(path), states, applied, clusterer=clusterer, data=data, path=path)
    elif suffix in TABLE_SUFFIXES:
        operations = read_corrections_table(path, states[-1], raw=raw)
    else:
        raise InputError(f"expected corrections as .json, {', '.join(TABLE_SUFFIXES)}, found {path}")
    check_operations(states[-1], operations, place=str(path))
    return operations


def read_edits(path: Path) -> dict[str, Any]:
    """Return the content of the JSON file of report.html. Raises InputError if it is something else."""
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        if content["format"] != EDITS_FORMAT or content["version"] > EDITS_VERSION:
            raise ValueError(f"format {content['format']!r}, version {content['version']}")
        content["operations"] = tuple(operation_from_json(one) for one in content["operations"])
        if any(isinstance(operation, AssignImages) for operation in content["operations"]):
            raise ValueError("an operation of kind 'assign'")
        return content | {"clusterer": str(content["clusterer"]), "data": dict(content["data"])}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else " ".join(str(error).split())
        raise InputError(
            f"expected edits as report.html downloads them in {path}, found something else ({reason}); download them "
            f"again, or write a CSV file with the columns id, cluster, name, junk"
        ) from None


def select_new_edits(
    edits: dict[str, Any],
    states: Sequence[CuratedClusters],
    applied: Sequence[Sequence[Operation]],
    *,
    clusterer: str,
    data: dict,
    path: Path,
) -> tuple[Operation, ...]:
    """Return the edits after those that versions already have.

    A page goes on listing its edits after they were downloaded, so a second file from it begins with those of the
    first. Raises InputError for edits of another run or clusterer, or of a clustering that has been corrected since.
    """
    if edits["clusterer"] != clusterer:
        raise InputError(
            f"expected edits of {clusterer} in {path}, found those of {edits['clusterer']}; use "
            f"--clusterer {edits['clusterer']}"
        )
    other = [key for key in ("name", "split") if edits["data"].get(key) != data[key]]
    if other:
        raise InputError(
            f"expected edits of this run in {path}, found those of another: its {other[0]} is "
            f"{edits['data'].get(other[0])!r}, here it is {data[other[0]]!r}"
        )
    operations, digest = edits["operations"], edits.get("clustering")
    digests = [digest_clusters(state) for state in states]
    for start in range(len(states) if digest else 1):
        done = [operation for version in applied[start:] for operation in version]
        same = digests[start] == digest if digest else edits["data"].get("sha256") == data["sha256"]
        if same and list(map(operation_to_json, operations[: len(done)])) == list(map(operation_to_json, done)):
            return operations[len(done) :]
    if digest in digests:
        raise InputError(
            f"expected edits of the present version {len(applied)} in {path}, found edits of version "
            f"{digests.index(digest)}; make them in a new report.html, or go back with irl-inr curate --undo"
        )
    raise InputError(
        f"expected edits of this run's clusters by {clusterer} in {path}, found those of other clusters or images; "
        f"make them in a report.html of the present evaluation"
    )
