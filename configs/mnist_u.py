"""MNIST(U): MNIST on a 50x50 canvas, turned by a uniform angle and shifted by N(0, 5^2) pixels (paper, section 4.1.1).

    python train.py --config configs/mnist_u.py --workdir runs/mnist_u --config.data.root=DIR

`:small` runs on two CPU cores in about half an hour; `:paper` has the paper's own choices (Table 5, Appendix A);
`:target_vae` and other names are the systems that the paper compares with (irl_inr_jax/config/variants.py).
"""

from irl_inr_jax.config import base, variants


def get_config(names: str = ""):
    """Our recipe at the paper's size."""
    config = base.get_config()
    config.data.update(name="mnist_u", canvas=50, translation_px=5.0)
    config.evaluation.shift_px = 5.0
    return variants.choose(config, names, small=apply_small)


def apply_small(config) -> None:
    """A run of the same kind for two CPU cores: narrow networks, some of the images."""
    config.model.latent_dim = min(config.model.latent_dim, 128 if config.method == "simclr" else 10)
    if config.model.encoder.input == "canonical":
        config.model.encoder.update(trunk="mlp", head_widths=(512, 512, 256))
    elif config.model.encoder.trunk == "resnet18":
        head_widths = config.model.encoder.head_widths and (128, 128)
        config.model.encoder.update(width=16, stem="3x3/2", head_widths=head_widths)
    config.model.hypernet.widths = (128, 128)
    config.model.inr.update(widths=(64, 64, 64), num_frequencies=64)
    variants.apply_narrow_baselines(config)
    config.loss.num_pixels = 256
    config.data.num_train = 20_000
    config.train.num_epochs = 20
    variants.apply_quick_clustering(config, num_epochs=15)
