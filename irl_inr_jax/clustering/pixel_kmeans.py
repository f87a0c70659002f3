"""k-means on the pixels of the images as stored: a baseline that reads no latents."""

import numpy as np
from jaxtyping import Float32, Shaped
from sklearn.cluster import KMeans

from irl_inr_jax.clustering.assignment import subsample
from irl_inr_jax.clustering.kmeans import assign_to_centres
from irl_inr_jax.clustering.task import Clustering, ClusterTask, check_clusterable
from irl_inr_jax.data.lazy import LazyImages, in_chunks
from irl_inr_jax.devices.threads import single_thread

MAX_BYTES = 1_000_000_000  # of the pixels that are fitted, as float32: 100,000 images of 50 x 50


@single_thread()
def cluster_pixels(task: ClusterTask) -> Clustering:
    """Cluster the assigned images, in memory or on disk, by `cluster_kmeans` on their pixels.

    Of images that take more than `MAX_BYTES` as float32, a random sample is fitted, and all are assigned to the nearest
    mean. Raises InputError for what `check_clusterable` refuses.
    """
    images = task.assigned.images
    num_images = len(images)
    rows = subsample(num_images, max(1, MAX_BYTES // (4 * int(np.prod(images.shape[1:])))), task.seed)
    pixels = read_pixels(images, rows)
    check_clusterable(pixels, task.num_clusters)
    means = KMeans(task.num_clusters, n_init=10, random_state=task.seed).fit(pixels).cluster_centers_
    parts = [assign_to_centres(means, flatten_pixels(chunk)) for chunk in in_chunks(images)]
    sampled = f"fitted to {len(rows):,} of {num_images:,} images; the others are assigned to the nearest mean"
    return Clustering(
        clusters=np.concatenate([clusters for clusters, _ in parts]),
        confidence=np.concatenate([confidence for _, confidence in parts]),
        transductive=True,
        notes=() if len(rows) == num_images else (sampled,),
        params={"centres": means},
    )


def read_pixels(images: Shaped[np.ndarray, "n h w c"] | LazyImages, rows: np.ndarray) -> Float32[np.ndarray, "m p"]:
    """Return the pixels of the images in `rows`, which are read in parts."""
    pixels = np.empty((len(rows), int(np.prod(images.shape[1:]))), np.float32)
    chosen = images.take(rows) if isinstance(images, LazyImages) else images[rows]
    first = 0
    for chunk in in_chunks(chosen):
        pixels[first : first + len(chunk)] = flatten_pixels(chunk)
        first += len(chunk)
    return pixels


def flatten_pixels(images: Shaped[np.ndarray, "n h w c"]) -> Float32[np.ndarray, "n p"]:
    """Return the pixels of each image as one row."""
    return images.reshape(len(images), -1).astype(np.float32)
