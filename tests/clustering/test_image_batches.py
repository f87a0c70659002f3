"""Batches for the further training of an encoder, and clusterers whose images are streamed from disk."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec
from sklearn.datasets import make_blobs

from irl_inr_jax.clustering.dec import cluster_dec
from irl_inr_jax.clustering.iic import cluster_iic
from irl_inr_jax.clustering.image_batches import read_batches, select_own, select_pairs
from irl_inr_jax.clustering.scan import cluster_scan
from irl_inr_jax.clustering.task import Points
from irl_inr_jax.data.lazy import LazyImages
from irl_inr_jax.devices.mesh import make_mesh

SETTINGS = {
    "scan.augment": "none",
    "scan.neighbours": "latents",
    "scan.num_neighbours": 5,
    "scan.num_epochs": 2,
    "scan.batch_size": 24,
    "scan.selflabel_epochs": 2,
    "scan.selflabel_batch_size": 40,
    "scan.selflabel_threshold": 0.3,
    "iic.augment": "none",
    "iic.neighbours": "none",
    "iic.num_epochs": 2,
    "iic.batch_size": 24,
    "iic.num_heads": 2,
    "dec.num_epochs": 2,
    "dec.batch_size": 24,
}


def stream(images, read_rows=None):
    """The images as if they were on disk; read_rows: list to which the rows that are read are added."""

    def read(rows):
        if read_rows is not None:
            read_rows.append(np.asarray(rows))
        return images[rows]

    return LazyImages(read, images.shape[1:], images.dtype, np.arange(len(images)))


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 255, (10, 3, 2, 1)).astype(np.uint8)


def test_batches_are_the_selected_images_and_no_more_are_read_at_once(images):
    chosen, read_rows = np.random.default_rng(1).integers(10, size=(5, 4, 2), dtype=np.int32), []
    sharding = NamedSharding(make_mesh(jax.devices()[:1]), PartitionSpec())
    found = list(read_batches(stream(images, read_rows), lambda step: jnp.asarray(chosen[step]), 5, sharding))
    np.testing.assert_array_equal(found, images[chosen][:, None])
    assert max(map(len, read_rows)) == 8  # never more than a batch


def test_a_neighbour_is_sampled_from_all_of_the_row():
    neighbours = jnp.array([[10, 20, 30], [40, 50, 60]])
    rows = jnp.array([1] * 60 + [0] * 60)
    pairs = np.asarray(select_pairs(jax.random.key(0), rows, {"neighbours": neighbours}))
    np.testing.assert_array_equal(pairs[:, 0], rows)
    for row, numbers in ((1, pairs[:60, 1]), (0, pairs[60:, 1])):
        values, counts = np.unique(numbers, return_counts=True)
        np.testing.assert_array_equal(values, neighbours[row])
        assert counts.min() > 8
    np.testing.assert_array_equal(select_own(jax.random.key(0), rows, {}), rows[:, None])


@pytest.mark.parametrize("cluster", [pytest.param(cluster_scan, marks=pytest.mark.slow), cluster_iic, cluster_dec])
def test_streamed_images_give_the_clusters_of_images_in_memory(make_task, cluster):
    latents = make_blobs(96, centers=5 * np.eye(4), random_state=0)[0].astype(np.float32)
    task = make_task(latents, 4, settings=SETTINGS)
    points = Points(latents, stream(task.fitted.images))
    in_memory, streamed = cluster(task), cluster(dataclasses.replace(task, fitted=points, assigned=points))
    np.testing.assert_array_equal(streamed.clusters, in_memory.clusters)
    np.testing.assert_array_equal(streamed.confidence, in_memory.confidence)
    jax.tree.map(np.testing.assert_array_equal, streamed.params, in_memory.params)
    assert streamed.measures == in_memory.measures and streamed.notes == in_memory.notes
