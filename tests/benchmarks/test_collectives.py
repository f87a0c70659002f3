"""Collectives of compiled programs against the known communication."""

import jax
import jax.numpy as jnp
import pytest
from jax.sharding import PartitionSpec as P

from benchmarks.collectives import count_collectives, predict_seconds
from irl_inr_jax.data.datasets import make_dataset
from irl_inr_jax.devices.mesh import make_mesh
from irl_inr_jax.training.run import init_state, lower_step, make_run
from tests.conftest import NUM_DEVICES


def read(function, *shapes):
    mapped = jax.shard_map(
        function, mesh=make_mesh(jax.devices()), in_specs=P("batch"), out_specs=P("batch"), check_vma=False
    )
    arguments = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes]
    return count_collectives(jax.jit(mapped).lower(*arguments).compile().as_text())


@pytest.mark.multi_device
def test_bytes_are_those_of_the_results():
    assert read(lambda x: jax.lax.psum(x, "batch"), (NUM_DEVICES, 10)) == [("all-reduce", 40)]
    assert read(lambda x: jax.lax.all_gather(x, "batch", tiled=True), (NUM_DEVICES, 3)) == [
        ("all-gather", NUM_DEVICES * 3 * 4)
    ]
    swapped = read(lambda x: jax.lax.all_to_all(x, "batch", 1, 0, tiled=True), (NUM_DEVICES, 16))
    assert [kind for kind, _ in swapped] == ["all-to-all"] and swapped[0][1] == 16 * 4
    assert read(lambda x: 2 * x, (NUM_DEVICES, 3)) == []


def test_several_arrays_in_one_operation_are_added_up():
    program = "  %a = (f32[2,3]{1,0}, bf16[4]{0}, f32[]) all-reduce(%x, %y, %z), replica_groups={}"
    assert count_collectives(program) == [("all-reduce", 24 + 8 + 4)]


@pytest.mark.multi_device
def test_gradients_are_reduced_once_and_nothing_else_is_large(tiny_config):
    """This encoder has no batch norm: only the gradients and a few losses are reduced."""
    run = make_run(tiny_config, make_dataset(tiny_config.data), make_mesh(jax.devices()), neighbours=None)
    gradients = sum(4 * leaf.size for leaf in jax.tree.leaves(init_state(run).params))
    collectives = count_collectives(lower_step(run).compile().as_text())
    assert {kind for kind, _ in collectives} == {"all-reduce"}
    assert 0 <= sum(size for _, size in collectives) - gradients <= 4 * 8


@pytest.mark.multi_device
def test_a_sharded_hypernetwork_exchanges_weights_of_inrs_and_not_the_layer(tiny_config):
    tiny_config.model.hypernet.num_shards = NUM_DEVICES
    tiny_config.train.batch_size = NUM_DEVICES
    mesh = make_mesh(jax.devices(), num_shards=NUM_DEVICES)
    run = make_run(tiny_config, make_dataset(tiny_config.data), mesh, neighbours=None)
    collectives = count_collectives(lower_step(run).compile().as_text())
    exchanged = [size for kind, size in collectives if kind == "all-to-all"]
    columns = init_state(run).params["generator"]["MLP_0"]["Dense_1"]["bias"].size
    assert sum(exchanged) == 2 * 4 * 2 * columns  # forwards and backwards, two views of one image per device


def test_predicted_seconds_are_those_of_rings():
    assert predict_seconds([("all-reduce", 8e9), ("all-gather", 4e9)], 4, 1e9) == pytest.approx(0.75 * (16 + 4))
    assert predict_seconds([("all-reduce", 8e9)], 1, 1e9) == 0
