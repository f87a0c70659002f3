"""What is read from a compiled program against what is known to cross."""

import jax
import jax.numpy as jnp
import pytest
from jax.sharding import PartitionSpec as P

from benchmarks.collectives import count_collectives, predict_seconds
from irl_inr_jax.data.datasets import make_dataset
from irl_inr_jax.devices.mesh import make_mesh
from irl_inr_jax.training.optimizer import make_optimizer
from irl_inr_jax.training.run import first_state, lower_mapped_step, make_run_method


def read(function, *shapes):
    mapped = jax.shard_map(
        function, mesh=make_mesh(jax.devices()), in_specs=P("batch"), out_specs=P("batch"), check_vma=False
    )
    arguments = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes]
    return count_collectives(jax.jit(mapped).lower(*arguments).compile().as_text())


def test_bytes_are_those_of_the_results():
    assert read(lambda x: jax.lax.psum(x, "batch"), (8, 10)) == [("all-reduce", 40)]
    assert read(lambda x: jax.lax.all_gather(x, "batch", tiled=True), (8, 3)) == [("all-gather", 8 * 3 * 4)]
    swapped = read(lambda x: jax.lax.all_to_all(x, "batch", 1, 0, tiled=True), (8, 16))
    assert [kind for kind, _ in swapped] == ["all-to-all"] and swapped[0][1] == 16 * 4
    assert read(lambda x: 2 * x, (8, 3)) == []


def test_several_arrays_in_one_operation_are_added_up():
    program = "  %a = (f32[2,3]{1,0}, bf16[4]{0}, f32[]) all-reduce(%x, %y, %z), replica_groups={}"
    assert count_collectives(program) == [("all-reduce", 24 + 8 + 4)]


def test_gradients_are_reduced_once_and_nothing_else_of_size_crosses(tiny_config):
    """No batch norm in this encoder: the gradients and a few losses are all there is."""
    dataset = make_dataset(tiny_config.data)
    program = lower_mapped_step(tiny_config, dataset, make_mesh(jax.devices())).compile().as_text()
    method = make_run_method(tiny_config, dataset, axis_name=None)
    state = jax.eval_shape(lambda: first_state(tiny_config, dataset, method, make_optimizer(tiny_config.train, 1)))
    gradients = sum(4 * leaf.size for leaf in jax.tree.leaves(state.params))
    collectives = count_collectives(program)
    assert {kind for kind, _ in collectives} == {"all-reduce"}
    assert 0 <= sum(size for _, size in collectives) - gradients <= 4 * 8


def test_a_shared_hypernetwork_hands_over_weights_of_inrs_and_not_the_layer(tiny_config):
    tiny_config.model.hypernet.num_shards = 4
    tiny_config.train.batch_size = 8
    dataset = make_dataset(tiny_config.data)
    program = lower_mapped_step(tiny_config, dataset, make_mesh(jax.devices(), num_shards=4)).compile().as_text()
    handed = [size for kind, size in count_collectives(program) if kind == "all-to-all"]
    method = make_run_method(tiny_config, dataset, axis_name=None)
    state = jax.eval_shape(lambda: first_state(tiny_config, dataset, method, make_optimizer(tiny_config.train, 1)))
    columns = state.params["generator"]["MLP_0"]["Dense_1"]["bias"].size
    assert sum(handed) == 2 * 4 * 2 * columns  # forwards and backwards, two views of one image a device


def test_predicted_seconds_are_those_of_rings():
    assert predict_seconds([("all-reduce", 8e9), ("all-gather", 4e9)], 4, 1e9) == pytest.approx(0.75 * (16 + 4))
    assert predict_seconds([("all-reduce", 8e9)], 1, 1e9) == 0
