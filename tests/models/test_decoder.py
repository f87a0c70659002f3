from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from irl_inr_jax.models.decoder import Decoder, MirrorBlock, crop_middle, make_decoder, upsample
from irl_inr_jax.models.resnet import STEMS


def make(trunk, *, stem="3x3", stage_sizes=(1, 2), channels=1, dtype="float32"):
    """A small decoder; stages (1, 2) contain a block that narrows the features and blocks that keep them."""
    sizes = {"stage_sizes": stage_sizes, "width": 4, "head_widths": (12, 10)}
    return Decoder(trunk=trunk, stem=stem, channels=channels, dtype=jnp.dtype(dtype), **sizes)


def random_latents(num=3, size=5):
    return jnp.asarray(np.random.default_rng(0).normal(size=(num, size)), jnp.float32)


def shapes_of(decoder, size):
    """The logits and variables that `init_with_output` would return, as shapes and types."""
    return jax.eval_shape(partial(decoder.init_with_output, size=size), jax.random.key(0), random_latents())


@cache
def start(decoder, size):
    return jax.jit(partial(decoder.init, size=size))(jax.random.key(0), random_latents())


@pytest.mark.parametrize(("trunk", "stem"), [("mlp", "3x3"), *(("resnet18", stem) for stem in STEMS)])
def test_images_of_any_size_are_decoded_and_the_bias_has_their_shape(trunk, stem):
    decoder = make(trunk, stem=stem, stage_sizes=(1, 2, 1), channels=3)
    for size in ((16, 16), (50, 28), (9, 14), (3, 3)):
        logits, variables = shapes_of(decoder, size)
        assert set(variables) == {"params"} and variables["params"]["bias"].shape == (*size, 3)
        assert logits.shape == (3, *size, 3) and logits.dtype == jnp.float32


def test_an_mlps_layers_are_the_encoders_in_reverse():
    params = shapes_of(make("mlp"), (4, 6))[1]["params"]
    assert [params[f"Dense_{i}"]["kernel"].shape for i in range(3)] == [(5, 10), (10, 12), (12, 24)]


def test_a_resnets_blocks_are_the_encoders_in_reverse():
    """Stages (1, 2, 1) of 4, 8 and 16 features; the blocks that widened the features now narrow them."""
    decoder = make("resnet18", stem="3x3/2", stage_sizes=(1, 2, 1))
    params = shapes_of(decoder, (14, 16))[1]["params"]
    assert params["Dense_2"]["kernel"].shape == (12, 2 * 2 * 16)  # 14 and 16 pixels under strides of 8
    kernels = [[params[f"MirrorBlock_{i}"][f"Conv_{j}"]["kernel"].shape[2:] for j in range(2)] for i in range(4)]
    assert kernels == [[(16, 16), (16, 8)], [(8, 8), (8, 8)], [(8, 8), (8, 4)], [(4, 4), (4, 4)]]
    assert params["Conv_0"]["kernel"].shape == (3, 3, 4, 1)


def test_an_mlp_agrees_with_numpy():
    decoder = make("mlp", channels=2)
    bias = jnp.asarray(np.random.default_rng(1).normal(size=(3, 4, 2)), jnp.float32)
    variables = {"params": {**start(decoder, (3, 4))["params"], "bias": bias}}
    logits = jax.jit(partial(decoder.apply, size=(3, 4)))(variables, random_latents())
    x = np.asarray(random_latents(), np.float64)
    params = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), variables["params"])
    for i in range(2):
        x = np.maximum(x @ params[f"Dense_{i}"]["kernel"] + params[f"Dense_{i}"]["bias"], 0)
    expected = (x @ params["Dense_2"]["kernel"]).reshape(3, 3, 4, 2) + params["bias"]
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("trunk", ("resnet18", "mlp"))
def test_each_image_is_decoded_by_itself(trunk):
    """No statistics are taken over the batch."""
    decoder, size = make(trunk), (9, 9)
    variables = start(decoder, size)
    decode = jax.jit(partial(decoder.apply, size=size))
    together = decode(variables, random_latents())
    reordered = decode(variables, random_latents()[::-1])
    np.testing.assert_allclose(reordered, together[::-1], atol=1e-5)
    one_changed = decode(variables, random_latents().at[0].set(0.0))
    np.testing.assert_allclose(one_changed[1:], together[1:], atol=1e-5)
    assert np.abs(np.asarray(together[0]) - together[1]).max() > 1e-3


@pytest.mark.parametrize("trunk", ("resnet18", "mlp"))
def test_gradients_are_finite_at_zero_latents_and_reach_every_parameter(trunk):
    decoder, size = make(trunk), (9, 9)
    variables = start(decoder, size)

    @jax.jit
    @jax.grad
    def gradient(params, latents):
        return jnp.mean((decoder.apply({"params": params}, latents, size=size) - 1.0) ** 2)

    gradients = jax.tree.leaves(gradient(variables["params"], random_latents()))
    assert all(np.isfinite(leaf).all() and np.any(leaf) for leaf in gradients)
    gradients = jax.tree.leaves(gradient(variables["params"], jnp.zeros((3, 5))))
    assert all(np.isfinite(leaf).all() for leaf in gradients)


def test_a_block_of_zeros_returns_its_upsampled_input():
    block = MirrorBlock(features=4, factor=2, dtype=jnp.dtype("float32"))
    x = jnp.abs(jnp.asarray(np.random.default_rng(0).normal(size=(2, 3, 5, 4)), jnp.float32))
    variables = jax.tree.map(jnp.zeros_like, jax.eval_shape(block.init, jax.random.key(0), x))
    np.testing.assert_array_equal(jax.jit(block.apply)(variables, x), upsample(x, 2))


def test_upsampling_repeats_pixels_and_cropping_keeps_the_middle():
    x = jnp.arange(12.0).reshape(1, 3, 4, 1)
    np.testing.assert_array_equal(upsample(x, 2)[:, ::2, 1::2], x)
    assert upsample(x, 2).shape == (1, 6, 8, 1)
    np.testing.assert_array_equal(crop_middle(x, (1, 2)), x[:, 1:2, 1:3])
    np.testing.assert_array_equal(crop_middle(x, (3, 4)), x)


@pytest.mark.parametrize("trunk", ("resnet18", "mlp"))
def test_bfloat16_computes_nearly_the_same_from_float32_parameters(trunk):
    size = (9, 9)
    variables = start(make(trunk), size)
    with jax.numpy_dtype_promotion("standard"):  # Flax's group norm mixes the two types inside
        _, shapes = shapes_of(make(trunk, dtype="bfloat16"), size)
        low = jax.jit(partial(make(trunk, dtype="bfloat16").apply, size=size))(variables, random_latents())
    assert {leaf.dtype for leaf in jax.tree.leaves(shapes)} == {jnp.dtype("float32")}
    full = jax.jit(partial(make(trunk).apply, size=size))(variables, random_latents())
    assert low.dtype == jnp.float32
    assert 0 < np.abs(np.asarray(low) - full).max() < 0.05 * np.abs(full).max()


def test_the_configuration_reaches_the_network(tiny_config):
    tiny_config.model.encoder.update(trunk="resnet18", stage_sizes=(1, 1), width=3, stem="7x7")
    decoder = make_decoder(tiny_config, num_channels=3)
    assert (decoder.trunk, decoder.stage_sizes, decoder.width, decoder.stem) == ("resnet18", (1, 1), 3, "7x7")
    assert (decoder.head_widths, decoder.channels, decoder.dtype) == ((32, 32), 3, jnp.dtype("float32"))
