"""Your own images: a folder, a pattern, a table with paths, or a file of many (npy, npz, HDF5, mrcs, FITS, TIFF).

    python -m irl_inr_jax inspect DIR
    python train.py --config configs/images.py:small --workdir runs/mine --config.data.path=DIR

Look at what `inspect` shows first; docs/data.md says what can be set. `:small` is for CPUs. Say
--config.evaluation.num_clusters=K if you know how many kinds there are, and --config.model.pose.translation=False if
your images only turn.
"""

from irl_inr_jax.presets import mnist_u

from irl_inr_jax.config import base, variants


def get_config(names: str = ""):
    """Our recipe on the images of `config.data.path`."""
    config = base.get_config()
    config.data.name = "images"
    config.evaluation.shift_px = 1.0
    return variants.choose(config, names, small=apply_small)


def apply_small(config) -> None:
    """The networks of the small MNIST(U) run, and every image."""
    mnist_u.apply_small(config)
    config.data.num_train = 0
