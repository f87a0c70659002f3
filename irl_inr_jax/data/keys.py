"""The keys of `config.data` that a data set reads. A key that it does not read must keep its default."""

from collections.abc import Set

from ml_collections import ConfigDict

from irl_inr_jax.config import base
from irl_inr_jax.types import InputError

# Keys that `assembly.py` applies to every data set.
SHARED_KEYS = frozenset(
    {
        "name",
        "seed",
        "num_train",
        "num_test",
        "test_fraction",
        "num_classes",
        "class_images",
        "exclude_classes",
        "canvas",
        "resize",
        "resampling",
        "crop",
        "mask",
        "background",
        "invert",
        "scaling",
        "memory_mb",
    }
)


def check_keys(data: ConfigDict, keys: Set[str], *, reader: str) -> None:
    """Raise InputError for a key of `config.data` outside SHARED_KEYS and `keys` that differs from its default.

    keys: the keys that only some readers use. reader: its name, for the message.
    """
    for key, default in base.get_config().data.items():
        if key not in SHARED_KEYS | keys and data[key] != default:
            raise InputError(
                f"config.data.{key}: expected its default {default!r} for {reader}, which does not use this key, "
                f"found {data[key]!r}; leave it out"
            )
