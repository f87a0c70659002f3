import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from irl_inr_jax.models.hypernetwork import HyperNetwork, unflatten_eta
from irl_inr_jax.models.inr import InrSpec, init_eta


def make_spec(channels=1, activation="relu"):
    sizes = {"widths": (6, 5), "num_frequencies": 4}
    return InrSpec(**sizes, channels=channels, activation=activation, frequency_std=1.0, low=0.0)


def make_hypernet(spec, dtype="float32"):
    return HyperNetwork(
        widths=(8, 7),
        spec=spec,
        dtype=jnp.dtype(dtype),
        last_bias_init=nn.initializers.normal(1.0),
        num_shards=1,
        axis_name=None,
    )


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("activation", ["relu", "sine"])
def test_unflattening_inverts_ravel_pytree(channels, activation):
    spec = make_spec(channels, activation)
    sample = jax.jit(init_eta, static_argnums=1)
    etas = [sample(jax.random.key(seed), spec, jnp.full(channels, 0.4)) for seed in range(3)]
    flat = jnp.stack([ravel_pytree(eta)[0] for eta in etas])
    assert flat.shape == (3, spec.num_weights)
    batch = unflatten_eta(flat, spec)
    for index, eta in enumerate(etas):
        jax.tree.map(np.testing.assert_array_equal, jax.tree.map(lambda leaf, i=index: leaf[i], batch), eta)


def test_a_batch_of_latents_is_emitted_one_by_one():
    spec = make_spec()
    hypernet, latents = make_hypernet(spec), jax.random.normal(jax.random.key(1), (4, 3))
    together, variables = jax.jit(hypernet.init_with_output)(jax.random.key(0), latents)
    for i in range(4):
        alone = jax.jit(hypernet.apply)(variables, latents[i : i + 1])
        jax.tree.map(lambda a, b, i=i: np.testing.assert_allclose(a[i], b[0], rtol=1e-4, atol=1e-5), together, alone)


def test_the_hypernetwork_is_a_leaky_mlp_whose_last_layer_has_one_output_per_weight():
    spec = make_spec(3)
    hypernet, latents = make_hypernet(spec), jax.random.normal(jax.random.key(1), (4, 3))
    eta, variables = jax.jit(hypernet.init_with_output)(jax.random.key(0), latents)
    x = np.asarray(latents, np.float64)
    for i in range(3):
        layer = variables["params"]["MLP_0"][f"Dense_{i}"]
        x = np.maximum(x, 0.1 * x) if i else x
        x = x @ np.asarray(layer["kernel"], np.float64) + np.asarray(layer["bias"], np.float64)
    assert x.shape == (4, spec.num_weights)
    flat = np.stack([ravel_pytree(jax.tree.map(lambda leaf, i=i: leaf[i], eta))[0] for i in range(4)])
    np.testing.assert_allclose(flat, x, rtol=1e-4, atol=1e-5)


def test_parameters_stay_float32_in_bfloat16():
    hypernet = make_hypernet(make_spec(), "bfloat16")
    variables = jax.eval_shape(hypernet.init, jax.random.key(0), jnp.zeros((1, 3)))
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype("float32")}
