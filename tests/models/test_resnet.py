from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec as P

from irl_inr_jax.devices.mesh import AXIS, make_mesh
from irl_inr_jax.models.resnet import STEMS, ResNet
from tests.resnet_by_definition import NumpyResNet


def make_resnet(**changes):
    settings = {"stage_sizes": (1, 1), "width": 4, "stem": "3x3", "train": False, "axis_name": None}
    settings |= {"convolutions": "direct", "padding": "same", "remat": False}
    return ResNet(**{**settings, "dtype": jnp.dtype("float32"), **changes})


def random_images(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).uniform(size=shape), jnp.float32)


def count(params):
    return sum(leaf.size for leaf in jax.tree.leaves(params))


def expected_resnet_count(stem_size, channels, width, stage_sizes):
    """Convolutions without bias and two parameters per feature in each norm, from He et al. (2016)."""
    total, last = stem_size**2 * channels * width + 2 * width, width
    for stage, blocks in enumerate(stage_sizes):
        features = width * 2**stage
        for _ in range(blocks):
            total += 9 * last * features + 9 * features**2 + 4 * features
            total += last * features + 2 * features if last != features else 0
            last = features
    return total


@pytest.mark.parametrize(("stem", "channels", "published"), [("3x3", 1, None), ("7x7", 3, 11_689_512 - 513_000)])
def test_resnet18_has_the_parameters_of_resnet18(stem, channels, published):
    model = make_resnet(stage_sizes=(2, 2, 2, 2), width=64, stem=stem)
    shapes = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 28, 28, channels)))
    expected = expected_resnet_count(STEMS[stem][0], channels, 64, (2, 2, 2, 2))
    assert count(shapes["params"]) == expected
    assert published is None or expected == published  # torchvision's resnet18 without its 512 -> 1000 classifier


@pytest.mark.parametrize(
    ("stem", "sides"), [("3x3", (28, 28, 14, 7)), ("3x3/2", (14, 14, 7, 4)), ("7x7", (14, 7, 4, 2))]
)
def test_each_stem_has_its_map_sizes(stem, sides):
    model = make_resnet(stage_sizes=(1, 1, 1), stem=stem)

    def run(key, images):
        variables = model.init(key, images)
        return model.apply(variables, images, capture_intermediates=True, mutable=["intermediates"])

    pooled, state = jax.eval_shape(run, jax.random.key(0), jnp.zeros((2, 28, 28, 1)))
    maps = state["intermediates"]
    assert pooled.shape == (2, 16)
    assert maps["Conv_0"]["__call__"][0].shape == (2, sides[0], sides[0], 4)
    for block, features in enumerate((4, 8, 16)):
        side = sides[block + 1]
        assert maps[f"BasicBlock_{block}"]["__call__"][0].shape == (2, side, side, features)


@pytest.fixture(scope="module")
def features_by_sharding():
    """Features and new statistics in train mode: of 16 images on one device, and of four on each of four."""
    images = random_images(16, 8, 8, 1) * jnp.arange(1.0, 17.0)[:, None, None, None]
    variables = jax.jit(make_resnet().init)(jax.random.key(0), images[:1])

    def run(axis_name, images):
        model = make_resnet(train=True, axis_name=axis_name)
        return model.apply(variables, images, mutable=["batch_stats"])

    whole = jax.jit(lambda images: run(None, images))(images)
    specs = {"in_specs": P(AXIS), "out_specs": (P(AXIS), P()), "check_vma": False}
    mapped = jax.shard_map(lambda images: run(AXIS, images), mesh=make_mesh(jax.devices()), **specs)
    alone = jax.shard_map(lambda images: run(None, images), mesh=make_mesh(jax.devices()), **specs)
    return whole, jax.jit(mapped)(images), jax.jit(alone)(images)


@pytest.mark.multi_device
def test_batch_norm_over_devices_is_that_of_the_global_batch(features_by_sharding):
    assert jax.device_count() == 4
    (features, state), (shared, shared_state), (alone, _) = features_by_sharding
    np.testing.assert_allclose(shared, features, rtol=1e-3, atol=1e-4)
    for a, b in zip(jax.tree.leaves(state), jax.tree.leaves(shared_state), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-3, atol=1e-4)
    assert np.abs(np.asarray(alone) - features).max() > 0.1  # without the axis the devices differ


def test_running_averages_change_by_a_tenth_of_the_difference_to_the_batch():
    images = random_images(6, 8, 8, 1)
    variables = jax.jit(make_resnet().init)(jax.random.key(0), images)
    _, state = jax.jit(partial(make_resnet(train=True).apply, mutable=["batch_stats"]))(variables, images)
    kernel = np.asarray(variables["params"]["Conv_0"]["kernel"], np.float64)
    padded = np.pad(np.asarray(images, np.float64), ((0, 0), (1, 1), (1, 1), (0, 0)))
    conv = sum(padded[:, i : i + 8, j : j + 8] @ kernel[i, j] for i in range(3) for j in range(3))
    found = state["batch_stats"]["BatchNorm_0"]
    np.testing.assert_allclose(found["mean"], 0.1 * conv.mean((0, 1, 2)), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found["var"], 0.9 + 0.1 * conv.var((0, 1, 2)), rtol=1e-4)


def test_evaluation_uses_the_running_averages_and_encodes_each_image_independently():
    images = random_images(4, 8, 8, 1)
    variables = jax.jit(make_resnet().init)(jax.random.key(0), images)
    apply = jax.jit(make_resnet().apply)
    together = apply(variables, images)
    np.testing.assert_allclose(apply(variables, images[:1]), together[:1], rtol=1e-5, atol=1e-6)
    doubled = jax.tree.map(lambda leaf: 2 * leaf + 1, variables["batch_stats"])
    changed = apply({**variables, "batch_stats": doubled}, images)
    assert np.abs(np.asarray(changed) - together).max() > 0.01


@pytest.mark.parametrize(
    ("stem", "side", "convolutions"), [("3x3", 8, "direct"), ("3x3/2", 12, "matmul"), ("7x7", 16, "matmul")]
)
def test_with_symmetric_padding_it_is_the_published_network_on_even_sides(stem, side, convolutions):
    model = make_resnet(stem=stem, padding="symmetric", convolutions=convolutions)
    images, rng = random_images(3, side, side, 1), np.random.default_rng(1)

    def sample(path, leaf):
        if path[-1].key == "kernel":
            return rng.normal(0, (2 / np.prod(leaf.shape[:3])) ** 0.5, leaf.shape).astype(np.float32)
        return rng.uniform(0.5 if path[-1].key in ("var", "scale") else 0.0, 1.0, leaf.shape).astype(np.float32)

    shapes = jax.eval_shape(model.init, jax.random.key(0), images)
    variables = jax.tree_util.tree_map_with_path(sample, shapes)
    expected = NumpyResNet(variables, stem=stem)(images)
    found = jax.jit(model.apply)(variables, images)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * expected.max())
    assert expected.min(0).max() > 0.1
