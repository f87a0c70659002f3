from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from irl_inr_jax.models.encoder import Encoder, make_encoder

SMALL = {"stage_sizes": (1, 1), "width": 8, "stem": "3x3/2", "head_widths": (12, 10), "num_outputs": 7}


def make(trunk, dtype="float32"):
    return Encoder(
        trunk=trunk,
        axis_name=None,
        dtype=jnp.dtype(dtype),
        convolutions="direct",
        padding="same",
        remat=False,
        activation=jax.nn.relu,
        **SMALL,
    )


def random_images(*shape):
    return jnp.asarray(np.random.default_rng(0).uniform(size=shape), jnp.float32)


@pytest.mark.parametrize("trunk", ["resnet18", "mlp"])
def test_the_head_has_the_requested_outputs(trunk):
    encoder, images = make(trunk), random_images(3, 8, 6, 3)
    variables = jax.eval_shape(partial(encoder.init, train=False), jax.random.key(0), images)
    outputs = jax.eval_shape(partial(encoder.apply, train=False), variables, images)
    assert outputs.shape == (3, 7) and outputs.dtype == jnp.float32
    head = variables["params"]["MLP_0"]
    kernels = [head[f"Dense_{i}"]["kernel"].shape for i in range(3)]
    assert kernels == [(16 if trunk == "resnet18" else 8 * 6 * 3, 12), (12, 10), (10, 7)]


def test_an_mlp_is_the_whole_encoder():
    encoder, images = make("mlp"), random_images(3, 4, 4, 1)
    outputs, variables = jax.jit(partial(encoder.init_with_output, train=True))(jax.random.key(0), images)
    assert set(variables) == {"params"} and set(variables["params"]) == {"MLP_0"}
    x = np.asarray(images, np.float64).reshape(3, 16)
    for i in range(3):
        layer = variables["params"]["MLP_0"][f"Dense_{i}"]
        x = np.maximum(x, 0) if i else x
        x = x @ np.asarray(layer["kernel"], np.float64) + np.asarray(layer["bias"], np.float64)
    np.testing.assert_allclose(outputs, x, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("trunk", ["resnet18", "mlp"])
def test_bfloat16_computes_nearly_the_same_and_keeps_float32_outside(trunk):
    images = random_images(3, 8, 8, 1)
    with jax.numpy_dtype_promotion("standard"):  # Flax's batch norm mixes the two types inside
        init = partial(make(trunk, "bfloat16").init, train=False)
        variables = jax.jit(init)(jax.random.key(0), images)
        low = jax.jit(partial(make(trunk, "bfloat16").apply, train=False))(variables, images)
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype("float32")}
    full = jax.jit(partial(make(trunk).apply, train=False))(variables, images)
    assert low.dtype == jnp.float32
    difference = np.abs(np.asarray(low) - full).max()
    assert 0 < difference < 0.05 * np.abs(full).max()


def test_the_configuration_reaches_the_network(tiny_config):
    encoder = make_encoder(tiny_config, num_outputs=5, axis_name="batch", activation=jax.nn.relu)
    assert encoder.trunk == "mlp" and encoder.head_widths == (32, 32) and encoder.num_outputs == 5
    assert encoder.axis_name == "batch" and encoder.dtype == jnp.float32
