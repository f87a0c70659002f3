"""k-means on a UMAP layout (McInnes et al., 2018), where images of one kind have drawn together."""

import dataclasses
import warnings

from sklearn.cluster import KMeans

from irl_inr_jax.clustering.kmeans import centroid_confidence, cluster_kmeans
from irl_inr_jax.clustering.task import Clustering, ClusterTask, check_clusterable
from irl_inr_jax.types import InputError

# Fewer have no layout worth the name, and UMAP's own start of one fails for them.
MIN_IMAGES = 16


def cluster_umap_kmeans(task: ClusterTask) -> Clustering:
    """Lay the fitted images out by UMAP in `settings.umap.num_dims`, neighbours close upon each other (min_dist 0), and
    take the best of ten k-means there. New images are placed by UMAP's `transform` and join the nearest mean.

    Confidence is `centroid_confidence` there. Fewer than `MIN_IMAGES` take k-means on the latents themselves.
    One thread, so that a seed gives the same layout every time.

    Raises InputError where umap-learn is not installed and for what `check_clusterable` refuses.
    """
    check_clusterable(task.fitted.latents, task.num_clusters)
    try:
        from umap import UMAP
    except ImportError as error:
        raise InputError(
            "clustering by umap_kmeans needs umap-learn, which is not installed; "
            "pip install 'irl-inr-jax[umap]' or pip install umap-learn"
        ) from error
    num_images = len(task.fitted.latents)
    if num_images < MIN_IMAGES:
        note = f"fewer than {MIN_IMAGES} images: k-means on the latents, without a layout"
        return dataclasses.replace(cluster_kmeans(task), notes=(note,))
    umap = UMAP(
        n_neighbors=min(task.settings.umap.num_neighbours, num_images - 1),
        n_components=task.settings.umap.num_dims,
        min_dist=0.0,
        random_state=task.seed,
        n_jobs=1,
    )
    with warnings.catch_warnings():  # of graphs in several parts, of the one thread, and of Numba's
        warnings.simplefilter("ignore")
        layout = umap.fit_transform(task.fitted.latents)
        assigned = layout if task.transductive else umap.transform(task.assigned.latents)
    kmeans = KMeans(task.num_clusters, n_init=10, random_state=task.seed).fit(layout)
    distances = kmeans.transform(assigned)
    return Clustering(
        clusters=distances.argmin(axis=1).astype("int32"),
        confidence=centroid_confidence(distances),
        transductive=task.transductive,
    )
