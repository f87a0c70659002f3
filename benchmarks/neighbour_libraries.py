"""Libraries for approximate neighbours, each as a function (points, number of neighbours, threads) -> rows (n, q).

They are not requirements of the package, except faiss: pip install '.[bench]'. Rows may contain the point itself.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float32, Int

Find = Callable[[Float32[np.ndarray, "n d"], int, int], Int[np.ndarray, "n q"]]
NUM_AT_ONCE = 50_000


def find_by_faiss_lists(points: Float32[np.ndarray, "n d"], count: int, threads: int) -> Int[np.ndarray, "n q"]:
    """Use an inverted file as the package does: deterministic; lists are added until the recall is sufficient."""
    import faiss

    from irl_inr_jax.clustering.neighbours.approximate import ApproximateIndex

    faiss.omp_set_num_threads(threads)
    return ApproximateIndex(points).search(points, count, leave_out_self=True)[0]


def find_by_faiss_hnsw(points: Float32[np.ndarray, "n d"], count: int, threads: int) -> Int[np.ndarray, "n q"]:
    """Use faiss's hierarchical graph; with several threads the graph differs between runs."""
    import faiss

    faiss.omp_set_num_threads(threads)
    index = faiss.IndexHNSWFlat(points.shape[1], 12)
    index.hnsw.efConstruction, index.hnsw.efSearch = 40, 48
    index.add(points)
    firsts = range(0, len(points), NUM_AT_ONCE)
    return np.concatenate([index.search(points[first : first + NUM_AT_ONCE], count + 1)[1] for first in firsts])


def find_by_usearch(points: Float32[np.ndarray, "n d"], count: int, threads: int) -> Int[np.ndarray, "n q"]:
    """Use usearch's hierarchical graph; with several threads the graph differs between runs."""
    from usearch.index import Index

    index = Index(ndim=points.shape[1], metric="l2sq", connectivity=12, expansion_add=40, expansion_search=48)
    index.add(np.arange(len(points)), points, threads=threads)
    return index.search(points, count + 1, threads=threads).keys.astype(np.int64)


def find_by_hnswlib(points: Float32[np.ndarray, "n d"], count: int, threads: int) -> Int[np.ndarray, "n q"]:
    """Use hnswlib's hierarchical graph; it has no wheels and is compiled by pip."""
    import hnswlib

    index = hnswlib.Index(space="l2", dim=points.shape[1])
    index.init_index(max_elements=len(points), M=12, ef_construction=40, random_seed=0)
    index.add_items(points, num_threads=threads)
    index.set_ef(48)
    return index.knn_query(points, count + 1, num_threads=threads)[0].astype(np.int64)


def find_by_pynndescent(points: Float32[np.ndarray, "n d"], count: int, threads: int) -> Int[np.ndarray, "n q"]:
    """Use nearest-neighbour descent, compiled by numba; the time includes compilation."""
    from pynndescent import NNDescent

    index = NNDescent(points, n_neighbors=count + 1, random_state=0, n_jobs=threads, low_memory=True)
    return index.neighbor_graph[0]


LIBRARIES: dict[str, Find] = {
    "faiss, lists": find_by_faiss_lists,
    "faiss, HNSW": find_by_faiss_hnsw,
    "usearch": find_by_usearch,
    "hnswlib": find_by_hnswlib,
    "pynndescent": find_by_pynndescent,
}
