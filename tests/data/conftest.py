"""The configuration's data block, and files in the published layouts of data sets."""

import gzip
import logging
import struct

import numpy as np
import pytest

from irl_inr_jax.config import base


@pytest.fixture
def data():
    """`config.data` with its defaults; as in a run, only existing keys can be set."""
    return base.get_config().data


@pytest.fixture
def log(caplog, monkeypatch):
    """Capture the log of the package; `log.messages` are its lines."""
    monkeypatch.setattr(logging.getLogger("irl_inr_jax"), "propagate", True)
    caplog.set_level(logging.INFO, logger="irl_inr_jax")
    return caplog


@pytest.fixture
def write_idx():
    """write_idx(path, uint8 array, magic=None): write the array as an IDX file, gzipped if the name ends in .gz."""

    def write(path, array, magic=None):
        magic = 0x800 + array.ndim if magic is None else magic
        content = struct.pack(f">{1 + array.ndim}I", magic, *array.shape) + array.tobytes()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
        return path

    return write


@pytest.fixture
def write_idx_set(write_idx):
    """write_idx_set(folder): write the four files of a small MNIST; return (images, labels) by split."""

    def write(folder, num_train=40, num_test=20, suffix=".gz"):
        rng = np.random.default_rng(0)
        content = {}
        for split, prefix, number in (("train", "train", num_train), ("test", "t10k", num_test)):
            images = np.zeros((number, 28, 28), np.uint8)
            images[:, 6:22, 8:20] = rng.integers(1, 256, (number, 16, 12))
            labels = (np.arange(number) % 10).astype(np.uint8)
            write_idx(folder / f"{prefix}-images-idx3-ubyte{suffix}", images)
            write_idx(folder / f"{prefix}-labels-idx1-ubyte{suffix}", labels)
            content[split] = images, labels
        return content

    return write
