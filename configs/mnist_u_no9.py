"""MNIST(U) without 9, which no encoder invariant to rotation can tell from 6 (paper, Appendix D and Table 8).

    irl-inr train --config mnist_u_no9:small --workdir runs/mnist_u_no9 --config.data.root=DIR

Variants as in configs/mnist_u.py.
"""

from irl_inr_jax.config import base, variants


def get_config(names: str = ""):
    """The keys of configs/mnist_u.py and the omitted class."""
    config = base.get_config()
    config.data.update(name="mnist_u", canvas=50, translation_px=5.0, exclude_classes=(9,))
    config.model.encoder.polar.radius = 0.64  # the digits fill a disc of 16 pixels of the canvas
    config.evaluation.shift_px = 5.0
    return variants.choose(config, names)
