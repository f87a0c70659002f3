"""Particle images of electron microscopy, such as 5HDB: 16,000 training and 4,000 test images of 40x40 pixels.

    python train.py --config configs/particles.py --workdir runs/5hdb --config.data.root=DIR

DIR/5hdb/ has one stack (.mrcs, .mrc or .npy) with 'train' in its name, and perhaps one with 'test' instead; or say
--config.data.path=FILE. `:small` is for two CPU cores; `:paper` has the paper's own choices (Table 5) for 5HDB.
"""

from irl_inr_jax.presets import mnist_u

from irl_inr_jax.config import base, variants


def get_config(names: str = ""):
    """Our recipe. Particles are never quite centred, and angles about their own centre of mass vary less with noise."""
    config = base.get_config()
    config.data.update(name="particles", crop="circle", scaling="percentiles")
    config.model.pose.update(blur_px=3.0, reach=0.75)
    config.train.num_epochs = 100
    return variants.choose(config, names, paper=apply_paper, small=apply_small)


def apply_paper(config) -> None:
    """The paper's own choices for 5HDB: Table 5, and images that only turn."""
    variants.apply_paper(config)
    config.model.pose.translation = False
    config.train.num_epochs = 100


def apply_small(config) -> None:
    """The networks of the small MNIST(U) run, and every image."""
    mnist_u.apply_small(config)
    config.data.num_train = 0
