"""Rotated Fashion-MNIST: turned by a uniform angle and not shifted (thesis, section 4).

    python train.py --config configs/rotated_fashion_mnist.py:thesis --workdir runs/fashion --config.data.root=DIR

Variants as in configs/rotated_mnist.py.
"""

from irl_inr_jax.presets import rotated_mnist


def get_config(names: str = ""):
    """configs/rotated_mnist.py on another set, with all its classes."""
    config = rotated_mnist.get_config(names)
    config.data.update(name="rotated_fashion_mnist", exclude_classes=())
    return config
