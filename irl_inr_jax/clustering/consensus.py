"""Consensus clustering: several candidate partitions, of which the one that agrees most with the others is used.

A candidate merges micro-clusters that many k-means with many small clusters agree on (evidence accumulation,
Fred and Jain 2005), and then moves images between clusters to raise the modularity of the neighbour graph. Candidates
differ in their random numbers only. How much they agree tells whether the latents determine the clusters.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Float32, Int, Int32
from ml_collections import ConfigDict
from scipy.sparse import csr_array, eye_array
from sklearn.decomposition import PCA

from irl_inr_jax.clustering.assignment import Votes, subsample, subsample_notes
from irl_inr_jax.clustering.diffusion import graph_degree
from irl_inr_jax.clustering.merging import fit_means, merge_by_similarity, micro_coassociation
from irl_inr_jax.clustering.modularity import measure_modularity, neighbour_graph, refine_partition
from irl_inr_jax.clustering.neighbours.search import nearest_neighbours, recall_notes
from irl_inr_jax.clustering.neighbours.voting import vote
from irl_inr_jax.clustering.task import Clustering, ClusterTask, check_clusterable
from irl_inr_jax.clustering.wafer_latents import add_wafer_features
from irl_inr_jax.clustering.wafer_patterns import separate_patterns
from irl_inr_jax.devices.threads import single_thread
from irl_inr_jax.metrics.clustering_scores import match_clusters
from irl_inr_jax.training.progress import show_progress

# The k-means of all candidates take most of the time, in proportion to this number.
MAX_ROWS = 20_000
# Below this agreement of the candidates the clusters are called ambiguous.
LOW_AGREEMENT = 0.8
_MICRO_STEPS, _MEANS_STEPS, _REFINE_SWEEPS = 20, 40, 15
# Least number of images per cluster of the many k-means, on average.
_IMAGES_PER_MEAN = 5


def cluster_consensus(task: ClusterTask) -> Clustering:
    """Fit `settings.consensus.num_candidates` partitions and use the one that agrees most with the others.

    With `without_pattern` wafer maps without a pattern are cluster 0, found first (`separate_patterns`).
    With `wafers_weight` the features of wafers are added to the latents. Latents of more than `num_components`
    dimensions are first projected to their principal components. An image that was not fitted takes the most common
    cluster of its `vote_neighbours` nearest fitted images. Confidence is the share of the cluster among the votes of
    these neighbours in all candidates, whose clusters are matched one to one to those of the partition used; a fitted
    image's neighbours are those in the graph. It is low between clusters and where candidates differ.

    `measures` has `modularity`, and for several candidates `agreement`: the mean over the other candidates of the share
    of images that they assign to the same cluster. Below `LOW_AGREEMENT` a note reports it. At most `MAX_ROWS` images
    are fitted. Raises InputError for what `check_clusterable` refuses.
    """
    if task.settings.consensus.without_pattern:
        return separate_patterns(task, find_consensus_clusters)
    return find_consensus_clusters(task)


def find_consensus_clusters(task: ClusterTask) -> Clustering:
    """Return the clusters of `cluster_consensus` without the separation."""
    settings, num_clusters = task.settings.consensus, task.num_clusters
    check_clusterable(task.fitted.latents, num_clusters)
    if settings.wafers_weight:
        task = add_wafer_features(task, settings.wafers_weight)
    rows = subsample(len(task.fitted.latents), MAX_ROWS, task.seed)
    project = fit_projection(task.fitted.latents[rows], settings.num_components)
    points = project(task.fitted.latents[rows])
    if num_clusters in (1, len(points)):
        candidates = [np.arange(len(points), dtype=np.int32) % num_clusters]
        modularities, graph_neighbours = [0.0], None
    else:
        degree = graph_degree(settings.num_neighbours, len(points), num_clusters)
        graph_neighbours = nearest_neighbours(points, points, degree, leave_out_self=True)[0]
        candidates, modularities = make_candidates(points, graph_neighbours, task)
    chosen = choose_candidate(candidates, modularities)
    candidates = match_candidates(candidates, chosen)
    clusters, confidence, vote_notes = _assign(
        task, candidates, chosen, points=points, project=project, rows=rows, neighbours=graph_neighbours
    )
    measures, notes = {"modularity": float(modularities[chosen])}, subsample_notes(len(rows), len(task.fitted.latents))
    if len(candidates) > 1:
        measures["agreement"] = measure_agreement(candidates, chosen)
        if measures["agreement"] < LOW_AGREEMENT:
            notes = (
                f"the clusters are ambiguous: candidates agree on {100 * measures['agreement']:.0f} % of the images; "
                f"try another number of clusters",
                *notes,
            )
    return Clustering(clusters, confidence, task.transductive, notes=(*notes, *vote_notes), measures=measures)


@single_thread()
def fit_projection(latents: Float[np.ndarray, "n d"], num_components: int) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function that projects latents to their principal components; the identity for 0 and for fewer."""
    if not 0 < num_components < latents.shape[1]:
        return lambda points: points
    return PCA(min(num_components, len(latents)), svd_solver="covariance_eigh").fit(latents).transform


def make_candidates(
    points: Float[np.ndarray, "n d"], neighbours: Int[np.ndarray, "n q"], task: ClusterTask
) -> tuple[list[Int32[np.ndarray, "n"]], list[float]]:
    """Return the candidates and their modularities."""
    settings = task.settings.consensus
    graph, smoother = neighbour_graph(neighbours), neighbour_average(neighbours[:, : settings.num_smoothed])
    seeds = np.random.SeedSequence(task.seed).generate_state(settings.num_candidates)
    candidates, modularities = [], []
    with show_progress("consensus: candidate", settings.num_candidates) as update:
        for number, seed in enumerate(seeds):
            agreed = find_consensus(points, smoother, task.num_clusters, settings=settings, seed=int(seed))
            refined = refine_partition(graph, agreed, num_sweeps=_REFINE_SWEEPS, seed=int(seed))
            candidates.append(refined)
            modularities.append(measure_modularity(graph, refined))
            update(number + 1, f"modularity {modularities[-1]:.4f}")
    return candidates, modularities


def neighbour_average(neighbours: Int[np.ndarray, "n q"]) -> csr_array:
    """Make the (n, n) matrix that averages over each image and its neighbours."""
    num_images, count = neighbours.shape
    rows = np.repeat(np.arange(num_images), count)
    shape = (num_images, num_images)
    directed = csr_array((np.ones(rows.size, np.float32), (rows, neighbours.reshape(-1))), shape=shape)
    return ((directed + eye_array(num_images, dtype=np.float32)) / np.float32(count + 1)).tocsr()


@single_thread()
def find_consensus(
    points: Float[np.ndarray, "n d"], smoother: csr_array, num_clusters: int, *, settings: ConfigDict, seed: int
) -> Int32[np.ndarray, "n"]:
    """Cluster by k-means many times with the numbers of `settings.num_means` in turn, and merge what they agree on.

    They are at least twice `num_clusters`, and fewer than given where clusters would have fewer than five images.
    """
    most = max(num_clusters, len(points) // _IMAGES_PER_MEAN)
    seeds = np.random.SeedSequence(seed).generate_state(settings.num_runs + 1)
    clusterings = []
    for number, run_seed in enumerate(seeds[1:]):
        num_means = max(2 * num_clusters, settings.num_means[number % len(settings.num_means)])
        clusterings.append(fit_means(points, min(num_means, most), num_steps=_MEANS_STEPS, seed=int(run_seed)))
    num_micro = max(2 * num_clusters, settings.num_micro)
    micro = fit_means(points, num_micro, num_steps=_MICRO_STEPS, seed=int(seeds[0]))
    similarities = micro_coassociation(clusterings, micro, smoother)
    return merge_by_similarity(similarities, np.bincount(micro), num_clusters)[micro]


def choose_candidate(candidates: list[Int32[np.ndarray, "n"]], modularities: list[float]) -> int:
    """Return the number of the candidate with the highest `measure_agreement`; of equal ones, the highest modularity.

    The modularity alone prefers clusters of equal size, also where those of the images are not.
    """
    if len(candidates) == 1:
        return 0
    numbers = range(len(candidates))
    agreements = [measure_agreement(match_candidates(candidates, number), number) for number in numbers]
    return max(numbers, key=lambda number: (round(agreements[number], 9), modularities[number]))


def match_candidates(candidates: list[Int32[np.ndarray, "n"]], chosen: int) -> list[Int32[np.ndarray, "n"]]:
    """Number the clusters of every candidate as those of the chosen one that share most images, one to one.

    Surplus clusters are `UNMATCHED`.
    """
    return [match_clusters(candidates[chosen], candidate)[candidate] for candidate in candidates]


def measure_agreement(candidates: list[Int32[np.ndarray, "n"]], chosen: int) -> float:
    """Compute the mean over the other candidates of the share of images in the cluster of the chosen one."""
    others = [candidate for number, candidate in enumerate(candidates) if number != chosen]
    return float(np.mean([other == candidates[chosen] for other in others]))


def _assign(
    task: ClusterTask,
    candidates: list[Int32[np.ndarray, "n"]],
    chosen: int,
    *,
    points: Float[np.ndarray, "n d"],
    project: Callable[[np.ndarray], np.ndarray],
    rows: Int[np.ndarray, "n"],
    neighbours: Int[np.ndarray, "n q"] | None,
) -> Votes:
    """Return clusters and confidences of `task.assigned`, with notes on approximate neighbours.

    points, rows, neighbours: of the fitted images; no neighbours without a graph, where confidence is 1.
    """
    latents = task.assigned.latents
    clusters, confidence = np.empty(len(latents), np.int32), np.ones(len(latents), np.float32)
    others, notes = np.arange(len(latents)), ()
    if task.transductive:
        others = np.setdiff1d(others, rows)
        clusters[rows] = candidates[chosen]
        if neighbours is not None:
            confidence[rows] = mean_agreement(candidates, neighbours, clusters[rows])
    if len(others):
        num_voters = min(task.settings.consensus.vote_neighbours, len(points))
        found = nearest_neighbours(project(latents[others]), points, num_voters, leave_out_self=False)
        clusters[others], notes = vote(candidates[chosen], found.rows)[0], recall_notes(found)
        confidence[others] = mean_agreement(candidates, found.rows, clusters[others])
    return Votes(clusters, confidence, notes)


def mean_agreement(
    candidates: list[Int32[np.ndarray, "n"]], neighbours: Int[np.ndarray, "m q"], clusters: Int[np.ndarray, "m"]
) -> Float32[np.ndarray, "m"]:
    """Compute the mean over candidates of the share of each image's neighbours that are in its cluster."""
    return np.mean(
        [(candidate[neighbours] == clusters[:, None]).mean(axis=1) for candidate in candidates], axis=0
    ).astype(np.float32)
