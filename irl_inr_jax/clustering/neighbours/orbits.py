"""Nearest neighbours of images under all rotations.

1. Candidates: the nearest images by the invariant spectrum, reduced by PCA; most of them for many images.
2. Exact: candidates are ordered by their largest product over all rotations, which is that of the smallest distance.
3. Re-ranking: the first of them are ordered by the image distortion model, each in its best rotation.

Memory is linear in the number of images. If there are no more candidates than images, step 1 is omitted.
"""

import functools

import numpy as np
from jaxtyping import Float32, Int32
from ml_collections import ConfigDict
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from irl_inr_jax.clustering.neighbours.approximate import ApproximateIndex
from irl_inr_jax.clustering.neighbours.distortion import distortion_distances
from irl_inr_jax.clustering.neighbours.orbit_images import OrbitImages
from irl_inr_jax.clustering.neighbours.pair_products import rotation_products, rotation_tables
from irl_inr_jax.clustering.neighbours.search import is_approximate
from irl_inr_jax.devices.threads import single_thread
from irl_inr_jax.training.progress import show_progress

NUM_COMPONENTS = 64  # of the invariant spectra
NUM_QUERIES = 1_000  # compared at once
NUM_RECALLED = 200  # images on which the recall of the candidates is measured


class OrbitIndex:
    """Images among which neighbours are searched, with what selects candidates, which is made once, when needed."""

    def __init__(self, images: OrbitImages):
        self.images = images

    def __len__(self) -> int:
        return len(self.images.spectra)

    @functools.cached_property
    def projection(self) -> PCA:
        """The projection of invariants to their principal components."""
        invariants = self.images.invariants
        with single_thread():
            return PCA(min(NUM_COMPONENTS, *invariants.shape), svd_solver="covariance_eigh").fit(invariants)

    @functools.cached_property
    def reduced(self) -> Float32[np.ndarray, "n c"]:
        """The projected invariants of the images."""
        return self.projection.transform(self.images.invariants)

    @functools.cached_property
    def lists(self) -> ApproximateIndex:
        """The projected invariants in lists, for an approximate search."""
        return ApproximateIndex(self.reduced)


def orbit_neighbours(
    queries: OrbitImages, index: OrbitIndex, num_neighbours: int, *, settings: ConfigDict
) -> Int32[np.ndarray, "m q"]:
    """Find the `num_neighbours` images of the index nearest to each query over all rotations, nearest first.

    settings: `config.orbits`. If the queries are those images, the same object, no image is its own neighbour. Raises
    ValueError if there are fewer images.
    """
    leave_out_self = queries is index.images
    available = len(index) - leave_out_self
    if not 1 <= num_neighbours <= available:
        raise ValueError(f"expected num_neighbours from 1 to {available}, found {num_neighbours}")
    num_reranked = max(num_neighbours, min(settings.num_reranked, available)) if settings.rerank else num_neighbours
    num_candidates = min(available, max(settings.num_candidates, num_reranked))
    found = []
    with show_progress("images compared under all rotations", len(queries.spectra)) as update:
        candidates = select_candidates(queries, index, num_candidates)
        for first in range(0, len(candidates), NUM_QUERIES):
            rows = slice(first, first + NUM_QUERIES)
            chosen = candidates[rows]
            nearest = compare_candidates(queries.take(rows), index.images, chosen, num_reranked, settings=settings)
            found.append(nearest[:, :num_neighbours])
            update(min(first + NUM_QUERIES, len(candidates)), "")
    return np.concatenate(found)


def select_candidates(queries: OrbitImages, index: OrbitIndex, num_candidates: int) -> Int32[np.ndarray, "m k"]:
    """Return the images nearest to each query by their invariants, in any order; all if there are no more.

    Most of them where a search among the images is approximate.
    """
    num_queries, num_points, leave_out_self = len(queries.spectra), len(index), queries is index.images
    if num_candidates == num_points - leave_out_self:
        everyone = np.broadcast_to(np.arange(num_points, dtype=np.int32), (num_queries, num_points))
        if not leave_out_self:
            return np.ascontiguousarray(everyone)
        return everyone[~np.eye(num_points, dtype=bool)].reshape(num_points, -1)
    reference = index.reduced
    wanted = reference if leave_out_self else index.projection.transform(queries.invariants)
    if is_approximate(reference, reference):  # for few queries too, so that `measure_recall` measures this search
        return index.lists.search(wanted, num_candidates, leave_out_self=leave_out_self)[0]
    # For so many neighbours its search by brute force takes a third of the time of ours.
    search = NearestNeighbors(n_neighbors=num_candidates, algorithm="brute").fit(reference)
    return search.kneighbors(None if leave_out_self else wanted, return_distance=False).astype(np.int32)


def compare_candidates(
    queries: OrbitImages,
    points: OrbitImages,
    candidates: Int32[np.ndarray, "m k"],
    num_kept: int,
    *,
    settings: ConfigDict,
) -> Int32[np.ndarray, "m kept"]:
    """Order the candidates of each query by their exact distance, keep the nearest, and re-rank them if so set."""
    tables = rotation_tables(settings.num_angles)
    products, steps, mirrored = rotation_products(
        queries.spectra, points.spectra, candidates, *tables, settings.num_angles, settings.mirror
    )
    order = np.argsort(-products, axis=1, kind="stable")[:, :num_kept]
    kept, steps, mirrored = (np.take_along_axis(array, order, axis=1) for array in (candidates, steps, mirrored))
    if queries.patches is None or points.patches is None:
        return kept
    angles = (2 * np.pi / settings.num_angles * steps).astype(np.float32)
    distances = distortion_distances(queries.patches, points.patches, kept, angles, mirrored)
    return np.take_along_axis(kept, np.argsort(distances, axis=1, kind="stable"), axis=1)


def measure_recall(index: OrbitIndex, num_neighbours: int, *, settings: ConfigDict, seed: int) -> float:
    """Return the share of the exact nearest neighbours, without re-ranking, that are among the candidates.

    Estimated on `NUM_RECALLED` images, each compared with all others.
    """
    points, num_points = index.images, len(index)
    if num_points - 1 <= settings.num_candidates:
        return 1.0
    rows = np.random.default_rng(seed).choice(num_points, min(NUM_RECALLED, num_points), replace=False)
    queries = points._replace(patches=None).take(rows)
    others = np.stack([np.delete(np.arange(num_points, dtype=np.int32), row) for row in rows])
    exact = compare_candidates(queries, points, others, num_neighbours, settings=settings)
    search = select_candidates(queries, index, settings.num_candidates + 1)
    return float(np.mean([np.isin(row, found).mean() for row, found in zip(exact, search, strict=True)]))
