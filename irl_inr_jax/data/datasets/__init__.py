"""Data sets by name.

Every data set is a function from `config.data` to a `Source`; `assemble_dataset` turns any `Source` into a `Dataset` of
square images with background 0, stable ids, labels 0..k-1 and one scaling.
"""

import difflib
from collections.abc import Callable
from pathlib import Path

from ml_collections import ConfigDict

from irl_inr_jax.config.base import data_keys
from irl_inr_jax.config.checks import check_values
from irl_inr_jax.data.assembly import assemble_dataset
from irl_inr_jax.data.datasets.die_list import read_die_list
from irl_inr_jax.data.datasets.digits_u import read_digits_u
from irl_inr_jax.data.datasets.dsprites import read_dsprites
from irl_inr_jax.data.datasets.galaxy_zoo import read_galaxy_zoo
from irl_inr_jax.data.datasets.idx_sets import read_mnist_u, read_rotated_fashion_mnist, read_rotated_mnist
from irl_inr_jax.data.datasets.own_images import READER_KEYS, STACK_KEYS, read_own_images
from irl_inr_jax.data.datasets.particles import read_particles
from irl_inr_jax.data.datasets.tfds_set import PREFIX, read_tfds_set
from irl_inr_jax.data.datasets.whoi_plankton import read_whoi_plankton
from irl_inr_jax.data.datasets.wm811k import read_wm811k, read_wm811k_full
from irl_inr_jax.data.keys import check_keys, check_one_place, check_paths
from irl_inr_jax.data.source import Source
from irl_inr_jax.types import Dataset, InputError

DATASETS: dict[str, Callable[[ConfigDict], Source]] = {
    "digits_u": read_digits_u,
    "mnist_u": read_mnist_u,
    "rotated_mnist": read_rotated_mnist,
    "rotated_fashion_mnist": read_rotated_fashion_mnist,
    "wm811k": read_wm811k,
    "wm811k_full": read_wm811k_full,
    "die_list": read_die_list,
    "whoi_plankton": read_whoi_plankton,
    "particles": read_particles,
    "dsprites": read_dsprites,
    "galaxy_zoo": read_galaxy_zoo,
    "images": read_own_images,
}
# The keys of config.data that each data set uses besides SHARED_KEYS; `read_own_images` checks them once more for the
# layout at config.data.path.
DATASET_KEYS: dict[str, frozenset[str]] = {
    "digits_u": frozenset({"translation_px"}),
    "mnist_u": frozenset({"root", "translation_px"}),
    "rotated_mnist": frozenset({"root"}),
    "rotated_fashion_mnist": frozenset({"root"}),
    "wm811k": frozenset({"root"}),
    "wm811k_full": frozenset({"root"}),
    "die_list": frozenset({"path", "die_columns", "pass_bins", "label_column"}),
    "whoi_plankton": frozenset({"root", "path", "same_scale", "max_unreadable"}),
    "particles": frozenset({"root", "path"}),
    "dsprites": frozenset({"root"}),
    "galaxy_zoo": frozenset({"root"}),
    "images": STACK_KEYS.union(*READER_KEYS.values()),
}
TFDS_KEYS = frozenset({"root", "same_scale", "images_key", "label_column"})


def make_dataset(data: ConfigDict) -> Dataset:
    """Return the data set that `config.data` specifies. Raises InputError as `open_source`, and for invalid images."""
    return assemble_dataset(data, open_source(data))


def open_source(data: ConfigDict) -> Source:
    """Return the images that `config.data` names, as published, before sizes, splits and scaling.

    Raises InputError for invalid values, for a name that is not in DATASETS and does not start with 'tfds:', for keys
    that the data set does not use, and for invalid files.
    """
    check_values(data, data_keys(), prefix="data.")
    if data.name.startswith(PREFIX):
        read, keys = read_tfds_set, TFDS_KEYS
    elif data.name in DATASETS:
        read, keys = DATASETS[data.name], DATASET_KEYS[data.name]
    else:
        nearest = difflib.get_close_matches(data.name, DATASETS, n=1, cutoff=0.0)[0]
        raise InputError(
            f"config.data.name: expected one of {', '.join(DATASETS)}, or {PREFIX}NAME; found {data.name!r}, did you "
            f"mean {nearest!r}?"
        )
    check_keys(data, keys, reader=data.name)
    check_paths(data)
    if {"root", "path"} <= keys:
        check_one_place(data)
    try:
        return read(data)
    except InputError as error:
        if "config.data.root" in str(error) and not Path(data.root).expanduser().is_absolute():
            raise InputError(f"{error}; config.data.root is relative to {Path.cwd()}") from None
        raise
