"""Learning from disk against learning from memory: the same images in the same order, and the same numbers."""

import jax
import numpy as np
import pytest

from irl_inr_jax.data.batches import batches, stream_batches
from irl_inr_jax.data.datasets import make_dataset
from irl_inr_jax.data.lazy import LazyImages
from irl_inr_jax.devices.mesh import make_mesh
from irl_inr_jax.training.run import make_feed, make_run_step

STORED = np.arange(23, dtype=np.uint8).reshape(23, 1, 1, 1)


@pytest.fixture
def lazy():
    return LazyImages(lambda rows: STORED[rows], (1, 1, 1), np.dtype(np.uint8), np.arange(23))


def test_batches_are_those_of_memory_from_any_step_on(lazy):
    plan = {"seed": 3, "batch_size": 5, "stop": 14}
    for start in (0, 6):
        expected = batches(**plan, start=start, num_images=23, steps_per_call=1)
        streamed = stream_batches(lazy, **plan, start=start)
        for (step, rows), (other, images) in zip(expected, streamed, strict=True):
            assert step == other
            np.testing.assert_array_equal(images[:, 0, 0, 0], rows[0])


def test_only_the_rows_of_this_process_are_read(lazy):
    read = []
    watched = LazyImages(lambda rows: read.append(len(rows)) or lazy[rows], (1, 1, 1), lazy.dtype, np.arange(23))
    plan = {"seed": 3, "batch_size": 6, "start": 0, "stop": 3}
    rows = np.array([1, 4, 5])
    whole = stream_batches(lazy, **plan)
    for (_, batch), (_, expected) in zip(stream_batches(watched, **plan, rows=rows), whole, strict=True):
        assert batch.shape == expected.shape and batch.dtype == expected.dtype
        np.testing.assert_array_equal(batch[rows], expected[rows])
    assert read == [3, 3, 3]


@pytest.mark.parametrize("num_devices", [1, 4])
def test_steps_from_disk_give_the_losses_of_steps_from_memory(tiny_config, tmp_path, num_devices):
    images = np.round(np.random.default_rng(0).random((80, 12, 12)) * 255).astype(np.uint8)
    np.save(tmp_path / "images.npy", images)
    tiny_config.data.update(name="images", path=str(tmp_path / "images.npy"), canvas=0, translation_px=0.0)
    tiny_config.data.update(num_train=0, num_test=0, test_fraction=0.0)
    tiny_config.train.update(batch_size=16, num_epochs=1)
    mesh = make_mesh(jax.devices()[:num_devices])
    losses = []
    for memory_mb in (2000, 0):
        tiny_config.data.memory_mb = memory_mb
        dataset = make_dataset(tiny_config.data)
        assert isinstance(dataset.train.images, LazyImages) == (memory_mb == 0)
        state, take_step = make_run_step(tiny_config, dataset, mesh)
        run = []
        for _, batch in make_feed(tiny_config, dataset, start=0):
            state, metrics = take_step(state, batch)
            run += np.asarray(metrics["loss"]).tolist()
        losses.append(run)
    assert len(losses[0]) == 5
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-6)
