"""A hypernetwork whose last layer is shared out over devices learns what a whole one learns, in less memory."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from irl_inr_jax.config import base
from irl_inr_jax.config.checks import check_config
from irl_inr_jax.data.datasets import make_dataset
from irl_inr_jax.devices.mesh import SHARED_AXIS, make_mesh, mapped_axes, place
from irl_inr_jax.devices.sharding import average_gradients, make_norm, split_shared, state_specs
from irl_inr_jax.training.checkpoint import open_checkpoints, restore_state, save_state
from irl_inr_jax.training.optimizer import clip_by_norm, make_optimizer
from irl_inr_jax.training.run import check_batch, first_state, make_run_method, make_run_step
from irl_inr_jax.training.step import init_state, make_take_step, make_train_step, make_train_steps
from irl_inr_jax.types import InputError

BATCH = 16
LAST = ("generator", "MLP_0", "Dense_1")


@pytest.fixture(params=["irl_inr", "thesis"])
def config(request, tiny_config):
    tiny_config.method = request.param
    tiny_config.model.hypernet.num_shards = 4
    return tiny_config


def optimizer_for(method, axis_name):
    """Momentum after a bound on the norm that holds at every step: Adam would hide a gradient off by a factor."""
    return optax.chain(clip_by_norm(0.02, make_norm(method, axis_name)), optax.sgd(0.5, momentum=0.9))


def run(config, devices, num_shards, num_steps=3):
    """First and last state on a mesh, whole, after steps on other images each."""
    dataset = make_dataset(config.data)
    mesh = make_mesh(devices, num_shards=num_shards)
    axes = mapped_axes(mesh)
    method, local = (make_run_method(config, dataset, axis_name=name) for name in (axes, None))
    optimizer = optimizer_for(method, axes)
    images = jnp.asarray(dataset.train.images[:32], jnp.float32) / 255
    first = init_state(local, optimizer, jax.random.key(1), images)
    specs = state_specs(method, first, axes)
    step = make_train_step(method, optimizer, total_steps=10, scaling=dataset.scaling, axis_name=axes)
    take_step = make_take_step(
        make_train_steps(step, 1), mesh, dataset.train.images, state_specs=specs, batch_size=BATCH, steps_per_call=1
    )
    state = place(first, mesh, specs)
    for number in range(num_steps):
        rows = np.random.default_rng(number).choice(256, BATCH, replace=False).astype(np.int32)
        state, metrics = take_step(state, rows[None])
    return first, state, metrics


def flat(state):
    return np.asarray(ravel_pytree(jax.tree.map(np.asarray, (state.params, state.opt_state)))[0], np.float64)


@pytest.mark.parametrize("num_devices", [4, 8])
def test_a_shared_layer_learns_what_a_whole_one_learns(config, num_devices):
    first, whole, whole_metrics = run(config, jax.devices()[:1], 1)
    _, shared, shared_metrics = run(config, jax.devices()[:num_devices], 4)
    moved = np.abs(flat(whole) - flat(first)).max()
    assert moved > 1e-3
    assert np.abs(flat(whole) - flat(shared)).max() < 1e-3 * moved
    for name in whole_metrics:
        np.testing.assert_allclose(whole_metrics[name], shared_metrics[name], rtol=1e-3, err_msg=name)


def test_each_device_holds_its_part_of_the_layer_and_of_what_the_optimiser_keeps(tiny_config):
    """Whole parameters, and a quarter of the shared ones: three times over, for Adam's two moments."""
    tiny_config.model.hypernet.num_shards = 4
    dataset = make_dataset(tiny_config.data)
    state, _ = make_run_step(tiny_config, dataset, make_mesh(jax.devices(), num_shards=4))
    method = make_run_method(tiny_config, dataset, axis_name=None)
    shared, whole = (sum(leaf.nbytes for leaf in leaves) for leaves in split_shared(method, state.params))
    assert shared > whole / 4
    for device in jax.devices():
        held = [
            shard.data.nbytes
            for leaf in jax.tree.leaves((state.params, state.opt_state))
            for shard in leaf.addressable_shards
            if shard.device == device and leaf.ndim
        ]
        assert sum(held) == 3 * (shared / 4 + whole)


def test_a_state_made_where_it_lies_is_the_one_made_whole(tiny_config):
    tiny_config.model.hypernet.num_shards = 4
    dataset = make_dataset(tiny_config.data)
    spread, _ = make_run_step(tiny_config, dataset, make_mesh(jax.devices(), num_shards=4))
    method = make_run_method(tiny_config, dataset, axis_name=None)
    whole = first_state(tiny_config, dataset, method, make_optimizer(tiny_config.train, 10))
    for (path, expected), found in zip(jax.tree.leaves_with_path(whole), jax.tree.leaves(spread), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7, err_msg=jax.tree_util.keystr(path))


def test_sharing_changes_neither_the_first_weights_nor_what_comes_of_the_added_columns(config):
    dataset = make_dataset(config.data)
    states = {}
    for num_shards in (1, 4):
        config.model.hypernet.num_shards = num_shards
        method = make_run_method(config, dataset, axis_name=None)
        states[num_shards] = first_state(config, dataset, method, optax.sgd(0.1))
    one, four = (states[number].params["generator"]["MLP_0"]["Dense_1"] for number in (1, 4))
    num_weights = one["bias"].size
    assert num_weights % 4 and four["bias"].size == num_weights + 4 - num_weights % 4
    for name in ("kernel", "bias"):
        np.testing.assert_array_equal(four[name][..., :num_weights], one[name])
        assert not four[name][..., num_weights:].any()
    _, learnt, _ = run(config, jax.devices()[:4], 4)
    assert not np.asarray(learnt.params["generator"]["MLP_0"]["Dense_1"]["kernel"])[:, num_weights:].any()


def test_a_shared_state_is_kept_and_read_whole_or_shared(tiny_config, tmp_path):
    tiny_config.model.hypernet.num_shards = 2
    dataset = make_dataset(tiny_config.data)
    state, _ = make_run_step(tiny_config, dataset, make_mesh(jax.devices()[:4], num_shards=2))
    manager = open_checkpoints(tmp_path / "checkpoints", keep=1)
    save_state(manager, state)
    one = NamedSharding(make_mesh(jax.devices()[:1]), P())
    for sharding in (jax.tree.map(lambda leaf: leaf.sharding, state), one):
        read, damaged = restore_state(manager, state, sharding=sharding)
        assert damaged == []
        kernel = read.params["generator"]["MLP_0"]["Dense_1"]["kernel"]
        assert (SHARED_AXIS in str(kernel.sharding.spec)) == (sharding is not one)
        for left, right in zip(jax.tree.leaves(read), jax.tree.leaves(state), strict=True):
            np.testing.assert_array_equal(left, right)
    manager.close()


def test_means_and_norm_are_those_of_the_whole_gradient(config):
    """Eight devices in two groups of four: what is shared comes as the sum over a group, the rest as each's own."""
    dataset = make_dataset(config.data)
    mesh = make_mesh(jax.devices(), num_shards=4)
    axes = mapped_axes(mesh)
    method = make_run_method(config, dataset, axis_name=axes)
    rng = np.random.default_rng(0)
    whole, shared = rng.normal(size=(8, 5)), rng.normal(size=(2, 8))

    def local(whole, shared):
        grads = {"encoder": {"w": whole[0]}, "generator": {"MLP_0": {"Dense_1": {"kernel": shared[0]}}}}
        averaged = average_gradients(method, grads, axes)
        return averaged, make_norm(method, axes)(averaged)

    split = (P(axes), P(axes[0], axes[1]))
    out = ({"encoder": {"w": P()}, "generator": {"MLP_0": {"Dense_1": {"kernel": P(axes[1])}}}}, P())
    mapped = jax.shard_map(local, mesh=mesh, in_specs=split, out_specs=out, check_vma=False)
    averaged, norm = jax.jit(mapped)(jnp.asarray(whole, jnp.float32), jnp.asarray(shared, jnp.float32))
    expected = whole.mean(0), shared.sum(0) / 8
    np.testing.assert_allclose(averaged["encoder"]["w"], expected[0], rtol=1e-5)
    np.testing.assert_allclose(averaged["generator"]["MLP_0"]["Dense_1"]["kernel"], expected[1], rtol=1e-5)
    assert float(norm) == pytest.approx(np.linalg.norm(np.concatenate(expected)), rel=1e-5)


@pytest.mark.parametrize("size", [0.1, 3.0])
def test_the_bound_on_the_norm_is_optax_own(size):
    grads = {"a": jnp.full((2, 3), size), "b": jnp.array([-size])}
    ours, theirs = clip_by_norm(1.0, optax.tree.norm), optax.clip_by_global_norm(1.0)
    found, _ = ours.update(grads, ours.init(grads), None)
    expected, _ = theirs.update(grads, theirs.init(grads), None)
    for left, right in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_array_equal(left, right)


def test_what_cannot_be_shared_is_refused(tiny_config):
    tiny_config.model.hypernet.num_shards = 3
    with pytest.raises(InputError, match="num_shards to divide the 8 devices, found 3"):
        check_batch(tiny_config, make_dataset(tiny_config.data), 8)
    tiny_config.method = "autoencoder"
    with pytest.raises(InputError, match="method=autoencoder, which has no hypernetwork, found 3"):
        check_config(tiny_config, base.get_config())
