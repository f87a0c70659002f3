"""Test that a hypernetwork whose last layer is split over devices trains as a whole one does, in less memory."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from irl_inr_jax.config.checks import check_config
from irl_inr_jax.data.datasets import make_dataset
from irl_inr_jax.devices.mesh import SHARED_AXIS, make_mesh, mapped_axes, place
from irl_inr_jax.devices.sharding import average_gradients, make_norm, split_shared
from irl_inr_jax.presets import tiny
from irl_inr_jax.training.checkpoint import open_checkpoints, restore_state, save_state
from irl_inr_jax.training.optimizer import clip_by_norm
from irl_inr_jax.training.run import init_state, make_run, make_take_step
from irl_inr_jax.types import InputError

pytestmark = pytest.mark.multi_device
BATCH = 16


def make_sharded_run(method="irl_inr", *, num_devices=4, num_shards=4, mesh_shards=None):
    """A run whose hypernetwork is padded for `num_shards` devices, on a mesh with `mesh_shards` of them."""
    config = tiny.get_config().unlock()
    config.method = method
    config.model.encoder.head_widths = (8,)
    config.model.hypernet.widths = (8,)
    config.model.inr.update(widths=(8, 5), num_frequencies=8)  # 4 n + 3 weights: one column more for 2 or 4 shards
    config.model.hypernet.num_shards = num_shards
    config.train.batch_size = BATCH
    config.speed.steps_per_call = 1
    mesh = make_mesh(jax.devices()[:num_devices], num_shards=mesh_shards or num_shards)
    return make_run(config, make_dataset(config.data), mesh, neighbours=None)


def with_momentum(run):
    """The run with momentum after a bound on the norm that is always active; Adam would hide a scaled gradient."""
    clip = clip_by_norm(0.02, make_norm(run.mapped_method, mapped_axes(run.mesh)))
    return dataclasses.replace(run, optimizer=optax.chain(clip, optax.sgd(0.5, momentum=0.9)))


def take_steps(run, first, num_steps=3):
    take_step = make_take_step(run)
    state = place(first, run.mesh, jax.tree.map(lambda leaf: leaf.sharding.spec, run.abstract_state))
    for number in range(num_steps):
        rows = np.random.default_rng(number).choice(256, BATCH, replace=False).astype(np.int32)
        state, metrics = take_step(state, rows[None])
    return state, metrics


def flat(state):
    return np.asarray(ravel_pytree(jax.tree.map(np.asarray, (state.params, state.opt_state)))[0], np.float64)


@pytest.mark.parametrize(("method", "shards"), [("irl_inr", (4, 2)), ("thesis", (4,))])
def test_a_split_layer_trains_as_a_whole_one_does(method, shards):
    """On four devices that share it, or on two groups of two; columns added by padding stay 0."""
    whole_run = with_momentum(make_sharded_run(method, num_devices=1, mesh_shards=1))
    first = jax.tree.map(np.asarray, init_state(whole_run))
    whole, whole_metrics = take_steps(whole_run, first)
    change = np.abs(flat(whole) - flat(first)).max()
    assert change > 1e-3
    num_weights = make_sharded_run(method, num_shards=1).abstract_state.params["generator"]["MLP_0"]["Dense_1"]
    for num_shards in shards:
        split, split_metrics = take_steps(with_momentum(make_sharded_run(method, num_shards=num_shards)), first)
        assert np.abs(flat(whole) - flat(split)).max() < 1e-3 * change
        for name in whole_metrics:
            np.testing.assert_allclose(whole_metrics[name], split_metrics[name], rtol=1e-3, err_msg=name)
        kernel = np.asarray(split.params["generator"]["MLP_0"]["Dense_1"]["kernel"])
        assert not kernel[:, num_weights["bias"].size :].any()


def test_each_device_holds_its_part_of_the_layer_and_of_the_optimizer_state():
    """Whole parameters and a quarter of the split ones, three times: Adam keeps two moments."""
    run = make_sharded_run()
    state = init_state(run)
    shared, whole = (sum(leaf.nbytes for leaf in leaves) for leaves in split_shared(run.method, state.params))
    assert shared > whole / 4
    for device in jax.devices():
        held = [
            shard.data.nbytes
            for leaf in jax.tree.leaves((state.params, state.opt_state))
            for shard in leaf.addressable_shards
            if shard.device == device and leaf.ndim
        ]
        assert sum(held) == 3 * (shared / 4 + whole)


def test_a_state_initialized_in_parts_equals_one_initialized_whole():
    split = init_state(make_sharded_run())
    whole = init_state(make_sharded_run(num_devices=1, mesh_shards=1))
    for (path, expected), found in zip(jax.tree.leaves_with_path(whole), jax.tree.leaves(split), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7, err_msg=jax.tree_util.keystr(path))


def test_padding_for_shards_changes_no_initial_weight():
    for method in ("irl_inr", "thesis"):
        one, four = (
            init_state(make_sharded_run(method, num_devices=1, num_shards=number, mesh_shards=1)).params["generator"]
            for number in (1, 4)
        )
        one, four = one["MLP_0"]["Dense_1"], four["MLP_0"]["Dense_1"]
        num_weights = one["bias"].size
        assert num_weights % 4 and four["bias"].size == num_weights + 4 - num_weights % 4
        for name in ("kernel", "bias"):
            np.testing.assert_array_equal(four[name][..., :num_weights], one[name])
            assert not four[name][..., num_weights:].any()


def test_a_split_state_is_saved_and_restored_whole_or_split(tmp_path):
    run = make_sharded_run(num_shards=2)
    state = init_state(run)
    checkpoints = open_checkpoints(tmp_path / "checkpoints", keep=1, config_digest="digest", read_only=False)
    save_state(checkpoints, state)
    one = NamedSharding(make_mesh(jax.devices()[:1]), P())
    for sharding in (jax.tree.map(lambda leaf: leaf.sharding, state), one):
        read, damaged = restore_state(checkpoints, state, sharding=sharding)
        assert damaged == []
        kernel = read.params["generator"]["MLP_0"]["Dense_1"]["kernel"]
        assert (SHARED_AXIS in str(kernel.sharding.spec)) == (sharding is not one)
        for left, right in zip(jax.tree.leaves(read), jax.tree.leaves(state), strict=True):
            np.testing.assert_array_equal(left, right)
    checkpoints.manager.close()


@pytest.mark.parametrize("method", ["irl_inr", "thesis"])
def test_mean_and_norm_are_those_of_the_whole_gradient(method):
    """Four devices in two groups: split parameters arrive as the sum over a group, the others as each device's own."""
    run = make_sharded_run(method, num_shards=2)
    axes = mapped_axes(run.mesh)
    rng = np.random.default_rng(0)
    whole, shared = rng.normal(size=(4, 5)), rng.normal(size=(2, 8))

    def local(whole, shared):
        grads = {"encoder": {"w": whole[0]}, "generator": {"MLP_0": {"Dense_1": {"kernel": shared[0]}}}}
        averaged = average_gradients(run.mapped_method, grads, axes)
        return averaged, make_norm(run.mapped_method, axes)(averaged)

    specs = (P(axes), P(axes[0], axes[1]))
    out = ({"encoder": {"w": P()}, "generator": {"MLP_0": {"Dense_1": {"kernel": P(axes[1])}}}}, P())
    mapped = jax.shard_map(local, mesh=run.mesh, in_specs=specs, out_specs=out, check_vma=False)
    averaged, norm = jax.jit(mapped)(jnp.asarray(whole, jnp.float32), jnp.asarray(shared, jnp.float32))
    expected = whole.mean(0), shared.sum(0) / 4
    np.testing.assert_allclose(averaged["encoder"]["w"], expected[0], rtol=1e-5)
    np.testing.assert_allclose(averaged["generator"]["MLP_0"]["Dense_1"]["kernel"], expected[1], rtol=1e-5)
    assert float(norm) == pytest.approx(np.linalg.norm(np.concatenate(expected)), rel=1e-5)


def test_a_method_without_hypernetwork_refuses_shards(tiny_config):
    tiny_config.model.hypernet.num_shards = 2
    tiny_config.method = "autoencoder"
    with pytest.raises(InputError, match="method=autoencoder, which has no hypernetwork, found 2"):
        check_config(tiny_config)
