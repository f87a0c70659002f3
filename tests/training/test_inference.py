"""Test a trained method on whole data sets, and the file of embeddings."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from irl_inr_jax.data.datasets import make_dataset
from irl_inr_jax.data.lazy import LazyImages
from irl_inr_jax.devices.mesh import make_mesh
from irl_inr_jax.evaluation.embeddings import embed_images, load_embeddings, save_embeddings
from irl_inr_jax.presets import tiny
from irl_inr_jax.training.inference import TrainedMethod, map_batches, round_batch
from irl_inr_jax.training.run import init_state, make_run
from irl_inr_jax.training.trained import trained_method
from irl_inr_jax.types import Embeddings, ImageSet, Method, Pose, Scaling


def unused(*arguments):
    raise AssertionError("embedding neither initializes nor trains")


def encode(params, model_state, images):
    """Return the mean, least and largest pixel as latents, and a pose made of them."""
    flat = images.reshape(len(images), -1)
    latents = jnp.stack([flat.mean(1), flat.min(1), flat.max(1)], axis=1) * params
    return latents, Pose(theta=jnp.zeros(len(images)), tau=latents[:, :2])


def reconstruct(params, model_state, latents, coords):
    """Return a plane that rises with x in proportion to the first latent."""
    return (latents[:, None, :1] * coords[..., :1]) * params


@pytest.fixture
def trained():
    method = Method("plane", unused, unused, encode, reconstruct)
    return TrainedMethod(method, jnp.float32(2.0), {}, scaling=Scaling(1 / 255, 0.0, 0.0, ""), batch_size=4)


@pytest.fixture
def stored():
    return np.random.default_rng(0).integers(0, 256, (10, 6, 6, 1), dtype=np.uint8)


def test_every_row_is_encoded_once_and_in_order_for_any_size_of_the_last_batch(trained, stored):
    for count in (1, 3, 4, 9, 10):
        latents, pose = trained.encode(stored[:count])
        flat = stored[:count].reshape(count, -1) / 255
        expected = 2 * np.stack([flat.mean(1), flat.min(1), flat.max(1)], axis=1)
        np.testing.assert_allclose(latents, expected, rtol=1e-5)
        np.testing.assert_allclose(pose.tau, expected[:, :2], rtol=1e-5)


@pytest.fixture
def one_device(monkeypatch):
    monkeypatch.setattr(jax, "local_devices", lambda: jax.devices()[:1])


@pytest.fixture(scope="module")
def untrained():
    """An untrained network in batches of 10, and 37 images for it."""
    config = tiny.get_config().unlock()
    config.evaluation.batch_size = 10
    run = make_run(config, make_dataset(config.data), make_mesh(jax.devices()[:1]), neighbours=None)
    return trained_method(run, init_state(run)), run.dataset.train.images[:37]


def test_on_one_device_latents_equal_those_of_a_loop_over_padded_batches(untrained, one_device):
    trained, stored = untrained
    size = trained.batch_size
    encode = jax.jit(lambda params, rows: trained.method.encode(params, trained.model_state, trained.to_unit(rows)))
    padded = np.concatenate([stored, np.repeat(stored[-1:], -len(stored) % size, axis=0)])
    expected = [encode(trained.params, padded[first : first + size]) for first in range(0, len(padded), size)]
    expected = jax.tree.map(lambda *parts: np.concatenate(parts)[: len(stored)], *expected)
    jax.tree.map(np.testing.assert_array_equal, trained.encode(stored), expected)


@pytest.mark.multi_device
def test_four_devices_return_the_latents_of_one(untrained, monkeypatch):
    trained, stored = untrained
    assert len(jax.local_devices()) == 4
    shared = trained.encode(stored)
    monkeypatch.setattr(jax, "local_devices", lambda: jax.devices()[:1])
    # Sums are rounded in another order, and the error of the pose changes the image that the encoder receives.
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=2e-4), shared, trained.encode(stored))


def test_images_on_disk_give_the_latents_of_images_in_memory(trained, stored):
    lazy = LazyImages(lambda rows: stored[rows], stored.shape[1:], stored.dtype, np.arange(len(stored)))
    jax.tree.map(np.testing.assert_array_equal, trained.encode(lazy), trained.encode(stored))


def test_sets_of_all_sizes_share_few_programs(one_device):
    shapes = []

    @jax.jit
    def function(given, rows):
        shapes.append(len(rows))
        return rows + given

    for total in (*range(1, 14), 24, 25, 39):
        rows = np.arange(total, dtype=np.float32)
        np.testing.assert_array_equal(map_batches(function, np.float32(1), rows, size=12), rows + 1)
    assert sorted(shapes) == [1, 2, 4, 8, 12]
    assert [round_batch(12, total, 8) for total in (1, 9, 100)] == [8, 16, 16]


def test_a_batch_is_fetched_after_exactly_two_more_were_started():
    started, ahead = [], []

    @dataclasses.dataclass
    class Result:
        rows: jax.Array
        shape, dtype = (8,), np.dtype(np.float32)

        def __array__(self, dtype=None, copy=None):
            ahead.append(len(started))
            return np.asarray(self.rows)

    def function(_, rows):
        started.append(rows)
        return Result(rows)

    rows = np.arange(40, dtype=np.float32)
    np.testing.assert_array_equal(map_batches(function, (), rows, size=8), rows)
    assert ahead == [3, 4, 5, 5, 5]


def test_stored_and_unit_images_have_the_same_latents(trained, stored):
    unit = stored.astype(np.float32) / 255
    np.testing.assert_allclose(trained.encode(stored)[0], trained.encode_unit(unit)[0], rtol=1e-5)


def test_rendering_follows_the_pose_at_any_resolution(trained):
    latents = np.ones((3, 3), np.float32)
    canonical = trained.render(latents, None, side=8)
    assert canonical.shape == (3, 8, 8, 1)
    np.testing.assert_allclose(canonical[0, 0, :, 0], 2 * (np.arange(8) * 2 + 1 - 8) / 8, rtol=1e-6)
    quarter = Pose(theta=np.full(3, np.pi / 2, np.float32), tau=np.zeros((3, 2), np.float32))
    # A plane that rises to the right rises upwards after a counter-clockwise rotation by 90 degrees.
    np.testing.assert_allclose(trained.render(latents, quarter, side=8), np.rot90(canonical, axes=(1, 2)), atol=1e-6)
    shifted = Pose(theta=np.zeros(3, np.float32), tau=np.full((3, 2), 0.5, np.float32))
    np.testing.assert_allclose(trained.render(latents, shifted, side=8), canonical - 1, atol=1e-6)


def test_recon_errors_are_those_of_each_image(trained, stored):
    latents, _ = trained.encode(stored)
    zero = Pose(theta=np.zeros(10, np.float32), tau=np.zeros((10, 2), np.float32))
    rendered = trained.render(latents, zero, side=6)
    expected = ((rendered - stored / 255) ** 2).mean((1, 2, 3))
    np.testing.assert_allclose(trained.recon_errors(stored, latents, zero), expected, rtol=1e-4)


@pytest.mark.parametrize("with_labels", [True, False])
def test_the_file_has_the_published_names_in_input_order(trained, stored, tmp_path, with_labels):
    ids = np.array([f"train/{i:05d}" for i in range(10)])
    labels = np.arange(10, dtype=np.int32) % 3 if with_labels else None
    embeddings = embed_images(trained, ImageSet(stored, ids, labels, None))
    save_embeddings(tmp_path / "embeddings.npz", embeddings)
    with np.load(tmp_path / "embeddings.npz", allow_pickle=False) as arrays:
        assert set(arrays) == {"checksum", "id", "latents", "theta", "tau"} | ({"label"} if with_labels else set())
        np.testing.assert_array_equal(arrays["id"], ids)
        np.testing.assert_allclose(arrays["latents"][:, 0], 2 * stored.reshape(10, -1).mean(1) / 255, rtol=1e-5)
        assert arrays["theta"].shape == (10,) and arrays["tau"].shape == (10, 2)
    loaded = load_embeddings(tmp_path / "embeddings.npz")
    assert (loaded.labels is None) != with_labels
    np.testing.assert_array_equal(loaded.pose.tau, embeddings.pose.tau)


def test_a_method_without_pose_has_none_in_the_file(tmp_path):
    save_embeddings(tmp_path / "e.npz", Embeddings(np.array(["a"]), np.ones((1, 2), np.float32), None, None))
    assert load_embeddings(tmp_path / "e.npz").pose is None
