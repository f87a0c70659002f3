"""k-means on a UMAP embedding (McInnes et al., 2018)."""

import dataclasses

import numpy as np
from sklearn.cluster import KMeans

from irl_inr_jax.clustering.assignment import subsample, subsample_notes, vote_for_others
from irl_inr_jax.clustering.kmeans import centroid_confidence, cluster_kmeans
from irl_inr_jax.clustering.library_warnings import without_library_warnings
from irl_inr_jax.clustering.task import Clustering, ClusterTask, check_clusterable
from irl_inr_jax.devices.threads import single_thread
from irl_inr_jax.types import InputError

# UMAP's initialisation fails for fewer images.
MIN_IMAGES = 16
# The fit takes about a millisecond for each, at d = 32.
MAX_ROWS = 60_000


def cluster_umap_kmeans(task: ClusterTask) -> Clustering:
    """Embed the fitted images by UMAP (`settings.umap.num_dims` dimensions, min_dist 0) and run k-means there.

    New images are embedded by UMAP's `transform` and assigned to the nearest mean. Confidence is `centroid_confidence`
    in the embedding. At most `MAX_ROWS` images are fitted; the others take the most common cluster of their nearest
    fitted images, with its share as confidence, since `transform` takes as long as the fit. For fewer than `MIN_IMAGES`
    images k-means runs on the latents. UMAP uses one thread, which makes the result reproducible.

    Raises InputError where umap-learn is not installed and for what `check_clusterable` refuses.
    """
    latents = task.fitted.latents
    check_clusterable(latents, task.num_clusters)
    if len(latents) < MIN_IMAGES:
        note = f"fewer than {MIN_IMAGES} images: k-means on the latents, without UMAP"
        return dataclasses.replace(cluster_kmeans(task), notes=(note,))
    umap, rows = make_umap(task), subsample(len(latents), MAX_ROWS, task.seed)
    with without_library_warnings():
        embedded = umap.fit_transform(latents[rows])
        assigned = embedded if task.transductive else umap.transform(task.assigned.latents)
    with single_thread():
        kmeans = KMeans(task.num_clusters, n_init=10, random_state=task.seed).fit(embedded)
        distances = kmeans.transform(assigned)
    clusters, confidence = distances.argmin(axis=1).astype(np.int32), centroid_confidence(distances)
    rule = "their nearest neighbours" if task.transductive else "UMAP's transform"
    notes = subsample_notes(len(rows), len(latents), by=rule)
    if task.transductive and len(rows) < len(latents):
        others = np.setdiff1d(np.arange(len(latents)), rows)
        voted = vote_for_others(latents[others], latents[rows], clusters, task)
        order = np.argsort(np.concatenate([rows, others]))
        clusters = np.concatenate([clusters, voted.clusters])[order]
        confidence = np.concatenate([confidence, voted.confidence])[order]
        notes = (*notes, *voted.notes)
    return Clustering(clusters, confidence, task.transductive, notes=notes)


def make_umap(task: ClusterTask):
    """Return the estimator. Raises InputError where umap-learn is not installed."""
    try:
        from umap import UMAP  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise InputError(
            "expected umap-learn for the clusterer umap_kmeans, found that it is not installed; "
            "pip install 'irl-inr-jax[umap]' or pip install umap-learn"
        ) from error
    return UMAP(
        n_neighbors=min(task.settings.umap.num_neighbours, len(task.fitted.latents) - 1),
        n_components=task.settings.umap.num_dims,
        min_dist=0.0,
        random_state=task.seed,
        n_jobs=1,
    )
