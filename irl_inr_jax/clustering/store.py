"""Store clusterings on disk, so that a repeated evaluation computes only those that are missing."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict
from jaxtyping import Int

from irl_inr_jax.clustering.task import Clustering, ClusterTask
from irl_inr_jax.config.checked_files import DamagedFile, read_arrays, write_arrays
from irl_inr_jax.data.lazy import in_chunks
from irl_inr_jax.types import InputError, PyTree

OPTIONAL = ("neighbours", "linkage", "linkage_rows")


class TimedClustering(NamedTuple):
    """A clustering and the seconds it took to compute."""

    clustering: Clustering
    seconds: float


# Settings of other clusterers that a clusterer reads, besides the blocks with a word of its name.
ALSO_READ = {"orbit_selflabel": ("consensus",)}


def digest_task(name: str, task: ClusterTask) -> str:
    """Hash everything that determines a clustering: clusterer, latents, images, k, seed and the settings it reads."""
    digest = hashlib.sha256()
    words = (*name.split("_"), *ALSO_READ.get(name, ()))
    settings = {
        key: value
        for key, value in task.settings.to_dict().items()
        if not isinstance(value, dict) or key.split("_")[0] in words
    }
    options = [settings, *(block.to_dict() for block in (task.augment, task.orbits, task.wafers))]
    facts = [name, task.num_clusters, task.seed, task.transductive, task.fill, *options]
    digest.update(json.dumps(facts, sort_keys=True).encode())
    for points in (task.fitted, task.assigned):
        digest.update(np.ascontiguousarray(points.latents).data)
        for images in in_chunks(points.images):
            digest.update(np.ascontiguousarray(images).data)
    return digest.hexdigest()


def save_clustering(path: Path, digest: str, timed: TimedClustering) -> None:
    """Write an npz: arrays of the clustering, its params under `params/`, and everything else as JSON under `facts`."""
    clustering = timed.clustering
    arrays = {"clusters": clustering.clusters, "confidence": clustering.confidence}
    arrays |= {name: getattr(clustering, name) for name in OPTIONAL if getattr(clustering, name) is not None}
    if clustering.params is not None:
        arrays |= flatten_dict({"params": clustering.params}, sep="/")
    facts = {
        "digest": digest,
        "transductive": clustering.transductive,
        "notes": clustering.notes,
        "measures": clustering.measures,
        "seconds": timed.seconds,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_arrays(path, {"facts": np.array(json.dumps(facts)), **arrays})


def load_clustering(path: Path, digest: str) -> TimedClustering | None:
    """Read a file of `save_clustering`; None if it is missing, damaged, or of a task with another digest."""
    try:
        arrays = read_arrays(path)
        facts = json.loads(str(arrays["facts"]))
        if facts["digest"] != digest:
            return None
        clustering = Clustering(
            clusters=arrays["clusters"],
            confidence=arrays["confidence"],
            **{name: arrays.get(name) for name in OPTIONAL},
            params=_read_params(arrays),
            transductive=facts["transductive"],
            notes=tuple(facts["notes"]),
            measures=facts["measures"],
        )
        return TimedClustering(clustering, facts["seconds"])
    # A file that is missing, damaged or not ours: the clustering is computed again.
    except (OSError, ValueError, KeyError, TypeError):
        return None


class StoredClassifier(NamedTuple):
    """The clusters (n,) of a stored clustering, and the params of the classifier that gave them."""

    clusters: Int[np.ndarray, "n"]
    params: PyTree


def load_classifier(path: Path) -> StoredClassifier | None:
    """Read clusters and params from a file of `save_clustering`; None if it has no params.

    The digest of the task, which needs all images, is not compared. Raises InputError for a missing or damaged file.
    """
    try:
        arrays = read_arrays(path)
        params = _read_params(arrays)
        return None if params is None else StoredClassifier(arrays["clusters"], params)
    except FileNotFoundError:
        raise InputError(f"expected {path} of the evaluation, found none; evaluate again") from None
    except (DamagedFile, KeyError) as error:
        raise InputError(
            f"expected {path} as irl-inr evaluate wrote it, found a damaged file ({error}); evaluate again"
        ) from None


def _read_params(file: Mapping[str, np.ndarray]) -> PyTree | None:
    tree = unflatten_dict({name: file[name] for name in file if name.startswith("params/")}, sep="/")
    return tree.get("params")
