"""Store clusterings on disk, so that a repeated evaluation computes only those that are missing."""

import hashlib
import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict
from jaxtyping import Int

from irl_inr_jax.clustering.task import Clustering, ClusterTask
from irl_inr_jax.data.lazy import in_chunks
from irl_inr_jax.types import PyTree

ARRAYS = ("clusters", "confidence", "neighbours", "linkage", "linkage_rows")


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
    arrays = {name: getattr(clustering, name) for name in ARRAYS if getattr(clustering, name) is not None}
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
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        np.savez(file, facts=json.dumps(facts), **arrays)
    partial.replace(path)


def load_clustering(path: Path, digest: str) -> TimedClustering | None:
    """Read a file of `save_clustering`; None if it is missing, damaged, or of a task with another digest."""
    try:
        with np.load(path, allow_pickle=False) as file:
            facts = json.loads(str(file["facts"]))
            if facts["digest"] != digest:
                return None
            clustering = Clustering(
                **{name: file.get(name) for name in ARRAYS},
                params=_read_params(file),
                transductive=facts["transductive"],
                notes=tuple(facts["notes"]),
                measures=facts["measures"],
            )
            return TimedClustering(clustering, facts["seconds"])
    # Errors of zipfile, NumPy and json for a file that is missing, truncated or not ours; the clustering is recomputed.
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error):
        return None


class StoredClassifier(NamedTuple):
    """The clusters (n,) of a stored clustering, and the params of the classifier that gave them."""

    clusters: Int[np.ndarray, "n"]
    params: PyTree


def load_classifier(path: Path) -> StoredClassifier | None:
    """Read clusters and params from a file of `save_clustering`; None if it is missing, damaged or has no params.

    The digest of the task, which needs all images, is not compared.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            params = _read_params(file)
            return None if params is None else StoredClassifier(file["clusters"], params)
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error):
        return None


def _read_params(file: Mapping[str, np.ndarray]) -> PyTree | None:
    tree = unflatten_dict({name: file[name] for name in file if name.startswith("params/")}, sep="/")
    return tree.get("params")
