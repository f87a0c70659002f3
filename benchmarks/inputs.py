"""Inputs of the benchmarks: configurations by name, and noise images, so that no files are needed."""

import importlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict

from irl_inr_jax.commands.configuration import override_config
from irl_inr_jax.types import Dataset, ImageSet, InputError, Scaling


def load_config(name: str, assignments: Sequence[str] = ()) -> ConfigDict:
    """Return the configuration NAME:VARIANTS with KEY=VALUE settings of any block.

    Raises InputError for a name that is not in configs/, and for settings that `override_config` refuses.
    """
    module, _, variants = name.partition(":")
    module = Path(module).stem  # --config, unlike --configs, arrives as the path of the preset
    try:
        config = importlib.import_module(f"configs.{module}").get_config(variants).unlock()
    except ModuleNotFoundError:
        raise InputError(f"expected names of files in configs/ for --configs, found {module!r}") from None
    override_config(config, list(assignments), blocks=tuple(config))
    return config.lock()


def make_noise(config: ConfigDict, num_images: int) -> Dataset:
    """Return random 8-bit images (n, side, side, 1) of the side that `config.data` requests.

    Raises InputError for a configuration that keeps the stored size of images.
    """
    side = config.data.resize or config.data.canvas
    if not side:
        raise InputError(
            f"expected configurations that set data.canvas or data.resize, found neither for {config.data.name}"
        )
    images = np.random.default_rng(0).integers(0, 256, (num_images, side, side, 1), dtype=np.uint8)
    ids = np.arange(num_images).astype(str)
    return Dataset("noise", ImageSet(images, ids, None, None), None, (), Scaling(1 / 255, 0.0, 0.0, ""), "noise")


def changed(config: ConfigDict, changes: dict[str, object]) -> ConfigDict:
    """Return a copy with other settings."""
    copy = config.copy_and_resolve_references()
    copy.update_from_flattened_dict(changes)
    return copy
