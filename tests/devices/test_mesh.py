"""Test placement on the mesh, and the mapped step on four devices against one device and `jax.pmap`.

The steps use SGD, since Adam hides a gradient that is off by a factor.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree
from jax.sharding import PartitionSpec as P

from irl_inr_jax.data.datasets import make_dataset
from irl_inr_jax.devices.mesh import AXIS, gather, local_rows, make_mesh, place, replicate, split_over_devices
from irl_inr_jax.presets import tiny
from irl_inr_jax.training.run import init_state, make_run, make_take_step
from irl_inr_jax.training.step import make_train_step
from irl_inr_jax.training.stored_images import StoredImages, arbitrary_neighbours
from irl_inr_jax.types import InputError

pytestmark = pytest.mark.multi_device
BATCH = 16
STEPS = 3


def make_config(kind):
    config = tiny.get_config().unlock()
    config.train.batch_size = BATCH
    config.speed.steps_per_call = 1
    if kind == "raw resnet":
        config.model.encoder.update(input="raw", trunk="resnet18", stage_sizes=(1,), width=4, head_widths=(8,))
        config.model.pose.form = "moment"
        config.loss.update(recon=1.0, symmetry=1.0)
    if kind == "neighbours":
        config.model.encoder.trunk = "polar"
        config.model.encoder.polar.update(num_angles=8, num_radii=3, widths=(8, 8), head_width=8, pose_widths=(8,))
        config.loss.update(neighbours=1.0, num_neighbours=4)
    if kind == "thesis":
        config.method = "thesis"
        # Not 'centre': its first angle is that of a vector near zero, which magnifies rounding a thousandfold.
        config.model.encoder.input = "raw"
        config.loss.recon = 1.0
    return config


def make_sgd_run(config, dataset, num_devices):
    """A run with momentum, so that a wrong first gradient shows in every later step too."""
    neighbours = arbitrary_neighbours(config, len(dataset.train.images))
    run = make_run(config, dataset, make_mesh(jax.devices()[:num_devices]), neighbours)
    return dataclasses.replace(run, optimizer=optax.sgd(0.05, momentum=0.9))


def batch_indices(step):
    return np.random.default_rng(step).choice(256, BATCH, replace=False).astype(np.int32)


def take_steps(run, first):
    take_step, state = make_take_step(run), place(first, run.mesh, P())
    for step in range(STEPS):
        state, metrics = take_step(state, batch_indices(step)[None])
    return state, metrics


@pytest.fixture(scope="module", params=["canonical mlp", "raw resnet", "thesis", "neighbours"])
def trained(request):
    """A run on four devices, its first state, and state and metrics after some steps on four devices."""
    config = make_config(request.param)
    dataset = make_dataset(config.data)
    run = make_sgd_run(config, dataset, 4)
    first = jax.tree.map(np.asarray, init_state(run))
    return run, first, *take_steps(run, first)


def assert_same(left, right, first):
    """Parameters agree to rounding, relative to their largest change from `first`."""
    flat_left, flat_right, start = (
        np.asarray(ravel_pytree(jax.tree.map(np.asarray, (state.params, state.model_state)))[0], np.float64)
        for state in (left, right, first)
    )
    change = np.abs(flat_left - start).max()
    assert change > 1e-3
    assert np.abs(flat_left - flat_right).max() < 1e-3 * change


def test_four_devices_equal_one(trained):
    run, first, four, four_metrics = trained
    one, one_metrics = take_steps(make_sgd_run(run.config, run.dataset, 1), first)
    assert_same(one, four, first)
    for name in one_metrics:
        np.testing.assert_allclose(one_metrics[name], four_metrics[name], rtol=1e-3, err_msg=name)


@pytest.mark.parametrize("trained", ["raw resnet"], indirect=True)
def test_four_devices_equal_pmap(trained):
    run, first, four, _ = trained
    step = make_train_step(
        run.mapped_method, run.optimizer, total_steps=run.num_steps, scaling=run.dataset.scaling, axis_name=AXIS
    )
    mapped = jax.pmap(step, axis_name=AXIS, in_axes=(None, None, 0, 0), out_axes=None)
    stored = StoredImages(run.dataset.train.images, None)
    positions = np.arange(BATCH, dtype=np.int32).reshape(4, -1)
    state = first
    for number in range(STEPS):
        state, _ = mapped(state, stored, batch_indices(number).reshape(4, -1), positions)
    assert_same(four, state, first)


def test_a_batch_is_split_in_order_and_the_rest_is_replicated():
    mesh = make_mesh(jax.devices())
    split = split_over_devices(np.arange(8), mesh)
    shards = sorted(split.addressable_shards, key=lambda shard: shard.index[0].start)
    assert [list(np.asarray(shard.data)) for shard in shards] == [[2 * i, 2 * i + 1] for i in range(4)]
    whole = replicate({"a": np.arange(3)}, mesh)["a"]
    assert len(whole.addressable_shards) == 4 and all(shard.data.shape == (3,) for shard in whole.addressable_shards)
    assert gather({"a": split})["a"] is split  # this process reads all of it


def test_local_rows_are_those_of_the_devices_of_this_process():
    np.testing.assert_array_equal(local_rows(make_mesh(jax.devices()), 16), np.arange(16))
    np.testing.assert_array_equal(local_rows(make_mesh(jax.devices()[::-1][:2]), 4), np.arange(4))


def test_shards_that_do_not_divide_the_devices_are_refused():
    with pytest.raises(InputError, match="num_shards to divide the 4 devices, found 3"):
        make_mesh(jax.devices(), num_shards=3)


def test_the_images_stay_in_their_own_type_on_the_device(monkeypatch):
    """The program takes uint8, a quarter of float32's memory."""
    dtypes = []

    def make_recording_step(*arguments, **options):
        def step(state, stored, indices, positions):
            dtypes.append(stored.images.dtype)
            return state, {}

        return step

    monkeypatch.setattr("irl_inr_jax.training.run.make_train_step", make_recording_step)
    config = make_config("canonical mlp")
    run = make_sgd_run(config, make_dataset(config.data), 1)
    make_take_step(run)(init_state(run), batch_indices(0)[None])
    assert dtypes == [jnp.uint8]
