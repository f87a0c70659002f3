"""Options of a fit from the estimator's parameters, and the configuration with them."""

import math
from collections.abc import Mapping
from numbers import Integral
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from ml_collections import ConfigDict

from irl_inr_jax.config.base import list_keys
from irl_inr_jax.config.checks import check_names, flatten_keys
from irl_inr_jax.config.recipe import own_images_config, set_keys
from irl_inr_jax.types import InputError
from irl_inr_jax.workflows.evaluate_run import list_clusterers


class ModelOptions(NamedTuple):
    """Options of a fit.

    num_clusters: None to choose it. clusterer: which has to be among those computed. config: None to choose the
    settings for the images and the machine. settings: keys of the configuration that differ. budget: minutes, None for
    the default, 0 for no bound. seed: None for that of the configuration. workdir: None for a temporary folder.
    """

    num_clusters: int | None
    clusterer: str
    config: ConfigDict | None
    settings: Mapping[str, Any]
    budget: float | None
    seed: int | None
    workdir: Path | None


def make_model_options(params: Mapping[str, Any]) -> ModelOptions:
    """Return the options of the estimator's parameters. Raises InputError for values that cannot be used."""
    number, budget, state = params["n_clusters"], params["budget"], params["random_state"]
    if number is not None and (isinstance(number, bool) or not isinstance(number, Integral) or number < 1):
        raise InputError(f"expected a number of at least 1, or None, for n_clusters, found {number!r}")
    if budget is not None and not (isinstance(budget, int | float) and 0 <= budget < math.inf):
        raise InputError(f"expected a number of minutes for budget, found {budget!r}; 0 sets no bound")
    if params["config"] is not None and not isinstance(params["config"], ConfigDict):
        raise InputError(
            f"expected a ConfigDict or None for config, found {params['config']!r}; "
            f"irl_inr_jax.presets.NAME.get_config(VARIANTS) returns one"
        )
    if params["settings"] is not None and not isinstance(params["settings"], Mapping):
        raise InputError(
            f"expected a dict such as {{'train.num_epochs': 50}} for settings, found {params['settings']!r}"
        )
    if params["workdir"] is not None and not isinstance(params["workdir"], str | Path):
        raise InputError(f"expected a path or None for workdir, found {params['workdir']!r}")
    seed = None if state is None else int(state) if isinstance(state, Integral) else draw_seed(state)
    return ModelOptions(
        num_clusters=None if number is None else int(number),
        clusterer=params["clusterer"],
        config=params["config"],
        settings=params["settings"] or {},
        budget=None if budget is None else float(budget),
        seed=seed,
        workdir=None if params["workdir"] is None else Path(params["workdir"]).expanduser(),
    )


def draw_seed(state: Any) -> int:
    """Return a seed drawn from a NumPy generator. Raises InputError for anything else."""
    if isinstance(state, np.random.RandomState):
        return int(state.randint(2**31 - 1))
    if isinstance(state, np.random.Generator):
        return int(state.integers(2**31 - 1))
    raise InputError(f"expected an integer, a NumPy generator or None for random_state, found {state!r}")


def make_config(options: ModelOptions) -> tuple[ConfigDict, dict[str, Any]]:
    """Return the configuration with the settings and the seed, and the keys that were set.

    Raises InputError for unknown keys and values of another type.
    """
    config = own_images_config() if options.config is None else options.config.copy_and_resolve_references()
    overrides = dict(options.settings)
    check_names(list(overrides), flatten_keys(list_keys()))
    if options.seed is not None:
        overrides["seed"] = options.seed
    try:
        set_keys(config, overrides)
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        raise InputError(f"expected settings of the types in irl_inr_jax/config, found another: {error}") from None
    list_clusterers(config.evaluation.clusterers)
    list_clusterers([options.clusterer])
    return config, overrides
