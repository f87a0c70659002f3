"""Data sets by name, all under the contract of `arrays.py`: square images, stable ids, labels 0..k-1, one scaling."""

import difflib

from ml_collections import ConfigDict

from irl_inr_jax.data.digits_u import make_digits_u
from irl_inr_jax.data.folder import make_folder
from irl_inr_jax.data.idx_sets import make_mnist_u, make_rotated_fashion_mnist, make_rotated_mnist
from irl_inr_jax.data.npz import make_npz
from irl_inr_jax.types import Dataset, InputError

DATASETS = {
    "digits_u": make_digits_u,
    "mnist_u": make_mnist_u,
    "rotated_mnist": make_rotated_mnist,
    "rotated_fashion_mnist": make_rotated_fashion_mnist,
    "npz": make_npz,
    "folder": make_folder,
}


def make_dataset(data: ConfigDict) -> Dataset:
    """The data set that `config.data` asks for.

    Raises InputError for a name that is not in DATASETS, and for whatever is wrong with the files or the other keys.
    """
    if data.name not in DATASETS:
        nearest = difflib.get_close_matches(data.name, DATASETS, n=1, cutoff=0.0)[0]
        raise InputError(
            f"config.data.name: expected one of {', '.join(DATASETS)}; found {data.name!r}, did you mean {nearest!r}?"
        )
    return DATASETS[data.name](data)
