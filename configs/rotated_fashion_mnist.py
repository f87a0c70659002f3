"""Rotated Fashion-MNIST: rotated uniformly, not shifted (thesis, section 4).

    irl-inr train --config rotated_fashion_mnist:thesis --workdir runs/fashion --config.data.root=DIR

`:thesis` has the thesis' method and hyper-parameters, and 49.3 % by k-means there; `:paper` has the paper's, `:small`
is for two CPU cores.
"""

from irl_inr_jax.config import base, variants


def get_config(names: str = ""):
    """The default recipe with tau = 0."""
    config = base.get_config()
    config.data.update(name="rotated_fashion_mnist", canvas=28)
    config.model.pose.translation = False
    return variants.choose(config, names)
