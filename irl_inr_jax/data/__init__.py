"""Data sets by name, all under the contract of `arrays.py`: square images, stable ids, labels 0..k-1, one scaling."""

import difflib

from ml_collections import ConfigDict

from irl_inr_jax.data.digits_u import make_digits_u
from irl_inr_jax.data.idx_sets import make_mnist_u, make_rotated_fashion_mnist, make_rotated_mnist
from irl_inr_jax.types import Dataset, InputError

DATASETS = {
    "digits_u": make_digits_u,
    "mnist_u": make_mnist_u,
    "rotated_mnist": make_rotated_mnist,
    "rotated_fashion_mnist": make_rotated_fashion_mnist,
}
# TEMPORARY until all readers exist
import importlib

for _module, _pairs in {
    "own_images": {"images": "make_images", "folder": "make_images", "npz": "make_images"},
    "wm811k": {"wm811k": "make_wm811k", "wm811k_full": "make_wm811k_full"},
    "dsprites": {"dsprites": "make_dsprites"},
    "galaxy_zoo": {"galaxy_zoo": "make_galaxy_zoo"},
    "whoi_plankton": {"whoi_plankton": "make_whoi_plankton"},
    "particles": {"particles": "make_particles"},
    "tfds_set": {"tfds": "make_tfds"},
}.items():
    try:
        _loaded = importlib.import_module(f"irl_inr_jax.data.{_module}")
        DATASETS |= {k: getattr(_loaded, v) for k, v in _pairs.items()}
    except (ImportError, AttributeError):
        pass


def make_dataset(data: ConfigDict) -> Dataset:
    """The data set that `config.data` asks for.

    Raises InputError for a name that is not in DATASETS, and for whatever is wrong with the files or the other keys.
    """
    if data.name.startswith('tfds:'):
        return DATASETS['tfds'](data)
    if data.name not in DATASETS:
        nearest = difflib.get_close_matches(data.name, DATASETS, n=1, cutoff=0.0)[0]
        raise InputError(
            f"config.data.name: expected one of {', '.join(DATASETS)}; found {data.name!r}, did you mean {nearest!r}?"
        )
    return DATASETS[data.name](data)
