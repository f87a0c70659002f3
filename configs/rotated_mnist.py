"""Rotated MNIST without 9: turned by a uniform angle and not shifted (thesis, section 4).

    python train.py --config configs/rotated_mnist.py:thesis --workdir runs/rotated_mnist --config.data.root=DIR

`:thesis` is the thesis' method and hyper-parameters, `:paper` the paper's, `:small` a run for two CPU cores.
"""

from irl_inr_jax.presets import mnist_u

from irl_inr_jax.config import base, variants


def get_config(names: str = ""):
    """Our recipe with tau = 0."""
    config = base.get_config()
    config.data.update(name="rotated_mnist", canvas=28, exclude_classes=(9,))
    config.model.pose.translation = False
    return variants.choose(config, names, small=mnist_u.apply_small)
