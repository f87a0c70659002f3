"""The check that no data set ignores a key of the configuration."""

import functools
import hashlib

import jax
import numpy as np
import pytest

from irl_inr_jax.config import base
from irl_inr_jax.data.datasets import make_dataset
from irl_inr_jax.data.keys import SHARED_KEYS
from irl_inr_jax.types import InputError

# A value for each key, and further keys that let it have an effect.
CHANGES = {
    "seed": (1, {"num_train": 5}),
    "root": ("elsewhere", {}),
    "path": ("elsewhere", {}),
    "num_train": (4, {}),
    "num_test": (2, {}),
    "test_fraction": (0.4, {}),
    "num_classes": (1, {}),
    "class_images": ((2, 1), {}),
    "exclude_classes": ((0,), {}),
    "canvas": (40, {}),
    "translation_px": (1.0, {}),
    "resize": (6, {}),
    "resampling": ("max", {"resize": 6}),
    "same_scale": (False, {"resize": 6}),
    "crop": ("circle", {}),
    "mask": ((0, 4, 0, 4), {}),
    "background": ("7", {}),
    "invert": (True, {}),
    "scaling": ("percentiles", {"resize": 6}),
    "path_column": ("other", {}),
    "label_column": ("kind", {}),
    "images_key": ("pixels", {}),
    "labels_key": ("kinds", {}),
    "labels_path": ("labels.csv", {}),
    "die_columns": (("lot", "x", "y", "bin"), {}),
    "pass_bins": ((1, 2), {}),
    "max_unreadable": (0.5, {}),
    "memory_mb": (0, {}),
}
# Keys whose values may be impossible for the images at hand; the message then names the key.
MAY_BE_REFUSED = {"num_test", "test_fraction", "invert", "root", "path", "max_unreadable"}


def outcome(data, keys):
    """A digest of all that is in the data set of `data` with these keys changed, or the message of its InputError."""
    data = data.copy_and_resolve_references()
    data.update(**keys)
    try:
        dataset = make_dataset(data)
    except InputError as error:
        return str(error)
    digest = hashlib.sha256(repr((dataset.class_names, dataset.scaling[:3])).encode())
    for part in (dataset.train, dataset.test):
        if part is not None:
            digest.update(type(part.images).__name__.encode())
            for leaf in jax.tree.leaves((part.images[:], part.ids.astype("U40"), part.labels, part.pose)):
                digest.update(np.ascontiguousarray(leaf).tobytes())
    return digest.hexdigest()


@pytest.fixture
def check_every_key(monkeypatch):
    """check(data, used, changes): every key works or is refused. used: besides SHARED_KEYS. changes: to CHANGES."""
    # An unreachable root must not be looked for on the network.
    monkeypatch.setattr("irl_inr_jax.data.datasets.download.can_connect", lambda *_, **__: False)

    def check(data, used, changes):
        assert set(CHANGES) | {"name"} == set(base.get_config().data), "add the key to CHANGES"
        baseline = functools.cache(lambda companions: outcome(data, dict(companions)))
        for key, (value, companions) in (CHANGES | changes).items():
            after = outcome(data, {**companions, key: value})
            if key not in SHARED_KEYS | used:
                assert after.startswith(f"config.data.{key}: expected its default"), (data.name, key, after)
                assert after.endswith("leave it out")
            elif key in MAY_BE_REFUSED and " " in after:
                assert f"config.data.{key}" in after, (data.name, key, after)
            else:
                before = baseline(tuple(companions.items()))
                assert before != after and " " not in after, (data.name, key, before, after)

    return check
