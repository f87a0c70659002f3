"""Rotated MNIST without 9: rotated uniformly, not shifted (thesis, section 4).

    irl-inr train --config rotated_mnist:thesis --workdir runs/rotated_mnist --config.data.root=DIR

`:thesis` has the thesis' method and hyper-parameters, and 79.3 % by k-means there; `:paper` has the paper's, `:small`
is for two CPU cores.
"""

from irl_inr_jax.config import base, variants


def get_config(names: str = ""):
    """The default recipe with tau = 0."""
    config = base.get_config()
    config.data.update(name="rotated_mnist", canvas=28, exclude_classes=(9,))
    config.model.pose.translation = False
    return variants.choose(config, names)
