"""Neighbours of the training images for the loss of a run, kept in its workdir."""

import hashlib
import json
import logging
import time
from pathlib import Path

import numpy as np
from jaxtyping import Int32
from ml_collections import ConfigDict

from irl_inr_jax.clustering.neighbours.image_neighbours import index_images, make_search_settings
from irl_inr_jax.clustering.neighbours.orbit_images import Images
from irl_inr_jax.config.checked_files import DamagedFile, read_arrays, write_arrays
from irl_inr_jax.config.storage import to_json
from irl_inr_jax.devices.processes import first_process_first, is_first_process
from irl_inr_jax.training.preconditions import check_neighbours
from irl_inr_jax.types import Dataset, InputError

FILE_NAME = "neighbours.npz"
MIN_TRIAL_IMAGES = 512  # on which the time of a search is measured

logger = logging.getLogger(__name__)


def load_neighbours(config: ConfigDict, dataset: Dataset, workdir: Path) -> Int32[np.ndarray, "n q"] | None:
    """Return the neighbours of each training image by `config.orbits.distance`, or None if the loss needs none.

    The first process searches, or reads the file of an earlier search of the same images with the same settings; the
    others read its file. Raises InputError for images that `check_neighbours` refuses.
    """
    if not config.loss.neighbours:
        return None
    check_neighbours(config, dataset)
    path, digest = workdir / FILE_NAME, digest_search(config, dataset)
    with first_process_first():
        found = read_neighbours(path, digest)
        if found is not None:
            return found
        if not is_first_process():
            raise InputError(
                f"expected {path} on a file system that all processes share, found no file of process 0 for these "
                f"images; give all processes the same data and --workdir"
            )
        logger.info(f"searching for the neighbours of {len(dataset.train.images)} training images …")
        found = search_neighbours(config, dataset, dataset.train.images)
        write_neighbours(path, found, digest)
        return found


def search_neighbours(config: ConfigDict, dataset: Dataset, images: Images) -> Int32[np.ndarray, "n q"]:
    """Search for `config.loss.num_neighbours` neighbours of each of the stored images among them."""
    settings = make_search_settings(
        dataset.scaling,
        orbits=config.orbits,
        wafers=config.wafers,
        fill=config.views.fill,
        batch_size=config.evaluation.batch_size,
    )
    return index_images(images, settings).among_fitted(config.loss.num_neighbours)


def estimate_search_seconds(config: ConfigDict, dataset: Dataset) -> float:
    """Estimate the time of the search before training from one among some images; 0 if the loss needs no neighbours.

    A search takes time in proportion to the number of images, once there are more than `orbits.num_candidates`.
    """
    if not config.loss.neighbours:
        return 0.0
    num_images = len(dataset.train.images)
    num_trial = min(num_images, max(MIN_TRIAL_IMAGES, config.orbits.num_candidates + 1))
    images = dataset.train.images[np.linspace(0, num_images - 1, num_trial).astype(np.int64)]
    search_neighbours(config, dataset, images)  # compiles
    started = time.monotonic()
    search_neighbours(config, dataset, images)
    return (time.monotonic() - started) * num_images / num_trial


def digest_search(config: ConfigDict, dataset: Dataset) -> str:
    """Return the SHA-256 of all that the search depends on: images, their scaling, and settings."""
    images = np.ascontiguousarray(dataset.train.images)
    settings = [
        str(images.dtype),
        images.shape,
        dataset.scaling,
        json.loads(to_json(config.orbits)),
        json.loads(to_json(config.wafers)),
        config.loss.num_neighbours,
        config.views.fill,
    ]
    digest = hashlib.sha256(json.dumps(settings).encode())
    digest.update(images.view(np.uint8).reshape(-1).data)
    return digest.hexdigest()


def read_neighbours(path: Path, digest: str) -> Int32[np.ndarray, "n q"] | None:
    """Return the neighbours in the file, or None if there are none, they are damaged or of another search."""
    try:
        stored = read_arrays(path)
        return stored["neighbours"] if str(stored["digest"]) == digest else None
    except (OSError, DamagedFile, KeyError):
        return None


def write_neighbours(path: Path, neighbours: Int32[np.ndarray, "n q"], digest: str) -> None:
    """Write the file in one step, so that an interrupted search leaves none."""
    write_arrays(path, {"neighbours": neighbours, "digest": np.array(digest)})
