"""A model made without training, for tests of what is done with it: random parameters, known clusters."""

import functools

import jax
import numpy as np
from sklearn.cluster import KMeans

from irl_inr_jax.data.assembly import assemble_dataset
from irl_inr_jax.data.source import array_source
from irl_inr_jax.deployment.bundle import describe_input, make_reference, select_held_out
from irl_inr_jax.deployment.bundle_file import digest_bundle
from irl_inr_jax.deployment.model_bundle import ModelBundle
from irl_inr_jax.deployment.novelty import make_error_grid, measure_known
from irl_inr_jax.devices.mesh import make_mesh
from irl_inr_jax.evaluation.stored import StoredEvaluation
from irl_inr_jax.presets import tiny
from irl_inr_jax.training.run import init_state, make_run
from irl_inr_jax.training.trained import trained_method
from irl_inr_jax.types import Embeddings
from tests.evaluated_run import make_blob_images, sample_pose

SIDE, NUM_IMAGES, NUM_CLUSTERS = 12, 40, 3


@functools.cache
def make_small_images():
    """Stored images (40, 12, 12) of uint8, from 0 to 255."""
    pose = sample_pose(NUM_IMAGES)
    return np.round(255 * make_blob_images(pose.theta, pose.tau, SIDE)).astype(np.uint8)


def make_small_config(num_epochs=2):
    """tiny, for `make_small_images` as they are."""
    config = tiny.get_config()
    config.data.update(name="images", canvas=0, num_train=0, num_test=0, test_fraction=0.0, translation_px=0.0)
    config.train.update(batch_size=16, num_epochs=num_epochs)
    config.evaluation.clusterers = ("kmeans", "agglomerative")
    return config


@functools.cache
def make_small_model() -> ModelBundle:
    """A model of `make_small_images` with clusters by k-means, which has a classifier, and by `agglomerative`."""
    config = tiny.get_config()
    ids = np.array([f"ü/{row}" for row in range(NUM_IMAGES)])
    with config.unlocked():
        config.data.update(canvas=0, num_train=0, num_test=0, test_fraction=0.0)
    dataset = assemble_dataset(config.data, array_source("blobs", make_small_images(), ids))
    run = make_run(config, dataset, make_mesh(jax.local_devices()[:1]), neighbours=None)
    trained = trained_method(run, init_state(run))
    latents, pose = trained.encode(dataset.train.images)
    kmeans = KMeans(NUM_CLUSTERS, n_init=2, random_state=0).fit(latents)
    distances = kmeans.transform(latents)
    clusters = distances.argmin(axis=1).astype(np.int32)
    nearest, second = np.partition(distances, 1, axis=1)[:, :2].T
    noisy = np.where(np.arange(NUM_IMAGES) % 10 == 9, -1, clusters).astype(np.int32)
    stored = StoredEvaluation(
        results={},
        embeddings=Embeddings(ids=ids, latents=latents, pose=pose, labels=None),
        classes=None,
        clusters={"kmeans": clusters, "agglomerative": noisy},
        confidence={"kmeans": 1 - nearest / second, "agglomerative": np.where(noisy < 0, 0, 0.5)},
        outliers=np.linspace(0.9, 1.4, NUM_IMAGES).astype(np.float32),
        columns={},
    )
    rows = np.arange(NUM_IMAGES)
    familiarity, novelty = measure_known(
        trained,
        dataset.train.images,
        stored.embeddings,
        clusters,
        rows=rows,
        held_rows=rows[:8],
        grid=make_error_grid(config),
    )
    bundle = ModelBundle(
        config=config,
        trained=trained,
        input_rule=describe_input(dataset, dataset.train),
        reference=make_reference(stored, dataset.train, rows, rows[::2]),
        classifiers={"kmeans": {"centres": kmeans.cluster_centers_}},
        numbers={"kmeans": np.arange(NUM_CLUSTERS, dtype=np.int32)},
        cluster_names={"kmeans": {1: "ring <&>"}},
        held_out=select_held_out(stored, rows[:8], kind="training images", novelty=novelty),
        familiarity=familiarity,
        verdict=[{"name": "converged", "good": False, "text": "not converged: <loss>"}],
        facts={
            "description": "blobs",
            "num_images": 40,
            "class_names": [],
            "num_clusters": 3,
            "method": "irl_inr",
            "step": 0,
        },
        version="0.1.0",
        digest="",
    )
    return bundle._replace(digest=digest_bundle(bundle))
