"""The order of training images, and training from disk against training from memory."""

import jax
import numpy as np
import pytest

from irl_inr_jax.data.batches import batches, read_ahead, stream_batches
from irl_inr_jax.data.datasets import make_dataset
from irl_inr_jax.data.lazy import LazyImages
from irl_inr_jax.devices.mesh import make_mesh
from irl_inr_jax.training.run import batches_of, init_state, make_run, make_take_step

STORED = np.arange(23, dtype=np.uint8).reshape(23, 1, 1, 1)


@pytest.fixture
def lazy():
    return LazyImages(lambda rows: STORED[rows], (1, 1, 1), np.dtype(np.uint8), np.arange(23))


def test_an_epoch_contains_every_image_once_and_a_continued_run_has_the_same_order():
    plan = {"seed": 3, "num_images": 20, "batch_size": 5, "stop": 12, "steps_per_call": 1}
    whole = list(batches(**plan, start=0))
    first, second = (np.concatenate([rows[0] for _, rows in whole[cut]]) for cut in (slice(4), slice(4, 8)))
    assert sorted(first) == sorted(second) == list(range(20)) and not np.array_equal(first, second)
    for (step, rows), (other_step, other) in zip(whole[6:], batches(**plan, start=6), strict=True):
        assert step == other_step
        np.testing.assert_array_equal(rows, other)


def test_images_that_do_not_fill_a_batch_are_used_in_another_epoch():
    steps = list(batches(seed=0, num_images=7, batch_size=3, start=0, stop=40, steps_per_call=1))
    assert all(rows.shape == (1, 3) for _, rows in steps)
    assert set(np.concatenate([rows[0] for _, rows in steps])) == set(range(7))


def test_calls_of_several_steps_end_at_epochs_and_contain_every_step_once():
    plan = {"seed": 3, "num_images": 20, "batch_size": 4, "stop": 13}
    single = np.concatenate([rows for _, rows in batches(**plan, start=0, steps_per_call=1)])
    for start, expected in ((0, [0, 3, 5, 8, 10]), (7, [7, 10])):
        calls = list(batches(**plan, start=start, steps_per_call=3))
        assert [step for step, _ in calls] == expected
        np.testing.assert_array_equal(np.concatenate([rows for _, rows in calls]), single[start:])


def test_streamed_batches_are_those_from_memory_from_any_step_on(lazy):
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
        assert not np.delete(batch, rows, axis=0).any()
    assert read == [3, 3, 3]


def test_reading_ahead_keeps_the_order_and_passes_errors_on():
    assert list(read_ahead(lambda step: step**2, 3, 40, num_bytes=8)) == [step**2 for step in range(3, 40)]

    def load(step):
        raise ValueError(f"cannot read {step}")

    with pytest.raises(ValueError, match="cannot read 0"):
        next(read_ahead(load, 0, 1, num_bytes=8))


@pytest.mark.parametrize(
    "num_devices", [pytest.param(1, marks=pytest.mark.slow), pytest.param(4, marks=pytest.mark.multi_device)]
)
def test_steps_from_disk_give_the_losses_of_steps_from_memory(tiny_config, tmp_path, num_devices):
    images = np.round(np.random.default_rng(0).random((40, 8, 8)) * 255).astype(np.uint8)
    np.save(tmp_path / "images.npy", images)
    tiny_config.data.update(name="images", path=str(tmp_path / "images.npy"), canvas=0, translation_px=0.0)
    tiny_config.data.update(num_train=0, num_test=0, test_fraction=0.0)
    tiny_config.train.update(batch_size=8, num_epochs=1)
    mesh = make_mesh(jax.devices()[:num_devices])
    losses = []
    for memory_mb in (2000, 0):
        tiny_config.data.memory_mb = memory_mb
        run = make_run(tiny_config, make_dataset(tiny_config.data), mesh, neighbours=None)
        assert run.streamed == (memory_mb == 0)
        state, take_step = init_state(run), make_take_step(run)
        losses.append([])
        for _, batch in batches_of(run, start=0):
            state, metrics = take_step(state, batch)
            losses[-1] += np.asarray(metrics["loss"]).tolist()
    assert len(losses[0]) == 5
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-6)
