"""k-means on a UMAP embedding (McInnes et al., 2018)."""

import dataclasses
import warnings

from sklearn.cluster import KMeans

from irl_inr_jax.clustering.kmeans import centroid_confidence, cluster_kmeans
from irl_inr_jax.clustering.task import Clustering, ClusterTask, check_clusterable
from irl_inr_jax.devices.threads import single_thread
from irl_inr_jax.types import InputError

# UMAP's initialisation fails for fewer images.
MIN_IMAGES = 16


def cluster_umap_kmeans(task: ClusterTask) -> Clustering:
    """Embed the fitted images by UMAP (`settings.umap.num_dims` dimensions, min_dist 0) and run k-means there.

    New images are embedded by UMAP's `transform` and assigned to the nearest mean. Confidence is `centroid_confidence`
    in the embedding. For fewer than `MIN_IMAGES` images k-means runs on the latents. UMAP uses one thread, which makes
    the result reproducible.

    Raises InputError where umap-learn is not installed and for what `check_clusterable` refuses.
    """
    check_clusterable(task.fitted.latents, task.num_clusters)
    try:
        from umap import UMAP  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise InputError(
            "expected umap-learn for the clusterer umap_kmeans, found that it is not installed; "
            "pip install 'irl-inr-jax[umap]' or pip install umap-learn"
        ) from error
    num_images = len(task.fitted.latents)
    if num_images < MIN_IMAGES:
        note = f"fewer than {MIN_IMAGES} images: k-means on the latents, without UMAP"
        return dataclasses.replace(cluster_kmeans(task), notes=(note,))
    umap = UMAP(
        n_neighbors=min(task.settings.umap.num_neighbours, num_images - 1),
        n_components=task.settings.umap.num_dims,
        min_dist=0.0,
        random_state=task.seed,
        n_jobs=1,
    )
    with warnings.catch_warnings():  # on disconnected graphs, on the single thread, and by Numba
        warnings.simplefilter("ignore")
        embedded = umap.fit_transform(task.fitted.latents)
        assigned = embedded if task.transductive else umap.transform(task.assigned.latents)
    with single_thread():
        kmeans = KMeans(task.num_clusters, n_init=10, random_state=task.seed).fit(embedded)
        distances = kmeans.transform(assigned)
    return Clustering(
        clusters=distances.argmin(axis=1).astype("int32"),
        confidence=centroid_confidence(distances),
        transductive=task.transductive,
    )
