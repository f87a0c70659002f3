"""Any image set of tensorflow-datasets that is prepared as array_record; MNIST by default.

    irl-inr train --config tfds --workdir runs/mine --config.data.root=DIR --config.data.name=tfds:NAME

DIR is tensorflow-datasets' data_dir; nothing is downloaded. `:small` is for two CPU cores.
"""

from irl_inr_jax.config import base, variants


def get_config(names: str = ""):
    """The default recipe on the images of `config.data.name`."""
    config = base.get_config()
    config.data.name = "tfds:mnist"
    config.evaluation.shift_px = 1.0
    return variants.choose(config, names)
