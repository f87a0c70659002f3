"""MNIST(U) without 9, which a blind eye cannot tell from 6 (paper, Appendix D and Table 8).

    python train.py --config configs/mnist_u_no9.py --workdir runs/mnist_u_no9 --config.data.root=DIR

`:small` and `:paper` as in configs/mnist_u.py.
"""

from irl_inr_jax.presets import mnist_u


def get_config(names: str = ""):
    """configs/mnist_u.py with one key more."""
    config = mnist_u.get_config(names)
    config.data.exclude_classes = (9,)
    return config
