"""Test the record of a run: its parts, refused batches, and steps."""

import dataclasses

import jax
import numpy as np
import pytest

from irl_inr_jax.data.datasets import make_dataset
from irl_inr_jax.data.lazy import LazyImages
from irl_inr_jax.devices.mesh import make_mesh
from irl_inr_jax.presets import tiny
from irl_inr_jax.training.run import batches_of, first_batches, init_state, lower_step, make_run, make_take_step


@pytest.fixture(scope="module")
def run():
    """A run of four steps an epoch on one device, three steps a call."""
    config = tiny.get_config().unlock()
    config.speed.steps_per_call = 3
    return make_run(config, make_dataset(config.data), make_mesh(jax.devices()[:1]), neighbours=None)


@pytest.fixture(scope="module")
def state(run):
    return init_state(run)


def with_train(run, **changes):
    config = run.config.copy_and_resolve_references()
    config.train.update(changes)
    return make_run(config, run.dataset, run.mesh, neighbours=None)


def test_the_record_has_the_steps_of_whole_batches(run):
    assert (run.num_steps, run.steps_per_call) == (8, 3)
    assert with_train(run, batch_size=100, num_epochs=3).num_steps == 6  # 56 of 256 images fill no batch
    assert run.method.name == run.mapped_method.name == "irl_inr"


def test_the_abstract_state_describes_the_initial_state(run, state):
    for expected, leaf in zip(jax.tree.leaves(run.abstract_state), jax.tree.leaves(state), strict=True):
        assert (leaf.shape, leaf.dtype) == (expected.shape, expected.dtype)
        assert leaf.sharding.is_equivalent_to(expected.sharding, leaf.ndim)


@pytest.mark.slow
def test_calls_take_the_steps_that_single_lowered_steps_take(run, state):
    """The lowered program from shapes alone is that of the run, and returns the metrics of each of its steps."""
    copy = jax.tree.map(lambda leaf: leaf.copy(), state)
    after, metrics = lower_step(run, num_steps=3).compile()(copy, *first_batches(run, num_steps=3))
    take_step = make_take_step(run)
    rows = np.tile(np.arange(64, dtype=np.int32), (3, 1))
    expected, expected_metrics = take_step(jax.tree.map(lambda leaf: leaf.copy(), state), rows)
    assert int(after.step) == int(expected.step) == 3
    np.testing.assert_array_equal(metrics["loss"], expected_metrics["loss"])
    jax.tree.map(np.testing.assert_array_equal, after.params, expected.params)
    shorter, shorter_metrics = take_step(jax.tree.map(lambda leaf: leaf.copy(), state), rows[:2])
    assert int(shorter.step) == 2
    np.testing.assert_array_equal(shorter_metrics["loss"], expected_metrics["loss"][:2])


def test_batches_run_from_any_step_to_the_end_of_the_run(run):
    assert [(first, len(rows)) for first, rows in batches_of(run, start=0)] == [(0, 3), (3, 1), (4, 3), (7, 1)]
    assert [(first, len(rows)) for first, rows in batches_of(run, start=6)] == [(6, 2)]


def test_streamed_images_are_batches_of_one_step(run):
    images = run.dataset.train.images
    lazy = LazyImages(lambda rows: images[rows], images.shape[1:], images.dtype, np.arange(len(images)))
    streamed = make_run(
        run.config,
        dataclasses.replace(run.dataset, train=dataclasses.replace(run.dataset.train, images=lazy)),
        run.mesh,
        neighbours=None,
    )
    assert streamed.steps_per_call == 1
    first, batch = next(batches_of(streamed, start=6))
    _, rows = next(batches_of(run, start=6))
    assert first == 6
    np.testing.assert_array_equal(batch, images[rows[0]])
