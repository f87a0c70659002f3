"""Corrections of one clustering: operations on ids and cluster numbers, applied in their order."""

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from irl_inr_jax.metrics.clustering_scores import NOISE
from irl_inr_jax.types import InputError

RESERVED_NAME = re.compile(r"cluster -?\d+|none|junk|noise", re.IGNORECASE)


@dataclass(frozen=True)
class Rename:
    """Give a cluster a name."""

    cluster: int
    name: str


@dataclass(frozen=True)
class Merge:
    """Put all images of the cluster `source` into another."""

    source: int
    into: int


@dataclass(frozen=True)
class Move:
    """Put images into a cluster, by number; a new number makes a new cluster. They count as corrected from then on."""

    ids: tuple[str, ...]
    into: int


@dataclass(frozen=True)
class MarkJunk:
    """Take images out of the clusters."""

    ids: tuple[str, ...]


@dataclass(frozen=True)
class KeepImages:
    """Put images back that were marked as junk."""

    ids: tuple[str, ...]


@dataclass(frozen=True)
class AssignImages:
    """Clusters of many images as computed from the corrections; images that are corrected or junk keep theirs.

    by: 'propagate' or 'refine'.
    """

    ids: tuple[str, ...]
    clusters: tuple[int, ...]
    confidence: tuple[float, ...]
    by: str


Operation = Rename | Merge | Move | MarkJunk | KeepImages | AssignImages


class CuratedClusters(NamedTuple):
    """A clustering of `n` images and what was corrected in it.

    home: the cluster of each image, also of junk; -1 for none. confidence: in [0, 1], 1 for a corrected image.
    junk, corrected: masks. given_names: number -> name.
    """

    ids: np.ndarray
    home: Int[np.ndarray, "n"]
    confidence: Float[np.ndarray, "n"]
    junk: Bool[np.ndarray, "n"]
    corrected: Bool[np.ndarray, "n"]
    given_names: dict[int, str]

    @property
    def clusters(self) -> Int[np.ndarray, "n"]:
        """The clusters without junk, which is in none (-1)."""
        return np.where(self.junk, NOISE, self.home).astype(np.int32)

    @property
    def names(self) -> dict[int, str]:
        """The names of the clusters that have images."""
        present = set(self.home.tolist())
        return {number: name for number, name in sorted(self.given_names.items()) if number in present}

    @property
    def next_number(self) -> int:
        """The smallest number above those of all clusters."""
        return int(self.home.max(initial=NOISE)) + 1


def start_curation(
    ids: np.ndarray, clusters: Int[np.ndarray, "n"], confidence: Float[np.ndarray, "n"]
) -> CuratedClusters:
    """Return a clustering without corrections."""
    none = np.zeros(len(ids), bool)
    return CuratedClusters(ids, clusters.astype(np.int32), confidence.astype(np.float64), none, none.copy(), {})


def apply_operations(state: CuratedClusters, operations: Iterable[Operation]) -> CuratedClusters:
    """Return the clustering after the operations. Ids that it does not have are left out."""
    rows = {str(name): row for row, name in enumerate(state.ids)}
    home, confidence, junk, corrected = (
        array.copy() for array in (state.home, state.confidence, state.junk, state.corrected)
    )
    names = dict(state.given_names)
    for operation in operations:
        match operation:
            case Rename(cluster, name):
                names[cluster] = name
            case Merge(source, into):
                home[home == source] = into
                names.pop(source, None)
            case Move(ids, into):
                chosen = _find(rows, ids)
                home[chosen], corrected[chosen], confidence[chosen] = into, True, float(into != NOISE)
            case MarkJunk(ids):
                junk[_find(rows, ids)] = True
            case KeepImages(ids):
                junk[_find(rows, ids)] = False
            case AssignImages(ids, clusters, shares, _):
                kept = np.array([name in rows for name in ids], bool)
                chosen, found = _find(rows, ids), np.asarray(clusters)[kept]
                free = ~(junk | corrected)[chosen]
                home[chosen[free]] = found[free]
                confidence[chosen[free]] = np.asarray(shares)[kept][free]
    confidence[home == NOISE] = 0.0
    return CuratedClusters(state.ids, home, confidence, junk, corrected, names)


def is_change(before: CuratedClusters, after: CuratedClusters) -> bool:
    """Return whether two states of a clustering differ in clusters, confidence, corrected images, junk or names."""
    pairs = zip(before[1:-1], after[1:-1], strict=True)
    return before.given_names != after.given_names or not all(np.array_equal(*pair) for pair in pairs)


def check_operations(state: CuratedClusters, operations: Sequence[Operation], *, place: str) -> None:
    """Raise InputError for ids and clusters that the clustering does not have, and for names that mean two clusters.

    place: where the operations are from, for the error.
    """
    known = {str(name) for name in state.ids}
    for operation in operations:
        if isinstance(operation, Move | MarkJunk | KeepImages | AssignImages):
            check_ids(known, operation.ids, place=place)
        present, following = set(state.home.tolist()), state.next_number
        used = {"Rename": ("cluster",), "Merge": ("source", "into")}.get(type(operation).__name__, ())
        for number in (getattr(operation, field) for field in used):
            if number not in present or number < 0:
                raise InputError(f"expected in {place} a cluster that has images, {_list(present)}, found {number}")
        if isinstance(operation, Move) and not NOISE <= operation.into <= following:
            raise InputError(
                f"expected in {place} a cluster among {_list(present)}, or {following} for a new one, found "
                f"{operation.into}"
            )
        if isinstance(operation, Rename) and RESERVED_NAME.fullmatch(operation.name):
            raise InputError(
                f"expected in {place} a name of its own for cluster {operation.cluster}, found {operation.name!r}, "
                f"which means a cluster without a name; choose another name"
            )
        state = apply_operations(state, [operation])
    numbers: dict[str, int] = {}
    for number, name in state.names.items():
        if numbers.setdefault(name, number) != number:
            raise InputError(
                f"expected a different name for each cluster in {place}, found {name!r} for clusters {numbers[name]} "
                f"and {number}; merge them, or choose another name"
            )


def check_ids(known: set[str], ids: Iterable[str], *, place: str) -> None:
    """Raise InputError for ids that are not among the evaluated images."""
    listed = list(ids)
    unknown = [name for name in listed if name not in known]
    if unknown:
        raise InputError(
            f"expected ids of the evaluated images in {place}, found {unknown[0]!r} ({len(unknown)} of {len(listed)} "
            f"are not among them); is it a file of another run? Ids look like {min(known, default='')!r}"
        )


def name_or_number(number: int, names: dict[int, str]) -> str:
    """Return the name of a cluster, 'cluster 3' without one, and 'none' for -1."""
    return names.get(number) or ("none" if number < 0 else f"cluster {number}")


def digest_clusters(state: CuratedClusters) -> str:
    """Return a short hash of clusters, names and junk by id, independent of the order of the images."""
    order = np.argsort(state.ids)
    names = sorted(state.names.items())
    facts = [state.ids[order].tolist(), state.home[order].tolist(), state.junk[order].tolist(), names]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def describe_operation(operation: Operation) -> str:
    """Return one line about an operation."""
    match operation:
        case Rename(cluster, name):
            return f"cluster {cluster} is named {name!r}"
        case Merge(source, into):
            return f"cluster {source} is merged into cluster {into}"
        case Move(ids, into):
            return f"{_count(ids)} put into {name_or_number(into, {})}"
        case MarkJunk(ids):
            return f"{_count(ids)} marked as junk"
        case KeepImages(ids):
            return f"{_count(ids)} no longer junk"
        case AssignImages(ids, _, _, by):
            return f"{_count(ids)} assigned by --{by}"


def _count(ids: Sequence[str]) -> str:
    return f"{len(ids):,} image{'s are' if len(ids) != 1 else ' is'}"


def _find(rows: dict[str, int], ids: Iterable[str]) -> Int[np.ndarray, "m"]:
    return np.array([rows[name] for name in ids if name in rows], np.int64)


def _list(numbers: Iterable[int]) -> str:
    shown = sorted(number for number in numbers if number >= 0)
    return f"{shown[0]} … {shown[-1]}" if len(shown) > 20 else ", ".join(map(str, shown))
