"""Any image set of tensorflow-datasets that is prepared as array_record, MNIST unless another is named.

    python train.py --config configs/tfds.py --workdir runs/mine --config.data.root=DIR --config.data.name=tfds:NAME

DIR is tensorflow-datasets' data_dir; nothing is downloaded. `:small` is for two CPU cores.
"""

from irl_inr_jax.presets import mnist_u

from irl_inr_jax.config import base, variants


def get_config(names: str = ""):
    """Our recipe on the images of `config.data.name`."""
    config = base.get_config()
    config.data.name = "tfds:mnist"
    config.evaluation.shift_px = 1.0
    return variants.choose(config, names, small=mnist_u.apply_small)
