"""MNIST(U): MNIST on a 50x50 canvas, rotated uniformly and shifted by N(0, 5^2) pixels (paper, section 4.1.1).

    irl-inr train --config mnist_u:cpu --workdir runs/mnist_u --config.data.root=DIR

`:cpu` has fewer epochs than the default: an hour on one CPU core or a minute on a GPU, k-means on z 93.7 % (one seed).
`:small`: 20,000 images without their neighbours, 25 minutes on two CPU cores, accuracy of k-means 72 %, of
agglomerative clustering 75 % (one seed). `:paper` has the paper's own choices (Table 5, Appendix A) and scores
59.6 +- 1.1 % and 71.5 +- 1.0 % there. `:target_vae` and other names are the methods that the paper compares with
(irl_inr_jax/config/variants.py).
"""

from irl_inr_jax.config import base, variants


def get_config(names: str = ""):
    """The default recipe."""
    config = base.get_config()
    config.data.update(name="mnist_u", canvas=50, translation_px=5.0)
    config.model.encoder.polar.radius = 0.64  # the digits fill a disc of 16 pixels of the canvas
    config.evaluation.shift_px = 5.0
    return variants.choose(config, names)
