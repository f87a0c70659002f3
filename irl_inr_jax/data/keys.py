"""The keys of `config.data` that a data set reads. A key that it does not read must keep its default."""

import os
from collections.abc import Set
from pathlib import Path

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

MAX_NAME = 255  # bytes of the name of a file or folder
MAX_PATH = 4095  # bytes of a whole path on Linux, the longest of the systems


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


def check_one_place(data: ConfigDict) -> None:
    """Raise InputError if both config.data.path and config.data.root are set, of which only the path would be read."""
    if data.path and is_requested(data, "root"):
        raise InputError(
            f"config.data.root: expected its default with config.data.path, which names the images, found both "
            f"{data.root!r} and {data.path!r}; leave one out"
        )


def check_paths(data: ConfigDict) -> None:
    """Raise InputError for a path that no file can have: an unknown user's home, or a name that is too long."""
    for key in ("root", "path", "labels_path"):
        try:
            path = Path(data[key]).expanduser()
        except RuntimeError:
            raise InputError(
                f"config.data.{key}: expected a path, found {data[key]!r}, the home of a user who does not exist; "
                f"write the path without ~"
            ) from None
        longest = max((os.fsencode(part) for part in path.parts), key=len, default=b"")
        if len(os.fsencode(path)) > MAX_PATH:
            raise InputError(
                f"config.data.{key}: expected a path of at most {MAX_PATH} bytes, found {len(os.fsencode(path))} in "
                f"{str(path)[:80]!r}; correct it"
            )
        if len(longest) > MAX_NAME or "\0" in str(path):
            found = f"a name of {len(longest)} bytes" if len(longest) > MAX_NAME else "a zero byte"
            raise InputError(
                f"config.data.{key}: expected a path of names of at most {MAX_NAME} bytes, found {found} in "
                f"{str(path)[:80]!r}; correct it"
            )


def is_requested(data: ConfigDict, key: str) -> bool:
    """Return True if config.data.`key` differs from its default; what it names must then exist."""
    return data[key] != base.get_config().data[key]
