"""Initial weights as in PyTorch: uniform within 1 / sqrt(inputs), for weights and biases."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict
from scipy.stats import kstest, uniform

from irl_inr_jax.methods import METHODS
from irl_inr_jax.presets import tiny


def init(variants, initial_weights, trunk="mlp"):
    """The method with these initial weights, and its first parameters and state."""
    config = tiny.get_config(variants)
    config.model.initial_weights = initial_weights
    config.model.encoder.update(trunk=trunk, stage_sizes=(1, 1), width=4)
    method = METHODS[config.method](config, num_channels=1, low=0.0, axis_name=None)
    images = jnp.zeros((4, 16, 16, 1)).at[:, 6:9, 6:9].set(0.8)
    return method, *jax.jit(method.init)(jax.random.key(0), images)


def by_path(params):
    return flatten_dict(jax.tree.map(np.asarray, params), sep="/")


def first_mean(method, params, model_state, size):
    """The mean of the first reconstruction on nine coordinates, of latents of this size that are 1."""
    coords = jnp.zeros((1, 9, 2)) + jnp.linspace(-1.0, 1.0, 9)[:, None]
    return float(jax.jit(method.reconstruct)(params, model_state, jnp.ones((1, size)), coords).mean())


@pytest.mark.parametrize("variants", ["paper", "thesis", "paper,mlp_generator", "spatial_vae", "target_vae"])
def test_weights_and_biases_are_uniform_within_the_root_of_the_inputs(variants):
    uniformly = init(variants, "uniform")
    params = by_path(uniformly[1])
    kernels = {path: leaf for path, leaf in params.items() if path.rpartition("/")[2] in ("kernel", "filters")}
    samples = []
    for path, kernel in kernels.items():
        bound = 1 / np.sqrt(kernel[..., 0].size)
        for leaf in (kernel, params.get(f"{path.rpartition('/')[0]}/bias", kernel)):
            assert np.abs(leaf).max() <= bound
            samples.append(leaf.ravel()[:2000] / bound)
    assert kstest(np.concatenate(samples), uniform(-1, 2).cdf).pvalue > 1e-3
    # The first image is grey, as in the publications; with scaled weights it is near the mean pixel.
    size = tiny.get_config(variants).model.latent_dim * (2 if variants == "target_vae" else 1)
    assert 0.35 < first_mean(*uniformly, size) < 0.65
    assert first_mean(*init(variants, "scaled"), size) < 0.2


def test_convolutions_of_a_resnet_keep_theirs():
    ours, published = (by_path(init("paper", initial, "resnet18")[1]) for initial in ("scaled", "uniform"))
    same = {path for path in ours if np.array_equal(ours[path], published[path])}
    assert same == {path for path in ours if "ResNet" in path}
