"""dSprites: 737,280 squares, ellipses and hearts of 64x64 pixels in known poses; the shapes are the classes.

    irl-inr train --config dsprites:small --workdir runs/dsprites --config.data.root=DIR

DIR/dsprites/ has dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz; its images are unpacked once, to 3 GB in that folder,
and streamed. `:small` uses 20,000 of them on two CPU cores; `:paper` has the paper's own choices (Table 5).
"""

from irl_inr_jax.config import base, narrow, variants


def get_config(names: str = ""):
    """The default recipe; a tenth of the images is held out for testing, as the publisher made no split."""
    config = base.get_config()
    config.data.update(name="dsprites", test_fraction=0.1)
    config.train.num_epochs = 20
    config.loss.neighbours = 0.0  # the images are streamed
    config.evaluation.shift_px = 2.0
    omit_search(config)
    return variants.choose(config, names, paper=apply_paper, small=apply_small, cpu=apply_cpu)


def apply_paper(config) -> None:
    """The paper's own choices: Table 5, and shifted views as for MNIST(U)."""
    variants.apply_paper(config)
    config.views.translation_px = 5.0
    config.train.num_epochs = 100


def apply_small(config) -> None:
    """Narrow networks and some of the images."""
    narrow.apply_small(config)
    config.data.num_test = 5_000


def apply_cpu(config) -> None:
    """One pass over all images."""
    narrow.apply_cpu(config)
    config.loss.neighbours = 0.0
    config.train.num_epochs = 1
    omit_search(config)


def omit_search(config) -> None:
    """Clusterers without a search under rotations, whose time is quadratic in the number of images."""
    config.evaluation.clusterers = ("kmeans", "agglomerative", "diffusion")
