"""Data sets by name, all under one contract: square images, 0 for background, stable ids, labels 0..k-1, one scaling.

Readers of files give a `Source` (source.py), of which assemble.py makes the data set; pose.py makes those whose images
we turn and shift ourselves.
"""

import difflib

from ml_collections import ConfigDict

from irl_inr_jax.data.datasets.digits_u import make_digits_u
from irl_inr_jax.data.datasets.dsprites import make_dsprites
from irl_inr_jax.data.datasets.galaxy_zoo import make_galaxy_zoo
from irl_inr_jax.data.datasets.idx_sets import make_mnist_u, make_rotated_fashion_mnist, make_rotated_mnist
from irl_inr_jax.data.datasets.own_images import make_images
from irl_inr_jax.data.datasets.particles import make_particles
from irl_inr_jax.data.datasets.tfds_set import PREFIX, make_tfds
from irl_inr_jax.data.datasets.whoi_plankton import make_whoi_plankton
from irl_inr_jax.data.datasets.wm811k import make_wm811k, make_wm811k_full
from irl_inr_jax.types import Dataset, InputError

DATASETS = {
    "digits_u": make_digits_u,
    "mnist_u": make_mnist_u,
    "rotated_mnist": make_rotated_mnist,
    "rotated_fashion_mnist": make_rotated_fashion_mnist,
    "wm811k": make_wm811k,
    "wm811k_full": make_wm811k_full,
    "whoi_plankton": make_whoi_plankton,
    "particles": make_particles,
    "dsprites": make_dsprites,
    "galaxy_zoo": make_galaxy_zoo,
    "images": make_images,
    # As runs called it before all kinds of files had one name.
    "folder": make_images,
    "npz": make_images,
}


def make_dataset(data: ConfigDict) -> Dataset:
    """The data set that `config.data` asks for.

    Raises InputError for a name that is not in DATASETS and does not start with 'tfds:', and for whatever is wrong with
    the files or the other keys.
    """
    if data.name.startswith(PREFIX):
        return make_tfds(data)
    if data.name not in DATASETS:
        nearest = difflib.get_close_matches(data.name, DATASETS, n=1, cutoff=0.0)[0]
        raise InputError(
            f"config.data.name: expected one of {', '.join(DATASETS)}, or {PREFIX}NAME; found {data.name!r}, did you "
            f"mean {nearest!r}?"
        )
    return DATASETS[data.name](data)
