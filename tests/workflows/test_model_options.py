"""Options of a fit: parameters that are refused, and the configuration with settings and seed."""

import numpy as np
import pytest

from irl_inr_jax import IRLINR
from irl_inr_jax.presets import tiny
from irl_inr_jax.types import InputError
from irl_inr_jax.workflows.model_options import make_config, make_model_options


def options(**params):
    return make_model_options(IRLINR(**params).get_params())


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"n_clusters": 0}, "n_clusters, found 0"),
        ({"n_clusters": 2.5}, "n_clusters, found 2.5"),
        ({"n_clusters": True}, "n_clusters, found True"),
        ({"budget": -1}, "budget, found -1"),
        ({"budget": float("inf")}, "budget, found inf"),
        ({"random_state": "x"}, "random_state, found 'x'"),
        ({"clusterer": "kmean"}, "did you mean 'kmeans'"),
        ({"settings": {"train.epochs": 1}}, "epochs"),
        ({"settings": {"train.num_epochs": "many"}}, "types"),
    ],
)
def test_parameters_that_cannot_be_used_are_one_line(params, words):
    with pytest.raises(InputError) as error:
        make_config(options(**params))
    assert words in str(error.value) and "\n" not in str(error.value)


def test_settings_and_seed_are_set_in_a_copy_of_the_configuration():
    given = tiny.get_config()
    settings = {"train.num_epochs": 1, "evaluation.clusterers": ["kmeans"], "data.resize": 8}
    config, overrides = make_config(options(config=given, settings=settings, random_state=np.int64(5)))
    assert (config.train.num_epochs, config.seed, config.data.resize) == (1, 5, 8)
    assert config.evaluation.clusterers == ("kmeans",) and overrides["seed"] == 5
    assert given == tiny.get_config()
    assert make_config(options(config=given))[0].seed == given.seed
    seeds = [options(random_state=np.random.RandomState(3)).seed for _ in range(2)]
    assert seeds[0] == seeds[1] and options(random_state=np.random.default_rng(3)).seed != options(random_state=3).seed
