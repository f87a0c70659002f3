"""Galaxy Zoo: the middle of 61,578 colour photographs of galaxies at 64x64 pixels; clear votes are the classes.

    irl-inr train --config galaxy_zoo:small --workdir runs/galaxy_zoo --config.data.root=DIR

DIR/galaxy_zoo/ has images_training_rev1/ and training_solutions_rev1.csv of Kaggle's galaxy-zoo-the-galaxy-challenge;
a smaller copy of the images, 750 MB, is written to that folder once. `:small` uses 10,000 of them on two CPU cores;
`:paper` has the paper's own choices (Table 5), without the circular crop.
"""

from irl_inr_jax.config import base, narrow, variants


def get_config(names: str = ""):
    """The default recipe at the paper's size."""
    config = base.get_config()
    config.data.update(name="galaxy_zoo", resize=64, crop="circle")
    config.train.num_epochs = 100
    config.evaluation.shift_px = 1.0
    return variants.choose(config, names, paper=apply_paper, small=apply_small)


def apply_paper(config) -> None:
    """The paper's own choices: Table 5 and Appendix B, and shifted views as for MNIST(U)."""
    variants.apply_paper(config)
    config.data.crop = "none"
    config.views.translation_px = 5.0
    config.train.num_epochs = 100


def apply_small(config) -> None:
    """Narrow networks and some of the images, which are large and in colour."""
    narrow.apply_small(config, num_train=10_000)
    config.data.num_test = 2_000
