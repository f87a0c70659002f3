"""Initial weights as in PyTorch: uniform within 1 / sqrt(inputs), for weights and biases."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict
from scipy.stats import kstest, uniform

from irl_inr_jax.methods import METHODS
from irl_inr_jax.presets import tiny


@pytest.fixture(scope="module")
def init():
    """init(variants, initial_weights) -> the parameters of that method by path, and its first reconstructions."""

    def init(variants, initial_weights, trunk="mlp"):
        config = tiny.get_config(variants)
        config.model.initial_weights = initial_weights
        config.model.encoder.update(trunk=trunk, stage_sizes=(1, 1), width=4)
        method = METHODS[config.method](config, num_channels=1, low=0.0, axis_name=None)
        images = jnp.zeros((4, 16, 16, 1)).at[:, 6:9, 6:9].set(0.8)
        params, model_state = jax.jit(method.init)(jax.random.key(0), images)
        values = None
        if method.reconstruct is not None:
            coords = jnp.zeros((1, 9, 2)) + jnp.linspace(-1.0, 1.0, 9)[:, None]
            size = 2 * config.model.latent_dim if variants == "target_vae" else config.model.latent_dim
            values = method.reconstruct(params, model_state, jnp.ones((1, size)), coords)
        return flatten_dict(jax.tree.map(np.asarray, params), sep="/"), values

    return init


@pytest.mark.parametrize("variants", ["paper", "thesis", "paper,mlp_generator", "spatial_vae", "target_vae"])
def test_weights_and_biases_are_uniform_within_the_root_of_the_inputs(init, variants):
    params, values = init(variants, "uniform")
    kernels = {path: leaf for path, leaf in params.items() if path.rpartition("/")[2] in ("kernel", "filters")}
    samples = []
    for path, kernel in kernels.items():
        bound = 1 / np.sqrt(kernel[..., 0].size)
        for leaf in (kernel, params.get(f"{path.rpartition('/')[0]}/bias", kernel)):
            assert np.abs(leaf).max() <= bound
            samples.append(leaf.ravel()[:2000] / bound)
    assert kstest(np.concatenate(samples), uniform(-1, 2).cdf).pvalue > 1e-3
    # The first image is grey, as in the publications; with scaled weights it is near the mean pixel.
    assert 0.35 < np.asarray(values).mean() < 0.65
    assert np.asarray(init(variants, "scaled")[1]).mean() < 0.2


def test_convolutions_of_a_resnet_keep_theirs(init):
    (ours, _), (published, _) = (init("paper", initial, "resnet18") for initial in ("scaled", "uniform"))
    same = {path for path in ours if np.array_equal(ours[path], published[path])}
    assert same == {path for path in ours if "ResNet" in path}
