"""k-means on pixels: as on latents that are the pixels, in memory and on disk."""

import dataclasses

import numpy as np
import pytest
from sklearn.datasets import make_blobs

from irl_inr_jax.clustering import pixel_kmeans
from irl_inr_jax.clustering.kmeans import cluster_kmeans
from irl_inr_jax.clustering.pixel_kmeans import cluster_pixels
from irl_inr_jax.clustering.task import Points
from irl_inr_jax.data import lazy
from irl_inr_jax.data.lazy import LazyImages
from irl_inr_jax.metrics.clustering_scores import clustering_accuracy
from irl_inr_jax.types import InputError


@pytest.fixture
def task(make_task):
    """120 images of 4 pixels in three groups."""
    return make_task(make_blobs(120, centers=30 * np.eye(4)[:3], random_state=0)[0].astype(np.float32), 3)


def streamed(task):
    """The task with its images on disk, and the sizes of the parts that were read."""
    images, sizes = task.assigned.images, []

    def read(rows):
        sizes.append(len(rows))
        return images[rows]

    points = Points(task.assigned.latents, LazyImages(read, images.shape[1:], images.dtype, np.arange(len(images))))
    return dataclasses.replace(task, fitted=points, assigned=points), sizes


def test_the_clusters_are_those_of_kmeans_on_the_pixels(task):
    pixels, latents = cluster_pixels(task), cluster_kmeans(task)  # here the latents are the pixels
    np.testing.assert_array_equal(pixels.clusters, latents.clusters)
    np.testing.assert_allclose(pixels.confidence, latents.confidence, atol=1e-6)
    assert pixels.transductive and pixels.notes == ()


@pytest.mark.parametrize("max_bytes", [10**9, 40 * 4 * 4])
def test_streamed_images_give_the_clusters_of_images_in_memory(task, monkeypatch, max_bytes):
    monkeypatch.setattr(pixel_kmeans, "MAX_BYTES", max_bytes)
    monkeypatch.setattr(lazy, "CHUNK_BYTES", 10 * 4 * 4)
    on_disk, sizes = streamed(task)
    in_memory, from_disk = cluster_pixels(task), cluster_pixels(on_disk)
    np.testing.assert_array_equal(from_disk.clusters, in_memory.clusters)
    np.testing.assert_allclose(from_disk.confidence, in_memory.confidence, atol=1e-6)
    assert max(sizes) == 10 and from_disk.notes == in_memory.notes


def test_of_many_images_a_sample_is_fitted_and_the_table_states_it(task, monkeypatch):
    monkeypatch.setattr(pixel_kmeans, "MAX_BYTES", 40 * 4 * 4)
    found = cluster_pixels(task)
    assert found.notes == ("fitted to 40 of 120 images; the others are assigned to the nearest mean",)
    assert clustering_accuracy(np.asarray(cluster_kmeans(task).clusters), found.clusters) == 1


def test_equal_images_are_refused(make_task):
    with pytest.raises(InputError, match="expected latents that differ"):
        cluster_pixels(make_task(np.ones((5, 3), np.float32), 2))
