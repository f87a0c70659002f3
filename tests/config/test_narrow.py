"""The variants for CPUs: what they change, and that the networks are smaller."""

import jax
import pytest

from irl_inr_jax.config.storage import flatten
from irl_inr_jax.methods import METHODS
from irl_inr_jax.presets import mnist_u

BASELINES = ("model.spatial.", "model.group_conv.", "clustering.")


def changed_keys(variant):
    default, other = flatten(mnist_u.get_config()), flatten(mnist_u.get_config(variant))
    return {key for key, value in other.items() if value != default[key] and not key.startswith(BASELINES)}


def test_cpu_is_the_default_recipe_with_fewer_epochs():
    """A polar encoder does not read the widths of the head."""
    assert changed_keys("cpu") == {"train.num_epochs", "model.encoder.head_widths"}
    assert 5 * mnist_u.get_config("cpu").train.num_epochs == mnist_u.get_config().train.num_epochs


def test_small_has_no_neighbours_and_fewer_images_and_takes_larger_batches():
    config = mnist_u.get_config("small")
    assert changed_keys("small") - changed_keys("cpu") == {
        "data.num_train",
        "loss.neighbours",
        "model.encoder.trunk",
        "train.batch_size",
    }
    assert config.loss.neighbours == 0 and config.data.num_train == 20_000 and config.train.batch_size == 128


def count_parameters(variants):
    config = mnist_u.get_config(variants)
    method = METHODS[config.method](config, num_channels=1, low=0.0, axis_name=None)
    images = jax.ShapeDtypeStruct((2, 50, 50, 1), "float32")
    params, _ = jax.eval_shape(method.init, jax.random.key(0), images)
    return sum(leaf.size for leaf in jax.tree.leaves(params))


@pytest.mark.parametrize(
    "method",
    [
        pytest.param("paper", marks=pytest.mark.slow),
        "spatial_vae",
        "target_vae",
        pytest.param("simclr", marks=pytest.mark.slow),
    ],
)
def test_small_networks_have_fewer_parameters_and_at_most_as_many_numbers_in_z(method):
    wide, narrow = (mnist_u.get_config(variants) for variants in (method, f"{method},small"))
    assert count_parameters(f"{method},small") < 0.9 * count_parameters(method)
    assert narrow.model.latent_dim == min(wide.model.latent_dim, 128 if method == "simclr" else 10)
