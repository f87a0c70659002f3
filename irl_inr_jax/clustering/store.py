"""Clusterings on disk, so that an evaluation that was stopped, or is asked for one clusterer more, goes on."""

import hashlib
import json
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from irl_inr_jax.clustering.task import Clustering, ClusterTask
from irl_inr_jax.data.lazy import in_chunks

ARRAYS = ("clusters", "confidence", "neighbours", "linkage", "linkage_rows")


class Kept(NamedTuple):
    """A clustering, how long it took, and by how many megabytes memory grew meanwhile at most."""

    clustering: Clustering
    seconds: float
    peak_mb: float


def digest_task(name: str, task: ClusterTask) -> str:
    """Changes with the clusterer and all that decides its result: latents, images, k, seed and its settings."""
    digest = hashlib.sha256()
    words = name.split("_")
    settings = {
        key: value
        for key, value in task.settings.to_dict().items()
        if not isinstance(value, dict) or key.split("_")[0] in words
    }
    orbits = task.orbits.to_dict() if "orbit" in words else {}
    options = [settings, task.augment.to_dict(), orbits]
    facts = [name, task.num_clusters, task.seed, task.transductive, task.fill, *options]
    digest.update(json.dumps(facts, sort_keys=True).encode())
    for points in (task.fitted, task.assigned):
        digest.update(np.ascontiguousarray(points.latents).data)
        for images in in_chunks(points.images):
            digest.update(np.ascontiguousarray(images).data)
    return digest.hexdigest()


def save_clustering(path: Path, digest: str, kept: Kept) -> None:
    """One npz: the arrays of the clustering, and the rest as JSON under `facts`."""
    clustering = kept.clustering
    arrays = {name: getattr(clustering, name) for name in ARRAYS if getattr(clustering, name) is not None}
    facts = {
        "digest": digest,
        "transductive": clustering.transductive,
        "notes": clustering.notes,
        "measures": clustering.measures,
        "seconds": kept.seconds,
        "peak_mb": kept.peak_mb,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        np.savez(file, facts=json.dumps(facts), **arrays)
    partial.replace(path)


def load_clustering(path: Path, digest: str) -> Kept | None:
    """What `save_clustering` wrote; None where there is no such file, it is damaged, or another task's."""
    try:
        with np.load(path, allow_pickle=False) as file:
            facts = json.loads(str(file["facts"]))
            if facts["digest"] != digest:
                return None
            clustering = Clustering(
                **{name: file.get(name) for name in ARRAYS},
                transductive=facts["transductive"],
                notes=tuple(facts["notes"]),
                measures=facts["measures"],
            )
            return Kept(clustering, facts["seconds"], facts["peak_mb"])
    # What zipfile, NumPy and json raise of a file that is missing, cut short or another; it is then made anew.
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error):
        return None
